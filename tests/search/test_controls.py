from __future__ import annotations

import numpy as np
import pytest

from nets_deap.problem.budget import Budget, Cost
from nets_deap.search.controls import CONTROLS, lineage_search
from nets_deap.search.cycles import State
from nets_deap.search.imp import IMP
from tests.search.methods import DIGITS, search


@pytest.mark.parametrize("name", [name for name in CONTROLS if name != "dense"])
def test_controls_keep_the_density(name: str) -> None:
    ticket = search("imp:cycles=2,iterations=5").ticket
    control = CONTROLS[name](ticket, DIGITS, np.random.default_rng(5))
    assert control.mask.sum() == ticket.mask.sum()
    assert control.info["method"] == f"imp+{name}"
    assert not ((control.weights == ticket.weights).all() and (control.mask == ticket.mask).all())
    if name not in ("random", "imp", "lineage"):
        assert control.layout.densities(control.mask) == ticket.layout.densities(ticket.mask)


def test_what_each_control_keeps() -> None:
    ticket = search("imp:cycles=2,iterations=5").ticket
    rng = np.random.default_rng(5)
    assert (CONTROLS["reinit"](ticket, DIGITS, rng).mask == ticket.mask).all()
    assert (CONTROLS["shuffle"](ticket, DIGITS, rng).weights == ticket.weights).all()
    dense = CONTROLS["dense"](ticket, DIGITS, rng)
    assert (dense.weights == ticket.weights).all()
    assert dense.mask.all()
    matched = CONTROLS["scale-matched"](ticket, DIGITS, rng)
    split = DIGITS.layout.split
    layers = zip(split(matched.weights), split(ticket.weights), split(ticket.mask), strict=True)
    for (_, ours), (_, theirs), (_, alive) in layers:
        assert np.sqrt(np.mean(ours**2)) == pytest.approx(np.sqrt(np.mean(theirs[alive] ** 2)), rel=0.1)


def test_imp_as_a_control_starts_from_the_tickets_weights() -> None:
    ticket = search("random").ticket
    ticket.weights[:] *= 3
    root = int(np.random.default_rng(5).integers(2**63))
    start = State(0, ticket.weights, np.ones_like(ticket.mask), root, [], Cost())
    expected = IMP(epochs=1)(DIGITS, Budget(), np.random.default_rng(), ticket.density, start).ticket
    control = CONTROLS["imp"](ticket, DIGITS, np.random.default_rng(5))
    assert (control.weights == ticket.weights).all()
    assert (control.mask == expected.mask).all()


def test_a_lineage_as_a_control_flips_signs_of_the_tickets_weights_and_prunes_all_of_them_anew() -> None:
    ticket = search("random").ticket
    ticket.weights[:] *= 3
    control = CONTROLS["lineage"](ticket, DIGITS, np.random.default_rng(5))
    assert (np.abs(control.weights) == np.abs(ticket.weights)).all()
    assert (control.weights != ticket.weights).any()
    assert (control.mask & ~ticket.mask).any()


@pytest.mark.parametrize("density", [0.5, 0.1])
def test_a_lineage_as_a_control_takes_as_many_steps_as_imp(density: float) -> None:
    start = np.random.default_rng(5).normal(size=DIGITS.layout.size).astype(np.float32)
    method = lineage_search(DIGITS, density)
    initial = start, DIGITS.architecture.initial_extras
    found = method(DIGITS, Budget(), np.random.default_rng(5), density, initial)
    imp = IMP(epochs=1)(DIGITS, Budget(), np.random.default_rng(5), density)
    assert found.cost.gradient_steps == imp.cost.gradient_steps
    assert (np.abs(found.ticket.weights) == np.abs(start)).all()


def test_the_dense_network_as_a_ticket_has_nothing_to_prune_anew() -> None:
    ticket = search("dense").ticket
    assert CONTROLS["lineage"](ticket, DIGITS, np.random.default_rng(5)).mask.all()
