"""Experiments as files: named arms, lists of seeds and methods, a preset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nets_deap.evolution.settings import configure
from nets_deap.experiments import comparison_folder
from nets_deap.experiments.arms import label
from nets_deap.experiments.comparison import compare, trials_of
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.summary import methods_of
from nets_deap.parallel.serial import SerialMap
from nets_deap.search.registry import METHODS, parse, parse_all
from nets_deap.util.errors import NetsError
from tests.experiments.test_comparison import config

EXPERIMENT = """
preset = "quick"
data-limit = 200
epochs = 1
seeds = [1, 3]
densities = [0.2, 0.1]
methods = ["random", "imp:cycles=2,epochs=1", "short-imp+reinit"]
reference = "short-imp"
map = "serial"
track-test = true

[arms.short-imp]
method = "imp"
epochs = 1

[arms.lineage]
method = "nets:gens=2"
pop = 1
iterations = 5
mutate = ["flip", "prune-increase"]
"""
SPECS = (
    "random,imp:cycles=2,epochs=1,imp:epochs=1+reinit,imp:epochs=1,"
    "nets:gens=2,iterations=5,mutate=flip/prune-increase,pop=1"
)


def read(text: str, **options: Any) -> CompareConfig:
    Path("e.toml").write_text(text, encoding="utf-8")
    return configure(CompareConfig, config="e.toml", **options)


def test_a_file_says_what_the_command_line_can_and_names_its_arms() -> None:
    told = read(EXPERIMENT)
    assert told.methods == parse_all(SPECS)
    assert told.reference == parse("imp:epochs=1")
    assert told.arms == {"short-imp": parse("imp:epochs=1"), "lineage": told.methods[-1]}
    assert (told.epochs, told.data_limit, told.densities) == (1, 200, [0.2, 0.1])
    assert sorted({trial.seed for trial in trials_of(told)}) == [1, 3]
    shown = [label(spec, told.arms) for spec in methods_of(told)]
    assert shown == ["random", "imp:cycles=2,epochs=1", "short-imp+reinit", "short-imp", "lineage"]


def test_names_of_arms_are_in_tables_and_every_csv(cli: Any) -> None:
    Path("e.toml").write_text(EXPERIMENT, encoding="utf-8")
    ran = cli("compare", "--config", "e.toml", "--out", "c")
    assert (ran.code, ran.err) == (0, "")
    assert "paired, against short-imp at" in ran.out
    assert ran.out.count("short-imp+reinit") == 2 * 2 + 2  # trials, and rows of the table
    names = {"random", "imp:cycles=2,epochs=1", "short-imp", "short-imp+reinit", "lineage"}
    for name in ("trials.csv", "summary.csv", "training.csv", "logbooks.csv"):
        table = pd.read_csv(Path("c", name))
        assert set(table["arm"]) == (names - {"short-imp+reinit"} if name == "logbooks.csv" else names)
        assert not table.duplicated().any()
    before = {path: path.read_bytes() for path in Path("c").glob("*.[cj]*")}
    assert cli("compare", "--config", "c/config.json", "--out", "c", "--map", "serial").code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_a_comparison_with_arms_and_one_without_go_on_with_each_other() -> None:
    bare = {"methods": "random,imp:epochs=1", "densities": "0.2", "epochs": 1}
    compare(config(**bare, seeds=1), Path("c"), SerialMap())
    with_arms = config(**bare, seeds=[1, 4], arms={"short": {"method": "imp", "epochs": 1}})
    compare(with_arms, Path("c"), SerialMap())
    assert pd.read_csv("c/trials.csv")["arm"].tolist() == ["short", "short", "random", "random"]
    compare(config(**bare, seeds=2), Path("c"), SerialMap())
    stored = comparison_folder.read_config(Path("c"))
    assert (stored.all_seeds(), stored.arms) == ([1, 4, 2], with_arms.arms)
    assert len(pd.read_csv("c/trials.csv")) == 2 * 3
    with pytest.raises(NetsError, match="the arm short is imp:epochs=1, not snip"):
        compare(config(**bare, seeds=1, arms={"short": "snip"}), Path("c"), SerialMap())
    folders = {comparison_folder.default_folder(each) for each in (config(**bare), with_arms, stored)}
    assert len(folders) == 1


def test_arms_are_stretched_under_their_names() -> None:
    told = compare(
        config(
            methods="random",
            densities="0.2",
            seeds=1,
            equal_budget=100,
            arms={"whole": "imp", "brief": {"method": "imp", "epochs": 1}},
            reference="whole",
        ),
        Path("c"),
        SerialMap(),
    )
    assert told.config.arms == {
        "whole": parse("imp:budget=100"),
        "brief": parse("imp:budget=100,cycles=33,epochs=1"),
    }
    assert pd.read_csv("c/summary.csv")["arm"].tolist() == ["random", "whole", "brief"]


@pytest.mark.parametrize("seeds", [[1, 2, 3], [4, 2], [2, 3]])
def test_a_list_of_seeds_is_a_number_where_it_can_be(seeds: list[int]) -> None:
    told = config(seeds=seeds)
    assert told.all_seeds() == seeds
    assert told.seeds == (3 if seeds == [1, 2, 3] else seeds)
    written = json.loads(told.model_dump_json())
    assert configure(CompareConfig, **written).all_seeds() == seeds


@pytest.mark.parametrize("name", METHODS)
def test_every_method_may_be_an_arm_and_an_arm_may_have_its_name(name: str) -> None:
    told = config(methods="random,imp", arms={name: {"method": name}})
    assert told.arms == {name: parse(name)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[arms.a]\nepochs = 1", "arm 'a': expected a table such as"),
        ("arms = 3", r"stand under \[arms.NAME\]"),
        ("[arms.a]\nmethod = 'imp'\nlr = 0.1", "arm 'a': unknown option of imp 'lr'"),
        ("[arms.a]\nmethod = 'inp'", "arm 'a': unknown method 'inp': did you mean 'imp'"),
        ("[arms.a]\nmethod = 'imp'\nepochs = 'x'", "arm 'a': method 'imp': epochs=x"),
        ("[arms.a]\nmethod = 'imp'\nepochs = {}", "arm 'a': .* is no option"),
        ("[arms.imp]\nmethod = 'imp'\nepochs = 1", "arm 'imp' has the name of a method"),
        ("[arms.'a,b']\nmethod = 'imp'", "expected a name of letters"),
        ("[arms.a]\nmethod = 'imp'\n[arms.b]\nmethod = 'imp'", "the arms a and b are the same"),
        ("[arms.a]\nmethod = 'imp'\n[run]\n", "unknown key"),
        ("seeds = [1, 1]", "`seeds`: one of them is given twice"),
        ("seeds = []", "seeds"),
        ("seeds = [1, -2]", "seeds"),
        ("seeds = ['x']", "seeds"),
        ("seeds = [1, 5]\nuntil-half-width = 0.5", "leave the list out"),
        ("preset = 'quik'", "unknown preset 'quik': did you mean 'quick'"),
        ("preset = ['quick']", "unknown preset"),
        ("methods = ['imp', 'snipe']", "unknown method 'snipe'"),
        ("methods = []", "methods"),
        ("methods = [1]", "methods"),
        ("reference = 'b'\n[arms.a]\nmethod = 'imp'", "unknown method 'b'"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_in_one_line(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says) as error:
        read(text)
    assert "\n" not in str(error.value)


def test_the_experiment_in_the_docs_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    told = read(page.split("```toml\n")[1].split("```")[0])
    shown = [label(spec, told.arms) for spec in told.methods]
    assert shown == ["random", "short-imp+reinit", "short-imp", "lineage"]


def test_an_option_overrides_the_files_preset() -> None:
    assert read('preset = "quick"').epochs == 3
    assert read('preset = "quick"', preset="paper").optimizer == "sgd"
    assert read('preset = "quick"\nepochs = 7').epochs == 7


@pytest.mark.parametrize("arm", ['method = "nets"\nfitness = "evil:f"', 'method = "nets:fitness=evil:f"'])
def test_code_in_an_arm_is_not_run_unless_it_is_trusted(arm: str) -> None:
    with pytest.raises(NetsError, match="names code to run, `fitness` evil:f"):
        read(f"[arms.a]\n{arm}")
    with pytest.raises(NetsError, match="names code to run, `fitness` evil:f"):
        read('[arms]\na = "nets:fitness=evil:f"')
    assert read(f"[arms.a]\n{arm}", trust=True).arms
