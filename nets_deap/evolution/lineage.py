"""Where genomes come from: which parent, by which operators, and how often these made a child that lasted.

It draws no random numbers and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from nets_deap.individuals.genome import Genome, Origin
from nets_deap.util.errors import DamagedError
from nets_deap.util.schema import Real, checked
from nets_deap.util.tables import Row

CROSSOVER, DRAWN, COPIED = "crossover", "drawn", "copied"
Number = Annotated[int, Field(ge=0, strict=True)]


class Birth(NamedTuple):
    """A genome's first evaluation.

    number: births are numbered; generation: in which it was
    parent, mate: numbers of whom it was cloned from, and of whom that was crossed with; None: neither
    by: the operators that changed it
    fitness, val_loss, density: as they were then
    """

    number: Number
    generation: int
    parent: Number | None
    mate: Number | None
    by: tuple[str, ...]
    fitness: Real
    val_loss: Real
    density: Real

    def row(self) -> Row:
        """A row of lineage.csv."""
        how = ", ".join(self.by) or (DRAWN if self.parent is None else COPIED)
        shown = {key: "" if value is None else value for key, value in self._asdict().items()}
        return {**shown, "by": how}


class Count(NamedTuple):
    """Children that an operator has changed, and how many of them lasted."""

    born: Number = 0
    survived: Number = 0


@dataclass
class Lineage:
    """The births of those alive and of their ancestors, from clone to clone.

    newborn: the births of the last generation; births: number -> birth; born: how many there were
    counts: operator -> its count. A child has survived if it or a child of its own is in the population one
        generation later
    """

    born: Number = 0
    births: dict[int, Birth] = field(default_factory=dict)
    newborn: list[Birth] = field(default_factory=list)
    counts: dict[str, Count] = field(default_factory=dict)
    _children: list[Birth] = field(default_factory=list)

    def evaluated(self, genomes: Iterable[Genome], generation: int) -> None:
        """Number genomes that were evaluated for the first time."""
        for genome in genomes:
            if (evaluation := genome.measured) is None:
                continue
            origin, told = genome.origin, (evaluation.fitness, evaluation.val_loss, evaluation.density)
            birth = Birth(self.born, generation, origin.birth, origin.mate, origin.by, *told)
            genome.origin = Origin(self.born)
            self.births[self.born] = birth
            self._children.append(birth)
            self.born += 1

    def settle(self, population: Sequence[Genome], others: Iterable[Genome]) -> None:
        """End a generation: count who has survived the last one, and forget who has no descendants."""
        living = {genome.origin.birth for genome in population}
        children = [birth for birth in self._children if birth.number in living]
        lasting = living | {birth.parent for birth in children} | {birth.mate for birth in children}
        for birth in self.newborn:
            for name in birth.by:
                count = self.counts.get(name, Count())
                self.counts[name] = Count(count.born + 1, count.survived + (birth.number in lasting))
        self.newborn, self._children = self._children, []
        kept: dict[int, Birth] = {}
        for genome in (*population, *others):
            for birth in self.line(genome):
                if birth.number in kept:
                    break
                kept[birth.number] = birth
        self.births = kept

    def line(self, genome: Genome) -> Iterable[Birth]:
        """A genome's birth, that of whom it was cloned from, and so on."""
        number = genome.origin.birth
        while number is not None and (birth := self.births.get(number)):
            yield birth
            number = birth.parent

    def rows(self, genome: Genome) -> list[Row]:
        """The rows of lineage.csv: the line of a genome, the oldest first."""
        return [birth.row() for birth in self.line(genome)][::-1]

    def survival(self) -> list[Row]:
        """The rows of survival.csv."""
        return [{"operator": name, **count._asdict()} for name, count in sorted(self.counts.items())]

    def described(self) -> list[Any]:
        """As JSON holds it."""
        return [self.born, list(self.births.values()), self.newborn, self.counts]

    @classmethod
    def of(cls, told: object, what: object) -> Lineage:
        """What `described` has told. Raises DamagedError, naming it as `what`, for anything else."""
        born, births, newborn, counts = checked(Described, told, what)
        if not all((birth.parent or -1) < birth.number < born for birth in (*births, *newborn)):
            raise DamagedError(f"{what} is damaged (its births are out of order)")
        return cls(born, {birth.number: birth for birth in births}, newborn, counts)


Described = tuple[Number, list[Birth], list[Birth], dict[str, Count]]


def noted(name: str, mutate: Callable[[Genome], tuple[Genome]], genome: Genome) -> tuple[Genome]:
    """Mutate, and note on the genome that this operator has changed it, if it has."""
    weights, mask = genome.weights.copy(), genome.mask.copy()
    traits = {trait: value.copy() for trait, value in genome.traits.items()}
    (genome,) = mutate(genome)
    same = np.array_equal(mask, genome.mask) and np.array_equal(weights, genome.weights)
    same = same and traits.keys() == genome.traits.keys()
    if not (same and all(np.array_equal(value, genome.traits[trait]) for trait, value in traits.items())):
        genome.origin = genome.origin._replace(by=(*genome.origin.by, name))
    return (genome,)


def noting_mates(mate: Callable[..., tuple[Genome, Genome]]) -> Callable[..., tuple[Genome, Genome]]:
    """A crossover that notes on its children with whom they were crossed."""
    return partial(_mated, mate)


def _mated(
    mate: Callable[..., tuple[Genome, Genome]], one: Genome, other: Genome, **arguments: Any
) -> tuple[Genome, Genome]:
    births = other.origin.birth, one.origin.birth
    children = mate(one, other, **arguments)
    for child, birth in zip(children, births, strict=True):
        child.origin = child.origin._replace(by=(*child.origin.by, CROSSOVER), mate=birth)
    return children
