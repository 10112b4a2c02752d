from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nets_deap.problem.budget import Budget, Meter
from nets_deap.problem.problem import Problem
from nets_deap.search.imp import IMP, densities_after, rate_for
from nets_deap.search.method import initial
from nets_deap.search.registry import method_of, parse
from tests.search.methods import DIGITS, timeless


def test_seven_cycles_of_the_paper() -> None:
    layout = Problem("digits").layout
    after = densities_after(layout, 0.2, 7)
    np.testing.assert_allclose(after, [0.8**7, 0.8**7, 0.9**7])
    assert IMP(cycles=7, exact=False).plan(layout, 0.5)[-1].sum() == round((after * layout.sizes).sum())


def test_the_rate_that_reaches_a_density() -> None:
    layout = Problem("digits").layout
    reached = (densities_after(layout, rate_for(layout, 0.05, 14), 14) * layout.sizes).sum() / layout.size
    assert reached == pytest.approx(0.05, abs=1e-9)


def test_where_all_layers_compete_every_cycle_prunes_the_same_share() -> None:
    size = DIGITS.layout.size
    plan = IMP(cycles=6, scope="global").plan(DIGITS.layout, 0.05)
    ratio = round(0.05 * size) / size
    np.testing.assert_allclose(plan, [size * ratio ** (i / 6) for i in range(1, 7)], atol=1)


@pytest.mark.parametrize("text", ["imp", "imp:scope=global", "imp:cycles=1", "imp:rewind=3", "imp:cycles=30"])
def test_masks_only_shrink_and_weights_are_rewound(text: str) -> None:
    method, states = method_of(parse(text)), []
    rng = np.random.default_rng(0)
    found = method(DIGITS, Budget(), rng, 0.1, on_state=states.append)
    previous = np.ones(DIGITS.layout.size, dtype=bool)
    for state in states:
        assert not (state.mask & ~previous).any()
        assert (state.rewound == states[0].rewound).all()
        previous = state.mask
    theta = initial(DIGITS, np.random.default_rng(0))[0]
    assert (found.ticket.weights == theta).all() == ("rewind" not in text)
    steps = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    rewind = 3 if "rewind" in text else 0  # what starts at step 3 has 3 steps fewer to go
    assert found.cost.gradient_steps == len(states) * (steps - rewind) + rewind
    assert found.ticket.info["rewind"] == rewind


def test_imp_goes_on_from_any_cycle() -> None:
    states: list = []
    whole = IMP(cycles=4)(DIGITS, Budget(), np.random.default_rng(0), 0.1, on_state=states.append)
    rest = IMP(cycles=4)(DIGITS, Budget(), np.random.default_rng(9), 0.1, state=states[1])
    assert (rest.ticket.mask == whole.ticket.mask).all()
    assert [timeless(row) for row in rest.logbook] == [timeless(row) for row in whole.logbook]
    assert replace(rest.cost, seconds=0) == replace(whole.cost, seconds=0)


def test_imp_prunes_the_smallest_of_the_trained_weights() -> None:
    from nets_deap.search.method import train_within

    states: list = []
    method = IMP(cycles=3)
    method(DIGITS, Budget(), np.random.default_rng(0), 0.1, on_state=states.append)
    before, after = states[0], states[1]
    steps = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    rng = np.random.default_rng([before.root, 1])
    network = train_within(
        Meter(Budget()), DIGITS.architecture, before.rewound, before.mask, DIGITS.recipe, DIGITS.data.train,
        rng, steps,
    )  # fmt: skip
    magnitude = np.abs(network.weights())
    for _, places in DIGITS.layout.split(np.arange(magnitude.size)):
        kept, pruned = after.mask[places], (before.mask & ~after.mask)[places]
        assert magnitude[places][kept].min() >= magnitude[places][pruned].max()
