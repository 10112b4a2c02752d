"""A search in a folder from Python: it goes on where it was, and the commands read it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import nets_deap as nd
from nets_deap.runs import held
from nets_deap.search.registry import parse
from nets_deap.util.errors import NetsError
from tests.front.own import find

left = {"calls": -1}  # of the loss, until Ctrl-C


def stopping(outputs: Tensor, targets: Tensor) -> Tensor:
    left["calls"] -= 1
    if left["calls"] == 0:
        raise KeyboardInterrupt
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize(
    ("method", "calls", "done", "budget"),
    [
        ("nets:pop=3,gens=4,epochs=1", 50, "generation", None),
        ("nets:pop=3,gens=30,density_gens=4,epochs=1", 50, "generation", nd.Budget(samples=1800)),
        ("imp:cycles=4,epochs=2", 20, "cycle", None),
    ],
)
def test_an_interrupted_search_goes_on_and_gives_the_same_ticket(
    method: str,
    calls: int,
    done: str,
    budget: Any,
    tmp_path: Path,
    cli: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    how = {"loss": stopping, "budget": budget}
    whole = find(method, **how)
    left["calls"] = calls
    with pytest.raises(KeyboardInterrupt):
        find(method, out=tmp_path / "s", **how)
    begun = held(tmp_path / "s")
    assert (begun.state, begun.unit) == ("unfinished", done)
    assert begun.done is not None
    assert begun.done < len(whole.logbook) - 1
    shutil.copytree(tmp_path / "s", tmp_path / "other")
    on = find(method, out=tmp_path / "s", **how)
    assert (on.weights == whole.weights).all()
    assert (on.mask == whole.mask).all()
    assert on.cost.samples == whole.cost.samples
    assert [row["val_loss_best" if "gen" in row else "val_loss"] for row in on.logbook] == [
        row["val_loss_best" if "gen" in row else "val_loss"] for row in whole.logbook
    ]
    again = find(method, out=tmp_path / "s", **how)
    assert (again.mask == whole.mask).all()
    assert again.cost.samples == whole.cost.samples
    assert held(tmp_path / "s").state == "finished"
    log = (tmp_path / "s/log.txt").read_text(encoding="utf-8")
    assert log.count(f"find_ticket: {parse(method)} at 0.3, seed 1") == 3
    assert ("KeyboardInterrupt" in log, "found a ticket" in log) == (True, True)
    assert not caplog.records
    assert cli("info", tmp_path / "s").code == 0
    assert cli("runs", tmp_path).out.count("finished") == 2  # and the unfinished copy
    assert cli("report", tmp_path / "s").code == 0
    with pytest.raises(NetsError, match="holds a search with seed 1, not 2: choose another `out`"):
        find(method, out=tmp_path / "other", seed=2, **how)


def test_a_method_that_cannot_go_on_begins_again(tmp_path: Path) -> None:
    one, other = (find("snip", out=tmp_path / "s") for _ in range(2))
    assert (one.mask == other.mask).all()
    assert (one.mask == find("snip").mask).all()
    assert nd.load_ticket(tmp_path / "s/ticket.safetensors").config["method"] == "snip"
