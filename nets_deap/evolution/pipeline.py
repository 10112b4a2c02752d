"""The pipeline of mutations of a search, written as text: NAME[-TRACE][:RATE],…"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nets_deap.evolution.lineage import noted
from nets_deap.evolution.mutations import MUTATIONS, Kit
from nets_deap.individuals import operators as ops
from nets_deap.individuals.genome import Genome
from nets_deap.util.errors import NetsError, unknown

MATES = ("uniform", "mask", "none")


@dataclass(frozen=True)
class Step:
    """One mutation of a pipeline, written NAME[-TRACE][:RATE]; rate None: the default."""

    name: str
    by: str
    rate: float | None

    def __str__(self) -> str:
        mutation = MUTATIONS[self.name]
        suffix = f"-{self.by}" if self.by != mutation.by else ""
        return f"{self.name}{suffix}" + (f":{self.rate:g}" if self.rate is not None else "")

    def resolved_rate(self, config: Any) -> float:
        """The rate given, else the mutation's default, which may be a field of the config."""
        default = MUTATIONS[self.name].rate
        if self.rate is not None:
            return self.rate
        return float(getattr(config, default)) if isinstance(default, str) else float(default or 0.0)


@dataclass(frozen=True)
class Pipeline:
    """Mutations applied one after another."""

    steps: tuple[Step, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        return ",".join(map(str, self.steps))

    @property
    def traces(self) -> tuple[str, ...]:
        """Names of the traces that evaluations have to record."""
        return tuple(dict.fromkeys(step.by for step in self.steps if step.by))

    @property
    def exact(self) -> bool:
        """Does it end at the planned density?"""
        return any(MUTATIONS[step.name].exact for step in self.steps)

    @property
    def plans_too_late(self) -> bool:
        """Does it change the plan, and neither prune nor repair after that? `grow` alone only adds genes."""
        names = [step.name for step in self.steps]
        last = max((place for place, name in enumerate(names) if name in ("prune", "repair")), default=-1)
        return any(MUTATIONS[name].plans for name in names[last + 1 :])

    @property
    def evolves_density(self) -> bool:
        """Do genomes carry densities of their own?"""
        return any(step.name == "density" for step in self.steps)

    def with_density(self) -> Pipeline:
        """This pipeline with the mutation `density` put first, unless it has one already."""
        return self if self.evolves_density else Pipeline((Step("density", "", None), *self.steps))

    def exactly(self) -> Pipeline:
        """Only those of its mutations that follow the plan."""
        return Pipeline(tuple(step for step in self.steps if MUTATIONS[step.name].exact))

    def build(self, kit: Kit, config: Any) -> list[Callable[[Genome], tuple[Genome]]]:
        """The mutations as functions, without uninformed ones of rate 0. They note whom they change."""
        built: list[Callable[[Genome], tuple[Genome]]] = []

        def add(name: str, mutate: Callable[[Genome], tuple[Genome]]) -> None:
            built.append(partial(noted, name, mutate))

        for place, step in enumerate(self.steps):
            mutation, rate = MUTATIONS[step.name], step.resolved_rate(config)
            named = str(step).partition(":")[0]
            if kit.adapt and rate > 0:
                add(named, _adaptive(kit, place, step, rate))
            elif mutation.rate is None or rate > 0 or mutation.by:
                add(named, mutation.build(kit, rate, step.by))
        if self.exact and not self._ends_exactly():
            add("repair", MUTATIONS["repair"].build(kit, 0.0, ""))  # a layer's planned share may have grown
        return built

    def _ends_exactly(self) -> bool:
        """Does it repair, or prune and then grow?"""
        names = [step.name for step in self.steps]
        return "repair" in names or ("prune" in names and "grow" in names[names.index("prune") :])


def _adaptive(kit: Kit, place: int, step: Step, rate: float) -> Callable[[Genome], tuple[Genome]]:
    """The mutation at a self-adapting rate, which starts at `rate`."""
    mutation = MUTATIONS[step.name]

    def at(genome: Genome, rate: float) -> tuple[Genome]:
        return mutation.build(kit, rate, step.by)(genome)

    least = min(rate, 1 / kit.std.size)  # one gene on average (Bäck 1996, section 7.3)
    return partial(
        ops.mutRate,
        mutate=at,
        name=f"rate {place + 1}, of {step.name}",
        start=rate,
        least=least,
        most=mutation.most,
        tau=kit.adapt,
        rng=kit.rng,
    )


def parse(text: str) -> Pipeline:
    """The pipeline that `text` names: NAME[-TRACE][:RATE], separated by commas (or slashes).

    Raises NetsError for anything unknown in it.
    """
    pieces = [piece.strip() for piece in text.replace("/", ",").split(",") if piece.strip()]
    return Pipeline(tuple(map(_step, pieces)))


def _step(piece: str) -> Step:
    named, colon, number = piece.partition(":")
    name, by = _named(named)
    mutation = MUTATIONS[name]
    if not colon:
        return Step(name, by, None)
    if mutation.rate is None:
        raise NetsError(f"`mutate` {piece}: {name} takes no number")
    try:
        rate = float(number)
    except ValueError:
        raise NetsError(f"`mutate` {piece}: '{number}' is not a number") from None
    if not 0 <= rate <= mutation.most:
        raise NetsError(f"`mutate` {piece}: expected a number from 0 to {mutation.most:g}")
    return Step(name, by, rate)


def _named(named: str) -> tuple[str, str]:
    """The names of the mutation and of the trace in `named`."""
    if named in MUTATIONS:
        return named, MUTATIONS[named].by
    for name, mutation in MUTATIONS.items():
        if mutation.by and named.startswith(f"{name}-"):
            by = named.removeprefix(f"{name}-")
            if by not in mutation.traces:
                raise unknown(f"trace for {name}", by, mutation.traces)
            return name, by
    raise unknown("mutation", named, MUTATIONS)
