"""Where random numbers come from.

One run has one seed. Every use derives a stream of its own from (seed, generation, role), so results
depend neither on the map nor on the number of workers nor on the order in which evaluations finish.

The global streams of Python, numpy and torch belong to the caller. Where DEAP or a user's function draws from
them, they are seeded from the run's streams and restored afterwards.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import IntEnum
from types import BuiltinMethodType, MethodType, ModuleType
from typing import Any

import numpy as np

from nets_deap.util.lazy import loaded

_GLOBAL = random.random.__self__  # type: ignore[attr-defined]  # what `random`'s functions draw from
ORDER = "order"  # trait of a genome: the seed of the minibatches in its evaluations


class Role(IntEnum):
    """What a stream is used for; the numbers are part of every result, so they never change."""

    INITIALISATION = 0
    VARIATION = 1
    SELECTION = 2
    MINIBATCHES = 3
    FINAL_TRAINING = 4
    CONTROLS = 5
    SEARCH = 6
    TRACES = 7
    DROPOUT = 8
    FITNESS = 9


def stream(seed: int, generation: int, role: Role) -> np.random.SeedSequence:
    """The seed sequence of one role in one generation of the run with this seed."""
    return np.random.SeedSequence(entropy=seed, spawn_key=(generation, int(role)))


def generator(seed: int, generation: int, role: Role) -> np.random.Generator:
    """A generator at the start of `stream(seed, generation, role)`."""
    return np.random.default_rng(stream(seed, generation, role))


def restart(rng: np.random.Generator, seed: int, generation: int, role: Role) -> None:
    """Move a generator, which operators already hold, to the start of another stream."""
    rng.bit_generator.state = generator(seed, generation, role).bit_generator.state


def seed_global_streams(sequence: np.random.SeedSequence) -> None:
    """Seed `random`, the source of DEAP's own operators, and the global streams of numpy and torch."""
    seed = int(sequence.generate_state(1, np.uint64)[0])
    random.seed(seed)
    np.random.seed([seed >> 32, seed & 0xFFFFFFFF])
    for each in _of_torch():
        each.manual_seed(seed)


def _of_torch() -> list[Any]:
    """The global `torch.Generator`s: the CPU's, and those of GPUs that are in use; none before torch is
    imported, when nobody has seeded them."""
    if not (torch := loaded("torch")):
        return []
    return [torch.default_generator, *(torch.cuda.default_generators if torch.cuda.is_initialized() else ())]


def standing() -> dict[str, Any]:
    """The state of the global streams, as JSON holds it."""
    told: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}
    told["numpy"]["state"]["key"] = told["numpy"]["state"]["key"].tolist()
    if states := [each.get_state().numpy().tobytes().hex() for each in _of_torch()]:
        told["torch"], *told["cuda"] = states
    return told


def go_on(told: dict[str, Any]) -> None:
    """Take the global streams to where `standing` was."""
    version, numbers, gauss = told["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(told["numpy"])
    if "torch" in told:
        import torch

        for each, state in zip(_of_torch(), [told["torch"], *told.get("cuda", [])], strict=False):
            each.set_state(torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Restore the global streams of Python, numpy and torch at the end."""
    python, numpy = random.getstate(), np.random.get_state(legacy=False)
    drawn = [(each, each.get_state()) for each in _of_torch()]
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        for each, state in drawn:
            each.set_state(state)


class _Turns:
    """Locks for what draws from the global streams, which all threads of a process share.

    Whoever needs both takes `generation` first; a search within a fitness does without it.
    """

    def __init__(self) -> None:
        self.generation, self.fitness = threading.RLock(), threading.RLock()


_turns = _Turns()


def _renew_turns() -> None:
    """A fork may have copied a lock that another thread holds, and that thread is not in the child."""
    global _turns  # noqa: PLW0603
    _turns = _Turns()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_turns)


_thread = threading.local()


def _in_fitness() -> bool:
    return getattr(_thread, "in_fitness", False)


def _generation_turn() -> AbstractContextManager[object]:
    return nullcontext() if _in_fitness() else _turns.generation


@contextmanager
def _fitness_turn() -> Iterator[None]:
    with _turns.fitness:
        outer, _thread.in_fitness = _in_fitness(), True
        try:
            yield
        finally:
            _thread.in_fitness = outer


@contextmanager
def loading() -> Iterator[None]:
    """`undisturbed` for loading and imports; generations, fitnesses and trainings of other threads end first.

    Without this, the end of loading would take back what one of them has drawn in the meantime.
    """
    with _generation_turn(), _fitness_turn(), undisturbed():
        yield


@contextmanager
def generation_streams(seed: int, generation: int) -> Iterator[None]:
    """The global streams within one generation of a run; generations of other threads wait for their turn.

    DEAP's algorithms and operators draw from `random`.
    """
    with _generation_turn(), undisturbed():
        seed_global_streams(stream(seed, generation, Role.SELECTION))
        yield


@contextmanager
def fitness_streams(seed: int, generation: int, content: bytes) -> Iterator[None]:
    """The global streams within a user's fitness of one genome, which a digest of its `content` stands for.

    The same in every map and process. Fitnesses in other threads wait for their turn.
    """
    sequence = np.random.SeedSequence(
        entropy=[seed, int.from_bytes(content, "big")], spawn_key=(generation, int(Role.FITNESS))
    )
    with _fitness_turn(), undisturbed():
        seed_global_streams(sequence)
        yield


@contextmanager
def training_streams(rng: np.random.Generator) -> Iterator[None]:
    """The global streams within the training of a network that draws from them, as dropout does.

    Such trainings in other threads wait for their turn.
    """
    with _fitness_turn(), undisturbed():
        seed_global_streams(np.random.SeedSequence(int(rng.integers(2**63))))
        yield


def draw_apart(*packages: str) -> None:
    """Let imported packages, all of their modules, draw from a source of their own in place of `random`.

    A package may have threads that draw at any moment, also while a generation draws from the stream that
    its seed has set.
    """
    own = ModuleType("random")
    own.__dict__.update(vars(random))
    source = random.Random()
    for name, value in vars(random).items():
        if _draws(value):
            setattr(own, name, getattr(source, name))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in packages or not isinstance(module, ModuleType):
            continue
        for key, value in list(vars(module).items()):
            if value is random:
                setattr(module, key, own)
            elif _draws(value):
                setattr(module, key, getattr(own, value.__name__))


def _draws(value: object) -> bool:
    """Is it a function of `random` that draws from the global stream?"""
    return isinstance(value, (BuiltinMethodType, MethodType)) and value.__self__ is _GLOBAL


def scatter_global_streams() -> None:
    """Seed the global streams afresh, in a new process: forked ones would all draw the same numbers."""
    seed_global_streams(np.random.SeedSequence())


def as_generator(rng: np.random.Generator | None) -> np.random.Generator:
    """`rng` itself, or a fresh generator seeded by Python's `random`.

    With the fresh generator, an operator follows `random.seed` when it is used from plain DEAP.
    """
    return np.random.default_rng(random.getrandbits(64)) if rng is None else rng
