from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nets_deap.experiments import comparison, trial
from nets_deap.experiments.comparison import compare
from nets_deap.experiments.summary import methods_of
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.ticket import load_ticket
from nets_deap.search.registry import parse
from nets_deap.search.spec import MethodSpec
from nets_deap.util.errors import NetsError
from tests.experiments.small import config, texts

CSVS = ("trials.csv", "summary.csv")


def test_what_is_written(done: Path) -> None:
    rows = pd.read_csv(done / "trials.csv")
    assert len(rows) == 3 * 2 * 2
    assert list(rows["method"].unique()) == ["imp:cycles=2,epochs=1", "random", "rigl"]
    assert rows.groupby("asked", sort=False).size().index.tolist() == [0.2, 0.05]
    assert (abs(rows["density"] - rows["asked"]) < 1e-4).all()
    imp, random = (rows[rows["method"] == name] for name in ("imp:cycles=2,epochs=1", "random"))
    steps = math.ceil(round(200 * 0.9) / 60)
    assert set(imp["search_gradient_steps"]) == {2 * steps}
    assert set(random["search_gradient_steps"]) == {0}
    assert set(rows["train_gradient_steps"]) == {2 * steps}
    assert "search_seconds" not in rows  # differs from run to run
    assert len(pd.read_csv(done / "seconds.csv")) == len(rows)
    assert len(list((done / "tickets").glob("*.safetensors"))) == 8  # rigl has none


def test_it_is_the_same_over_processes_and_in_pieces(done: Path) -> None:
    with MultiprocessMap(2) as engine:
        compare(config(), Path("two"), engine)
    assert texts(Path("two")) == texts(done)
    compare(config(seeds=1, densities="0.2"), Path("pieces"), SerialMap())
    compare(config(), Path("pieces"), SerialMap())
    assert texts(Path("pieces")) == texts(done)


def test_what_is_committed_is_enough(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = texts(done)
    for name in ("trials", "tickets"):
        shutil.rmtree(done / name)
    monkeypatch.setattr(comparison, "run_trial", None)
    compare(config(), done, SerialMap())
    assert texts(done) == before


def test_asking_for_less_loses_nothing(done: Path) -> None:
    before = (done / "trials.csv").read_text(encoding="utf-8")
    asked = compare(config(methods="random", densities="0.05", seeds=1), done, SerialMap())
    assert len(asked.rows) == 1
    assert (done / "trials.csv").read_text(encoding="utf-8") == before


def test_controls_without_what_they_control() -> None:
    methods = "imp:epochs=1,cycles=2+reinit,imp:epochs=1,cycles=2+shuffle"
    with MultiprocessMap(2) as engine:
        result = compare(config(methods=methods, densities="0.2", seeds=3), Path("controls"), engine)
    assert result.failed == {}
    assert len(result.rows) == 6
    assert len(list(Path("controls/tickets").glob("*.json"))) == 3  # each searched for once


def test_damaged_files_are_made_again(done: Path) -> None:
    before = texts(done)
    for path in (*done.glob("tickets/imp-*"), *done.glob("trials/*")):
        path.write_text("[]")
    (done / "trials.csv").unlink()
    result = compare(config(), done, SerialMap())
    assert result.failed == {}
    assert texts(done) == before


def test_what_trials_recorded_stays_with_the_table() -> None:
    chosen = config(methods="imp:cycles=2,nets:pop=2,gens=1,epochs=1", densities="0.2", track_test=True)
    compare(chosen, Path("tracked"), SerialMap())
    names = ("training.csv", "logbooks.csv")
    before = [Path("tracked", name).read_text(encoding="utf-8") for name in names]
    curves, logbooks = (pd.read_csv(Path("tracked", name)) for name in names)
    assert curves.groupby(["method", "seed"]).size().tolist() == [2] * 4
    assert {"test_acc", "val_loss", "epoch"} <= set(curves)
    assert logbooks["test_acc_best"].notna().sum() == 2 * 2
    assert logbooks["cycle"].notna().sum() == 2 * 2
    shutil.rmtree("tracked/trials")
    compare(chosen, Path("tracked"), SerialMap())
    assert [Path("tracked", name).read_text(encoding="utf-8") for name in names] == before


def test_a_damaged_table_is_one_line(done: Path) -> None:
    for text in ("method,asked\n1", "method,asked,seed\nrandom,0.2,1\n", "a,b\n1,2\n"):
        (done / "trials.csv").write_text(text)
        with pytest.raises(NetsError, match=r"trials\.csv"):
            compare(config(), done, SerialMap())


def test_names_of_files_are_short_and_differ() -> None:
    options = "nets:" + ",".join(
        f"{name}=0.123456789" for name in ("crossover", "noise", "resample", "awaken")
    )
    names = [trial.Trial(parse(f"{options},data_fraction={share}"), 0.2, 1).name for share in (0.5, 0.6)]
    assert len(set(names)) == 2
    assert max(map(len, names)) < 150
    assert trial.Trial(MethodSpec("snip"), 0.2000001, 1).name != trial.Trial(MethodSpec("snip"), 0.2, 1).name


def test_without_out_a_comparison_with_more_seeds_goes_on(cli: Any) -> None:
    small = ("--data-limit", 200, "--epochs", 1, "--map", "serial", "--methods", "random")
    cli("compare", *small, "--seeds", 1)
    ran = cli("compare", *small, "--seeds", 2, "--density", "0.2,0.1")
    assert ran.code == 0
    assert len(list(Path("runs").iterdir())) == 1


def test_other_data_is_refused(done: Path) -> None:
    (done / "data.crc32").write_text("00000000\n")
    with pytest.raises(NetsError, match="results from other data"):
        compare(config(seeds=3), done, SerialMap())


def test_what_is_there_needs_no_data_and_asking_for_less_loses_nothing(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stored = texts(done), (done / "config.json").read_text(encoding="utf-8")

    def none(*arguments: Any) -> None:
        raise NetsError("no data here")

    monkeypatch.setattr("nets_deap.data.loading.load", none)
    result = compare(config(methods="random", densities="0.05", seeds=1), done, SerialMap())
    assert len(result.rows) == 1
    assert (texts(done), (done / "config.json").read_text(encoding="utf-8")) == (before, stored)
    (done / "seconds.csv").unlink()
    compare(config(), done, SerialMap())
    assert texts(done) == before


def test_tickets_know_what_they_were_found_for(done: Path) -> None:
    found = load_ticket(done / "tickets/random-0.05-2.safetensors")
    assert (found.config["dataset"], found.config["data_limit"], found.config["seed"]) == ("digits", 200, 2)
    assert "methods" not in found.config


def test_a_rewound_ticket_has_fewer_steps_to_go() -> None:
    chosen = config(methods="imp:cycles=2,rewind=2,random", densities="0.2", seeds=1)
    rewound, random = compare(chosen, Path("rewound"), SerialMap()).rows
    assert rewound["train_gradient_steps"] == random["train_gradient_steps"] - 2
    assert rewound["early_stop_iteration"] > 2  # counted from the first training's start
    control = config(
        methods="imp:cycles=2,rewind=2+shuffle,imp:cycles=2,rewind=2+reinit", densities="0.2", seeds=1
    )
    shuffled, fresh = compare(control, Path("control"), SerialMap()).rows
    assert shuffled["train_gradient_steps"] == rewound["train_gradient_steps"]
    assert fresh["train_gradient_steps"] == random["train_gradient_steps"]


def test_interrupted_in_mid_trial_it_goes_on(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def killed(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return train(*arguments, **more)

    train = trial.train_ticket
    monkeypatch.setattr(trial, "train_ticket", killed)
    with pytest.raises(KeyboardInterrupt):
        compare(config(), Path("killed"), SerialMap())
    assert 0 < len(pd.read_csv("killed/trials.csv")) < 12
    before = len(calls)
    result = compare(config(), Path("killed"), SerialMap())
    assert texts(Path("killed")) == texts(done)
    assert len(calls) - before < 8
    assert result.failed == {}


def test_a_trial_that_fails_leaves_the_others_alone_and_is_repeated(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(ticket: Any, problem: Any, seed: int, *arguments: Any, **more: Any) -> Any:
        if seed == 2:
            raise ZeroDivisionError("on purpose")
        return train(ticket, problem, seed, *arguments, **more)

    train = trial.train_ticket
    with monkeypatch.context() as patch:
        patch.setattr(trial, "train_ticket", broken)
        result = compare(config(), Path("broken"), SerialMap())
    assert {trial.seed for trial in result.failed} == {2}
    assert "ZeroDivisionError: on purpose" in result.failed.popitem()[1]
    assert len(result.rows) == 8
    compare(config(), Path("broken"), SerialMap())
    assert texts(Path("broken")) == texts(done)


def test_options_of_a_search_are_checked_at_the_densities_asked_for() -> None:
    method = "gmp:init_density=0.15"
    compare(config(methods=method, densities="0.1", seeds=1), Path("one"), SerialMap())
    with pytest.raises(NetsError, match="no less than the density asked for"):
        compare(config(methods=method, densities="0.2", seeds=1), Path("one"), SerialMap())
    compare(config(methods="random", densities="0.2", seeds=1), Path("one"), SerialMap())
    assert set(pd.read_csv("one/summary.csv")["asked"]) == {0.2, 0.1}


def test_the_random_ticket_beside_nets_has_the_density_that_nets_reached() -> None:
    chosen = config(methods="nets-paper:pop=3,gens=1,epochs=1,nets:pop=3,gens=1", densities="0.1", seeds=1)
    paper = "nets-paper:epochs=1,gens=1,pop=3"
    assert list(map(str, methods_of(chosen))) == [paper, f"{paper}+random", "nets:gens=1,pop=3"]
    result = compare(chosen, Path("nets"), SerialMap())
    nets, random, _ = sorted(
        result.rows, key=lambda row: list(map(str, methods_of(chosen))).index(row["method"])
    )
    assert nets["density"] == random["density"]
    assert nets["search_gradient_steps"] == random["search_gradient_steps"] > 0


def test_a_control_does_not_search_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = config(methods="imp:epochs=1,cycles=2,imp:epochs=1,cycles=2+reinit", densities="0.2", seeds=1)
    result = compare(chosen, Path("controls"), SerialMap())
    first, second = result.rows
    assert first["search_gradient_steps"] == second["search_gradient_steps"] > 0
    assert first["test_loss"] != second["test_loss"]
    kept = json.loads(Path("controls/tickets/imp-cycles2-epochs1-0.2-1.json").read_text(encoding="utf-8"))
    assert len(kept["logbook"]) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"methods": "inp"}, "unknown method 'inp'"),
        ({"densities": "0.2,1e-9"}, "density 1e-09 leaves 0 of"),
        ({"reference": "snip"}, "none of the methods"),
        ({"methods": "random:allocation=0.1/0.1"}, "expected 3"),
        ({"densities": "0.2,0.2"}, "is given twice"),
        ({"methods": "random", "until_half_width": 0.1}, "two methods or more"),
        ({"methods": "random,nets:pop=0"}, "pop"),
        ({"methods": "random,nets", "densities": "1"}, "nothing to look for"),
        ({"methods": "nets:epochs=1,iterations=3"}, "give one"),
        ({"equal_budget": 9, "budget_steps": 9}, "is a budget itself"),
        ({"methods": "imp,snip", "equal_budget": 5}, "too small for 8 cycles"),
        ({"methods": "imp:iterations=9,rewind=7"}, "leaves nothing of a training of 6 steps"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_run(options: dict[str, Any], says: str) -> None:
    with pytest.raises(NetsError, match=says):
        compare(config(**options), Path("new"), SerialMap())
    assert not Path("new").exists()


def test_a_folder_of_another_comparison_is_refused(done: Path) -> None:
    before = texts(done)
    with pytest.raises(NetsError, match=r"holds a comparison with epochs 2, not 3: choose another `out`"):
        compare(config(epochs=3), done, SerialMap())
    assert texts(done) == before
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(NetsError, match="is not empty and holds no comparison"):
        compare(config(), Path("full"), SerialMap())


def test_the_command(cli: Any) -> None:
    arguments = ("--data-limit", 200, "--epochs", 1, "--seeds", 2, "--map", "serial", "--out", "new")
    ran = cli("compare", "--methods", "random,rigl,snip", "--density", "0.2", *arguments)
    assert ran.code == 0
    assert "rigl*" in ran.out
    assert "a trained network, not a ticket" in ran.out
    again = cli("compare", "--methods", "random,rigl,snip", "--density", "0.2", *arguments, "--json")
    assert {row["method"] for row in json.loads(again.out)["summary"]} == {"random", "rigl", "snip"}
    wrong = cli("compare", "--density", "0.2,x")
    assert (wrong.code, wrong.out) == (2, "")
    assert "expected numbers separated by commas" in wrong.err
    listed = cli("compare", "--list-methods")
    assert "synflow" in listed.out
    assert "scale-matched" in listed.out


def test_a_comparison_is_continued_whatever_the_spelling_of_its_methods() -> None:
    first = config(methods="imp:exact=true,cycles=2", densities="0.2", seeds=1)
    compare(first, Path("c"), SerialMap())
    before = sorted(path.name for path in Path("c/tickets").iterdir())
    again = config(methods="imp:exact=yes,cycles=2", densities="0.2", seeds=1)
    result = compare(again, Path("c"), SerialMap())
    assert len(result.summaries()) == 1
    assert sorted(path.name for path in Path("c/tickets").iterdir()) == before
    with_lists = config(
        methods=["imp:cycles=2,exact=true+reinit", "imp:cycles=2,exact=true"], densities="0.2", seeds=1
    )
    compare(with_lists, Path("c"), SerialMap())
    assert len([path for path in Path("c/tickets").iterdir() if "exactyes" in path.name]) == 0
