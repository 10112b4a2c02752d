"""A genome on its way to another process, which gets no more of it than an evaluation there looks at."""

from __future__ import annotations

from copy import copy
from typing import Any, SupportsIndex

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.util import sparse


class Parcel:
    """Pickles small; what is unpickled is a genome.

    whole: it arrives as it was, without what its last evaluation measured. Otherwise it arrives as a `Genome`
        whose dormant weights are 0 and which was never evaluated; `content()` is that of the one sent
    content: its `content()`, if that is known
    """

    def __init__(self, genome: Genome, whole: bool, content: bytes | None = None) -> None:
        self.genome, self.whole, self.content = genome, whole, content

    def __reduce__(self) -> tuple[Any, ...]:
        genome = self.genome
        if self.whole:
            sent = copy(genome)
            sent.mask, sent.measured = genome.mask.view(_Mask), None
            return _itself, (sent,)
        places, size = np.flatnonzero(genome.mask), genome.mask.size
        content = self.content or genome.content()
        return _arrived, (genome.weights[places], sparse.coded(places, size), size, genome.traits, content)


class _Mask(np.ndarray):
    """A mask that pickles in few bytes."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return _mask, (sparse.coded(np.flatnonzero(self), self.size), self.size)


class _Arrived(Genome):
    """A genome without its dormant weights, which its digest depends on."""

    digest: bytes

    def content(self) -> bytes:
        return self.digest


def _itself(genome: Genome) -> Genome:
    return genome


def _mask(code: bytes, size: int) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[sparse.decoded(code, size)] = True
    return mask


def _arrived(
    active: np.ndarray, code: bytes, size: int, traits: dict[str, np.ndarray], digest: bytes
) -> Genome:
    places = sparse.decoded(code, size)
    weights, mask = np.zeros(size, dtype=active.dtype), np.zeros(size, dtype=bool)
    weights[places], mask[places] = active, True
    genome = _Arrived(weights, mask)
    genome.traits, genome.digest = traits, digest
    return genome
