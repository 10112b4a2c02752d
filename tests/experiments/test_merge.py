"""Shards of a comparison, and joining them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nets_deap.config import run_folder
from nets_deap.experiments import comparison_folder, trial
from nets_deap.experiments.comparison import compare, trials_of
from nets_deap.experiments.merge import MissingError, merge
from nets_deap.experiments.shard import Shard
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import NetsError
from tests.experiments.test_comparison import config
from tests.golden.record import record

METHODS = "imp:cycles=2,imp:cycles=2+reinit,random,rigl"
SMALL: dict[str, Any] = {"methods": METHODS, "epochs": 1, "seeds": 3, "track_test": True}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison in one piece, `whole`, and the same in three shards, `one`, `two` and `three`."""
    place = tmp_path_factory.mktemp("shards")
    compare(config(**SMALL), place / "whole", SerialMap())
    for number, name in enumerate(SHARDS, 1):
        compare(config(**SMALL, shard=f"{number}/3"), place / name, SerialMap())
    return place


SHARDS = ("one", "two", "three")


@pytest.fixture
def here(made: Path) -> list[Path]:
    """Copies of `made` in the current folder; the shards."""
    shutil.copytree(made, ".", dirs_exist_ok=True)
    return [Path(name) for name in SHARDS]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def in_parts(whole: Path, parts: list[Path]) -> None:
    """The same trials as in the whole, as shards have them: with the same times."""
    for number, folder in enumerate(parts, 1):
        chosen = config(**SMALL, shard=f"{number}/{len(parts)}")
        run_folder.write_config(folder, chosen)
        for name in (run_folder.DATA, run_folder.VERSION):
            shutil.copy(whole / name, folder)
        for kept in ("tickets", "trials"):
            (folder / kept).mkdir()
            for each in trials_of(chosen):
                for path in (whole / kept).glob(f"{each.name}.*"):
                    shutil.copy(path, folder / kept)
        compare(chosen, folder, SerialMap())


def test_merged_shards_are_what_one_run_in_one_piece_writes_byte_for_byte(here: list[Path]) -> None:
    parts = [Path(f"part-{number}") for number in (1, 2, 3)]
    in_parts(Path("whole"), parts)
    merge(parts[::-1], Path("merged"))
    assert contents(Path("merged")) == contents(Path("whole"))
    with pytest.raises(NetsError, match="is not empty"):
        merge(parts, Path("merged"))


def test_shards_that_ran_apart_differ_from_one_run_in_their_times_alone(here: list[Path]) -> None:
    merge(here, Path("merged"))
    assert record(Path("merged")) == record(Path("whole"))
    ours, theirs = contents(Path("merged")), contents(Path("whole"))
    assert ours.keys() == theirs.keys()
    same = {name for name in ours if ours[name] == theirs[name]}
    assert {"trials.csv", "summary.csv", "config.json", "data.crc32", "version.txt"} <= same
    assert {name for name in ours if name.endswith(".safetensors")} <= same
    assert [name for name in contents(Path()) if name.startswith(".")] == []
    rows = comparison_folder.read_rows(Path("merged"))
    more = compare(config(**SMALL | {"seeds": 4}), Path("merged"), SerialMap())  # it can be extended
    assert len(more.rows) == len(rows) * 4 / 3


def test_curves_are_joined_although_the_trials_own_files_are_gone(here: list[Path]) -> None:
    before = pd.read_csv("whole/training.csv").drop(columns="elapsed_s")
    for folder in here:
        shutil.rmtree(folder / "trials")
    merge(here, Path("merged"))
    assert pd.read_csv("merged/training.csv").drop(columns="elapsed_s").equals(before)


@pytest.mark.parametrize("of", [2, 3, 5])
def test_every_trial_is_in_one_shard_and_shards_are_balanced(of: int) -> None:
    methods = "imp,imp+reinit,random,snip,synflow,dense"
    chosen = {"methods": methods, "densities": "0.2,0.1,0.05", "seeds": 30}
    parts = [trials_of(c) for c in (config(**chosen, shard=f"{k}/{of}") for k in range(1, of + 1))]
    whole = trials_of(config(**chosen))
    assert Counter(each for part in parts for each in part) == Counter(whole)
    for part in parts:
        assert part == [each for each in whole if each in set(part)]  # in the same order
        for counted in (Counter(each.method for each in part), Counter(each.density for each in part)):
            assert max(counted.values()) - min(counted.values()) <= len(whole) / 30
        bases = {trial.base_of(each) for each in part if each.method.control}
        assert bases <= set(part)
        seeds = Counter(each.seed for each in part)
        assert set(seeds) == set(range(1, 31))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "1/9999", "-1/3", "1/3/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(NetsError, match=r"shard.*such as 1/3"):
        config(shard=text)


def test_a_shard_that_cannot_be_is_refused_before_anything_runs() -> None:
    with pytest.raises(NetsError, match="has no trial"):
        compare(config(methods="random", densities="0.2", seeds=1, shard="2/2"), Path("new"), SerialMap())
    with pytest.raises(NetsError, match="looks at all trials"):
        config(shard="1/2", until_half_width=1.0)
    assert not Path("new").exists()


def test_a_shard_is_not_extended_and_keeps_to_itself(here: list[Path]) -> None:
    before = contents(here[0])
    for other in ({"seeds": 4}, {"shard": "2/3"}, {"shard": None}, {"methods": "random"}):
        with pytest.raises(NetsError, match="holds a comparison with"):
            compare(config(**{**SMALL, "shard": "1/3", **other}), here[0], SerialMap())
    assert contents(here[0]) == before
    names = {comparison_folder.default_folder(config(**SMALL, shard=k)).name for k in ("1/3", "2/3", None)}
    assert len(names) == 3


def changed(folder: str, key: str, value: Any) -> None:
    path = Path(folder, "config.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | {key: value}), encoding="utf-8")


def written(name: str, text: str) -> Callable[[], Any]:
    return lambda: Path(name).write_text(text, encoding="utf-8")


WRONG: dict[str, tuple[Callable[[], Any], tuple[str, ...], str]] = {
    "a whole": (lambda: None, ("one", "whole"), "whole holds a whole comparison, not a shard"),
    "settings": (
        lambda: changed("two", "lr", 0.5),
        SHARDS,
        "one and two are of other comparisons: lr 0.001",
    ),
    "data": (written("two/data.crc32", "0\n"), SHARDS, "one and two hold results from other data"),
    "version": (written("two/version.txt", "0.0.1\n"), SHARDS, "two holds results from another version"),
    "twice": (lambda: None, ("one", "one"), "one folder is given twice"),
    "overlapping": (lambda: shutil.copytree("one", "copy"), ("one", "copy"), "are both shard 1/3"),
    "of another number": (lambda: changed("two", "shard", "2/4"), SHARDS, "they do not add up"),
    "no comparison": (lambda: Path("empty").mkdir(), ("empty",), "config.json"),
    "another's trials": (lambda: changed("two", "shard", "3/3"), ("one", "two", "three"), "are both shard"),
    "trials of another": (
        lambda: (changed("two", "shard", "3/3"), changed("three", "shard", "2/3")),
        SHARDS,
        "holds trials that are not of shard",
    ),
    "missing": (lambda: None, ("one",), "without shard 2/3, 3/3"),
    "lacking": (lambda: Path("two/trials.csv").unlink(), SHARDS, "two lacks"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_belong_together_is_refused_and_nothing_is_written(name: str, here: list[Path]) -> None:
    change, folders, says = WRONG[name]
    change()
    with pytest.raises(NetsError, match=says):
        merge([Path(folder) for folder in folders], Path("new"))
    assert not Path("new").exists()


def test_a_missing_shard_says_what_runs_it(here: list[Path]) -> None:
    with pytest.raises(MissingError) as missing:
        merge([here[0], here[2]], Path("new"))
    assert (missing.value.folder, missing.value.shard) == (here[0], Shard(2, 3))


def test_the_commands(cli: Any) -> None:
    small = ["--data-limit", 200, "--epochs", 1, "--map", "serial", "--seeds", 2, "--methods", "random,snip"]
    assert cli("compare", *small, "--out", "whole").code == 0
    first = cli("compare", *small, "--shard", "1/2", "--out", "a")
    assert "this is shard 1/2" in first.out
    wrong = cli("merge", "a", "--out", "merged")
    command = "nets-deap compare --config a/config.json --shard 2/2"
    assert (wrong.code, wrong.err) == (
        2,
        f"Error: without shard 2/2 the comparison is not whole: {command}\n",
    )
    assert cli(*command.split()[1:], "--out", "b").code == 0
    merged = cli("merge", "a", "b", "--out", "merged")
    assert merged.code == 0
    assert "snip" in merged.out
    assert Path("merged/trials.csv").read_bytes() == Path("whole/trials.csv").read_bytes()
    shutil.rmtree("merged")
    told = json.loads(cli("merge", "a", "b", "--out", "merged", "--json").out)
    assert {row["method"] for row in told["summary"]} == {"random", "snip"}
    Path("b/trials.csv").unlink()
    wrong = cli("merge", "a", "b", "--out", "new")
    assert wrong.err == (
        "Error: b lacks 2 of its 2 trials: nets-deap compare --config b/config.json --out b\n"
    )
    assert cli("compare", "--config", "b/config.json", "--out", "b").code == 0
    assert cli("merge", "a", "b", "--out", "new").code == 0
