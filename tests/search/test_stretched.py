"""Every search method is stretched to a budget of gradient steps, or says why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nets_deap.problem.budget import UNLIMITED, Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.registry import METHODS, method_of, parse, stretched
from nets_deap.util.errors import NetsError

# Budget, density, training samples
CASES = [
    (250, 0.2, 150),
    pytest.param(600, 0.05, 300, marks=pytest.mark.slow),
    pytest.param(900, 0.5, 450, marks=pytest.mark.slow),
]
SMALL_ES = "pop=8,batch=20"  # the defaults do not fit such a budget
TEXTS = {name: f"{name}:{SMALL_ES}" if name.startswith("es") else name for name in METHODS}
DIGITS = Problem("digits", "mlp-100", Recipe("adam", 1.2e-3, 60, epochs=2), data_limit=300)


def allowed(name: str, steps: int) -> Budget:
    """An ES may send forward what so many minibatches hold."""
    return Budget(forward_passes=60 * steps) if name.startswith("es") else Budget(steps)


def share_used(text: str, density: float, problem: Problem) -> float:
    """The share of the method's own budget that its search takes, in gradient steps or in passes."""
    method = method_of(parse(text))
    found = method(problem, UNLIMITED, np.random.default_rng(0), density)
    budget = method.limited(UNLIMITED)
    if budget.forward_passes:
        return found.cost.forward_passes / budget.forward_passes
    return found.cost.gradient_steps / (budget.gradient_steps or 1)


@pytest.mark.parametrize(("steps", "density", "samples"), CASES)
@pytest.mark.parametrize("name", METHODS)
def test_a_stretched_search_takes_nearly_its_budget_or_says_why_not(
    name: str, steps: int, density: float, samples: int
) -> None:
    problem = replace(DIGITS, data_limit=samples)
    spec, why = stretched(parse(TEXTS[name]), problem, [density], steps)
    assert parse(str(spec)) == spec
    assert stretched(spec, problem, [density], steps)[0] == spec
    method = method_of(spec)
    assert method.searches() or why
    assert method.limited(UNLIMITED) == (allowed(name, steps) if method.searches() else UNLIMITED)
    if method.searches():
        used = share_used(str(spec), density, problem)
        assert used <= 1, spec
        assert used >= 0.9 or why, (used, spec)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("imp", "imp:budget=600"),
        ("imp:cycles=3", "imp:budget=600,cycles=3"),
        ("imp:epochs=1", "imp:budget=600,cycles=120,epochs=1"),
        (
            "imp:iterations=30,rewind=10",
            "imp:budget=600,cycles=29,iterations=30,rewind=10",
        ),  # 30, then 20 each
        ("imp:epochs=30", "imp:budget=600,epochs=30"),  # too few cycles: the budget shortens them
        ("imp:epochs=1,cycles=2", "imp:budget=600,epochs=1,cycles=2"),
        ("nets:gens=9,pop=1", "nets:budget=600,gens=9,iterations=54,pop=1"),  # 10 evaluations, 1 of the elite
        (
            "nets:iterations=20,pop=1,reevaluate=no",
            "nets:budget=600,density_gens=24,gens=30,iterations=20,pop=1,reevaluate=no",
        ),
        ("nets:gens=9,epochs=1,pop=1", "nets:budget=600,gens=9,epochs=1,pop=1"),
        ("weedout:steps=20", "weedout:budget=600,gens=30,steps=20"),
        ("weedout:gens=4", "weedout:budget=600,gens=4,steps=20"),
        ("weedout:gens=4,steps=9", "weedout:budget=600,gens=4,steps=9"),
        ("es:pop=4,batch=20,rounds=2", "es:budget=36000,pop=4,batch=20,gens=450,rounds=2"),
        ("es:pop=4,batch=20,gens=5", "es:budget=36000,pop=4,batch=20,gens=5,rounds=83"),  # 400 and 30 passes
        ("es:gens=5,rounds=2", "es:budget=36000,gens=5,rounds=2"),
        ("imp:cycles=3+reinit", "imp:budget=600,cycles=3+reinit"),
        ("imp:budget=100", "imp:budget=100"),
    ],
)
def test_what_is_given_stays_and_what_is_free_is_stretched(text: str, becomes: str) -> None:
    assert stretched(parse(text), DIGITS, [0.2], 600)[0] == parse(becomes)


def test_a_search_at_several_densities_is_stretched_for_the_dearest() -> None:
    """An evolution that begins at its density takes its elites anew from the first generation on."""
    densities, text = (0.5, 0.2), "nets:init_density=0.5,pop=2,gens=9"
    dear, cheap, both = (
        dict(stretched(parse(text), DIGITS, each, 2000)[0].options)["iterations"]
        for each in ([0.5], [0.2], densities)
    )
    assert both == dear < cheap


@pytest.mark.parametrize("text", ["imp:budget=5", "weedout:budget=9", "nets:budget=9", "es:budget=9"])
def test_a_budget_of_its_own_that_is_too_small_is_refused_before_anything_runs(text: str) -> None:
    with pytest.raises(NetsError, match="budget"):
        method_of(parse(text)).check(DIGITS, 0.2)
