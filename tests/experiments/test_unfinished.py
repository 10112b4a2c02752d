"""A trial that is cut short goes on in its middle, and gives what it would have given in one piece."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nets_deap.experiments import unfinished
from nets_deap.experiments.comparison import compare
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.search import going_on
from nets_deap.training.standing import Kept
from nets_deap.util import seldom
from nets_deap.util.errors import NetsError
from tests.experiments.small import config, texts

SEARCHES = {
    "imp": "imp:cycles=4,epochs=1",
    "es": "es:pop=4,gens=2,rounds=3",
    "nets": "nets:pop=3,gens=3,epochs=1",
    "weedout": "weedout:pop=4,gens=3,steps=2",
    "a control": "imp:cycles=4,epochs=1+reinit",
}


def run(methods: str, out: str, engine: Any = None, **options: Any) -> Path:
    settings = {"methods": methods, "densities": "0.2", "seeds": 1, **options}
    assert compare(config(**settings), Path(out), engine or SerialMap()).failed == {}
    return Path(out)


def found(folder: Path) -> tuple[Any, ...]:
    """All that a comparison has found, without times."""
    trials = [
        _timeless(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("trials/*.json"))
    ]
    tickets = {path.name: path.read_bytes() for path in sorted(folder.glob("tickets/*.safetensors"))}
    costs = [
        _timeless(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("tickets/*.json"))
    ]
    return texts(folder), trials, tickets, costs, list(folder.glob("trials/*.partial"))


def _told(path: Path) -> Any:
    return _timeless(json.loads(path.read_text(encoding="utf-8")))


def _timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    times = ("elapsed_s", "seconds", "search_seconds", "train_seconds", "digest")
    return {key: _timeless(each) for key, each in value.items() if key not in times}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be saved is saved, however short the work is."""
    monkeypatch.setattr(seldom, "OFTEN", -1.0)
    monkeypatch.setattr(seldom, "SHARE", 1e9)


def after(patch: pytest.MonkeyPatch, place: Any, name: str, count: int, then: Callable[[], Any]) -> list:
    """Call `then` when a function has been called so often. Returns a list of the calls."""
    function, calls = getattr(place, name), []

    def counted(*arguments: Any, **options: Any) -> None:
        calls.append(None)
        function(*arguments, **options)
        if len(calls) == count:
            then()

    patch.setattr(place, name, counted)
    return calls


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_goes_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        all_states = after(patch, going_on, "save", 0, interrupt)
        whole = run(SEARCHES[name], "whole")
    for _ in range(2):
        with monkeypatch.context() as patch:
            after(patch, going_on, "save", 1, interrupt)
            with pytest.raises(KeyboardInterrupt):
                run(SEARCHES[name], "cut")
    (left,) = Path("cut/trials").iterdir()
    assert len(list(left.rglob("cycle-*"))) in (0, 1)  # those before are not kept
    with monkeypatch.context() as patch:
        states = after(patch, going_on, "save", 0, interrupt)
        run(SEARCHES[name], "cut")
    assert len(states) == len(all_states) - 2
    assert found(Path("cut")) == found(whole)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("method", ["edge-popup", "gem-miner:rounds=4", "cts+reinit"])
def test_a_search_that_is_one_training_goes_on(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(method, "whole", epochs=6)
    with monkeypatch.context() as patch:
        after(patch, Kept, "note", 2, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(method, "cut", epochs=6)
    assert [path.name for path in Path("cut/trials").rglob("*.safetensors")] == [unfinished.SEARCH]
    with monkeypatch.context() as patch:
        after(patch, Kept, "note", 5, interrupt)  # in the training after it
        with pytest.raises(KeyboardInterrupt):
            run(method, "cut", epochs=6)
    run(method, "cut", epochs=6)
    assert found(Path("cut")) == found(whole)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("methods", ["imp:cycles=2,epochs=1,random", "rigl:every=2,gmp:every=2"])
def test_a_training_goes_on(methods: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(methods, "whole", epochs=6)
    with monkeypatch.context() as patch:
        after(patch, Kept, "note", 4, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(methods, "cut", epochs=6)
    with monkeypatch.context() as patch:
        evaluations = after(patch, Kept, "note", 0, interrupt)
        run(methods, "cut", epochs=6)
    assert len(evaluations) == 2 + 6
    assert found(Path("cut")) == found(whole)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("place", [(going_on, "save", 2), (Kept, "note", 3)])
def test_in_a_worker_that_is_killed(place: tuple[Any, str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    methods = "imp:cycles=3,epochs=1,weedout:pop=4,gens=3,steps=2"
    whole = run(methods, "whole", epochs=4)

    def kill() -> None:
        with open("killed", "a", encoding="utf-8") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch, MultiprocessMap(2, start="fork") as engine:
        after(patch, *place, kill)
        run(methods, "killed-two", engine, epochs=4)
    assert len(Path("killed").read_text(encoding="utf-8")) >= 2  # a worker of each trial
    assert found(Path("killed-two")) == found(whole)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("place", [(going_on, "save", 2), (Kept, "note", 3)])
def test_what_is_damaged_begins_anew(place: tuple[Any, str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    for methods in (SEARCHES["imp"], SEARCHES["weedout"]):
        whole = run(methods, "whole", epochs=4)
        with monkeypatch.context() as patch:
            after(patch, *place, interrupt)
            with pytest.raises(KeyboardInterrupt):
                run(methods, "cut", epochs=4)
        for path in Path("cut/trials").rglob("*.safetensors"):
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        run(methods, "cut", epochs=4)
        assert found(Path("cut")) == found(whole)


@pytest.mark.usefixtures("often")
def test_elsewhere_nothing_unfinished_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SerialMap, "elsewhere", True)
    folder = run("edge-popup+reinit,imp:cycles=2,epochs=1+shuffle,rigl:every=2", "run")
    assert not list(folder.rglob(f"*{unfinished.SUFFIX}"))
    assert list(folder.glob("tickets/*.safetensors"))


def test_a_short_trial_saves_nothing_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    saves = after(monkeypatch, going_on, "save", 0, interrupt)
    notes = after(monkeypatch, Kept, "note", 0, interrupt)
    run(",".join(SEARCHES.values()), "run")
    assert (saves, notes) == ([], [])


@pytest.mark.usefixtures("often")
def test_other_settings_do_not_take_over_what_is_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        after(patch, going_on, "save", 1, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(SEARCHES["imp"], "cut")
    with pytest.raises(NetsError, match="choose another `out`"):
        run(SEARCHES["imp"], "cut", lr=0.5)
    elsewhere = Path("elsewhere")
    Path("cut/trials").rename(elsewhere)
    (own,) = elsewhere.iterdir()
    Path("cut/trials").mkdir()
    Path("cut/trials", own.name).symlink_to(own.absolute())
    asked = config(methods=SEARCHES["imp"], densities="0.2", seeds=1)
    failed = compare(asked, Path("cut"), SerialMap()).failed
    assert ["is a symbolic link" in error for error in failed.values()] == [True]
    assert list(own.rglob("cycle-*"))
