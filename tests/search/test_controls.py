from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor, nn

from nets_deap import problem_of
from nets_deap.experiments.trial import Trial
from nets_deap.experiments.trial import check as check_trial
from nets_deap.models.reordering import reordered
from nets_deap.problem.budget import Budget, Cost
from nets_deap.search import permuted
from nets_deap.search.controls import CONTROLS, lineage_search
from nets_deap.search.cycles import State
from nets_deap.search.imp import IMP
from nets_deap.search.method import initial
from nets_deap.search.registry import parse
from nets_deap.util.errors import NetsError
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


def test_signs_stay_and_magnitudes_are_those_of_the_same_draw_as_reinit() -> None:
    ticket = search("imp:cycles=2,iterations=5").ticket
    signs, reinit = (CONTROLS[name](ticket, DIGITS, np.random.default_rng(5)) for name in ("signs", "reinit"))
    assert (np.sign(signs.weights) == np.sign(ticket.weights)).all()
    assert (np.abs(signs.weights) == np.abs(reinit.weights)).all()
    assert (signs.mask == ticket.mask).all()


@pytest.mark.parametrize("rewind", [0, 3])
def test_where_fresh_weights_are_the_tickets_in_another_order_a_permuted_mask_follows(
    rewind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = search(f"imp:cycles=2,iterations=8,rewind={rewind}").ticket
    architecture = DIGITS.architecture
    order = np.concatenate([np.random.default_rng(7).permutation(300), 300 + np.arange(100)[::-1]])
    theta = reordered(architecture, initial(DIGITS, np.random.default_rng(0))[0], order)
    monkeypatch.setattr(permuted, "initial", lambda *_: (theta, architecture.initial_extras))
    control = CONTROLS["permuted"](ticket, DIGITS, np.random.default_rng(5))
    expected = reordered(architecture, ticket.mask, order)
    assert (control.mask == expected).mean() > 0.99  # units that are never on are anywhere
    assert (ticket.mask == expected).mean() < 0.9
    assert (control.weights == theta).all() == (rewind == 0)
    assert control.info == {"method": "imp+permuted", "rewind": rewind}


class Gated(nn.Module):
    """Its hidden units multiply one another, pair by pair."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = nn.Linear(64, 12), nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.wide(x.flatten(1)).chunk(2, dim=1)
        return self.last(left * right)


def test_units_that_nobody_can_tell_are_not_permuted() -> None:
    problem = problem_of(Gated, "digits")
    trial = Trial(parse("snip+permuted"), 0.1, 1)
    with pytest.raises(NetsError, match=r"\+permuted: the units and channels of .* cannot be followed"):
        check_trial(trial, problem)
    check_trial(Trial(parse("snip+signs"), 0.1, 1), problem)


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
