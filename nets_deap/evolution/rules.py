"""Rules on settings of an evolution: which do not go together, and which have no effect beside others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nets_deap.config.presets import PAPERS, UNTRAINED_SEARCH
from nets_deap.evolution import selection
from nets_deap.individuals.evaluation import UNTRAINED as UNTRAINED_LOSS
from nets_deap.pruning.traces import OF_TRAINING
from nets_deap.util.errors import NetsError


class Rule(NamedTuple):
    """A combination of settings that is refused.

    fields:  the fields that the error names, with their values
    broken:  whether settings have this combination
    message: what is wrong and what to do; {c} stands for the settings
    """

    fields: tuple[str, ...]
    broken: Callable[[Any], Any]
    message: str


def _stacks(config: Any) -> bool:
    """Are genomes evaluated as stacks?"""
    return config.map == "batched" or (config.map == "dask" and config.device != "cpu")


def _mutates(settings: Any, *names: str) -> bool:
    return any(step.name in names for step in settings.pipeline.steps)


def _on_an_island(settings: Any) -> int:
    """Genomes on each island; 0 if the population does not divide evenly."""
    size, rest = divmod(settings.pop, settings.islands)
    return 0 if rest else size


def _against_untrained(settings: Any) -> bool:
    return bool(settings.against == UNTRAINED_LOSS)


def _simple(settings: Any) -> bool:
    return settings.resolved_algorithm == selection.SIMPLE


NOT_SIMPLE = "it needs the algorithm simple, not {c.resolved_algorithm}"
ONE_OBJECTIVE = "it needs a selection with two objectives, such as nsga2, and {c.select} has one"
TWO_OBJECTIVES = "it needs a search with one objective, and the selection {c.select} has two"

RULES: Sequence[Rule] = (
    Rule(
        ("islands", "pop"),
        lambda c: c.islands > 1 and _on_an_island(c) < 2,
        "each island needs the same number of genomes, and 2 or more",
    ),
    Rule(
        ("islands", "pop"),
        lambda c: c.islands > 1 and c.mates and _on_an_island(c) % 2,
        "an odd number of genomes on each island does not pair up",
    ),
    Rule(("islands",), lambda c: c.islands > 1 and not _simple(c), NOT_SIMPLE),
    Rule(("select_from",), lambda c: (c.select_from or 0) > 1 and not _simple(c), NOT_SIMPLE),
    Rule(
        ("mate",),
        lambda c: c.planned and c.mates and c.mate == "uniform" and not _simple(c),
        "under {c.resolved_algorithm} children of a crossover are not mutated, and nothing holds their "
        "density: take mask or none",
    ),
    Rule(
        ("mutate",),
        lambda c: c.pipeline.plans_too_late and not c.planned,
        "layers, global and density change a plan and move no gene: put prune or repair after them",
    ),
    Rule(("race",), lambda c: c.objectives == 2 and c.race is not None, TWO_OBJECTIVES),
    Rule(("islands",), lambda c: c.objectives == 2 and c.islands > 1, TWO_OBJECTIVES),
    Rule(("against",), lambda c: _against_untrained(c) and c.objectives == 1, ONE_OBJECTIVE),
    Rule(
        ("against", "mutate"),
        lambda c: _against_untrained(c) and not c.planned,
        "density is no objective then, and these mutations go by no planned one: add prune, grow or repair",
    ),
    Rule(
        ("against", "mutate"),
        lambda c: _against_untrained(c) and _mutates(c, "density"),
        "density is no objective then, and is to follow the plan: leave density out",
    ),
    Rule(
        ("restart_after", "elites", "pop"),
        lambda c: c.restart_after and c.islands == 1 and c.objectives == 1 and c.resolved_elites >= c.pop,
        "the elites leave no place to what is drawn afresh: take fewer `elites`",
    ),
    Rule(
        ("mutate", "pop"),
        lambda c: c.pop == 1 and _mutates(c, "differential"),
        "differential needs other genomes: take a `pop` of 2 or more",
    ),
    Rule(
        ("density_gens", "mutate"),
        lambda c: c.density_gens and not c.planned,
        "these mutations go by no planned density: add prune, grow or repair",
    ),
    Rule(
        ("density_gens", "gens"),
        lambda c: c.density_gens and c.density_gens > c.gens,
        "the density would not come down before the end",
    ),
    Rule(("elites", "pop"), lambda c: c.resolved_elites > c.pop, "there are more elites than genomes"),
    Rule(
        ("offspring",),
        lambda c: c.offspring is not None and _simple(c),
        "it needs the algorithm mu-plus-lambda or mu-comma-lambda",
    ),
    Rule(
        ("offspring", "pop"),
        lambda c: c.resolved_algorithm == selection.COMMA and c.resolved_offspring < c.pop,
        "mu-comma-lambda needs as many children as genomes, or more",
    ),
)

OF_A_RUN: Sequence[Rule] = (
    Rule(
        ("precision",),
        lambda c: c.precision != "float32" and not _stacks(c),
        "it needs the map batched, or dask with GPUs",
    ),
    Rule(
        ("eval_timeout",),
        lambda c: c.eval_timeout is not None and c.map not in ("multiprocess", "dask"),
        "only the maps multiprocess and dask can end an evaluation",
    ),
    Rule(
        ("mutate",),
        lambda c: _stacks(c) and _mutates(c, "reorder"),
        "reorder gives genomes minibatches of their own, which do not go with the stacks of batched, "
        "and of dask on GPUs",
    ),
)

# Refused where evaluations train nothing
UNTRAINED: Sequence[Rule] = (
    Rule(
        ("mutate",),
        lambda c: OF_TRAINING & set(c.pipeline.traces) or _mutates(c, "reorder"),
        f"these look at training, and `epochs` 0 has none: take others, as {UNTRAINED_SEARCH['mutate']} are",
    ),
    Rule(
        ("race",),
        lambda c: c.race is not None,
        "its rungs train longer and longer, and `epochs` 0 trains nothing",
    ),
    Rule(
        ("against",),
        _against_untrained,
        "`epochs` 0 trains nothing, and both objectives would be the same: take a selection with one",
    ),
)


def check(rules: Sequence[Rule], settings: Any) -> None:
    """Raise NetsError for the first broken rule, or for a selection without effect in these settings."""
    for rule in rules:
        if rule.broken(settings):
            values = ", ".join(f"`{name}` {_shown(settings, name)}" for name in rule.fields)
            raise NetsError(f"{values}: {rule.message.format(c=settings)}")
    selection.check(selection.parse(settings.select), settings.resolved_algorithm, settings.pop)


def _shown(settings: Any, name: str) -> Any:
    return getattr(settings, f"resolved_{name}", getattr(settings, name))


# Settings that act only when selection does
SELECTING = ("select", "elites", "islands", "migrate_every", "reevaluate", "restart_after", "patience")


def _selects_late(config: Any) -> bool:
    return config.resolved_select_from > max(config.gens, 1)


def _lacks(mutation: str) -> Callable[[Any], bool]:
    return lambda c: not _mutates(c, mutation)


def _alone(name: str) -> Callable[[Any], bool]:
    """Is the population a single lineage, in which this setting does nothing although it is switched on?"""
    return lambda c: c.pop == 1 and getattr(c, name) not in ("none", 0, None)


def _alone_and_simple(name: str) -> Callable[[Any], bool]:
    """As `_alone`, except for the mu-algorithms, which select even in a single lineage."""
    return lambda c: _alone(name)(c) and _simple(c)


LINEAGE = "has no effect on a single lineage: take a `pop` of 2 or more"

# Refused if the first field was given explicitly and has no effect
NO_EFFECT: Sequence[Rule] = (
    *(
        Rule(
            (name,),
            _lacks(name),
            f"has no effect, for the mutations {{c.mutate}} have no {name}: add it, or take the preset paper",
        )
        for name in PAPERS.split(",")
    ),
    *(Rule((name,), _alone(name), LINEAGE) for name in ("mate", "crossover")),
    *(Rule((name,), _alone_and_simple(name), LINEAGE) for name in ("select", "race")),
    Rule(
        ("crossover",),
        lambda c: c.mate != "uniform",
        "has no effect where `mate` is {c.mate}: take uniform as well",
    ),
    Rule(
        ("mutate",),
        lambda c: c.pipeline.plans_too_late,
        "{c.mutate}: layers, global and density change a plan that other mutations follow: put prune or "
        "repair after them",
    ),
    Rule(("against",), lambda c: c.objectives == 1, f"has no effect: {ONE_OBJECTIVE}"),
    Rule(
        ("reevaluate",),
        lambda c: c.objectives == 2 and c.reevaluate,
        "has no effect where a selection has two objectives, as {c.select} does",
    ),
    *(
        Rule(
            (name,),
            _selects_late,
            "has no effect, for selection begins in generation {c.resolved_select_from} of {c.gens}: let the "
            "density be down earlier, by `density_gens`, or give `select_from`",
        )
        for name in SELECTING
    ),
)


def check_effect(config: Any, given: set[str]) -> None:
    """Raise NetsError for a setting that was given and has no effect."""
    for rule in NO_EFFECT:
        if rule.fields[0] in given and rule.broken(config):
            raise NetsError(f"`{rule.fields[0]}` {rule.message.format(c=config)}")
