"""What a ticket's network costs: numbers to store, multiply-adds, time. Dense, masked and smaller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor, nn

from nets_deap.networks.backends import BACK_ENDS, Wanted
from nets_deap.networks.multiply_adds import multiply_adds
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.util import memory
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import loading
from nets_deap.util.threads import one_thread

BATCHES = (1, 256)
DENSE, MASKED, SMALLER = "dense", "masked", "smaller"
SECONDS, FEWEST, MOST = 2.0, 5, 200  # of measuring a batch, and how often everything is timed


class Layer(NamedTuple):
    """weights, kept: of the layer, and under the mask; multiply_adds, sparse_multiply_adds: of one sample"""

    name: str
    weights: int
    kept: int
    multiply_adds: int
    sparse_multiply_adds: float


class Latency(NamedTuple):
    """The time of a batch in seconds: quartiles. by: what computes it"""

    form: str
    by: str
    batch: int
    median_s: float
    lower_s: float
    upper_s: float


class Cost(NamedTuple):
    """parameters, nonzero: numbers of the dense network, and those that are not zero under the mask
    other_multiply_adds: of one sample, in products without prunable weights
    dense_bytes, masked_bytes: of a safetensors file with all values, and of one with a bit for each prunable
    weight and the values of those kept
    smaller: parameters of the network without the nodes that the mask has cut off; None if there is none
    """

    parameters: int
    nonzero: int
    layers: list[Layer]
    other_multiply_adds: int
    dense_bytes: int
    masked_bytes: int
    smaller: int | None
    latencies: list[Latency]
    threads: int = 1

    @property
    def multiply_adds(self) -> int:
        """Of one sample in the dense network."""
        return sum(layer.multiply_adds for layer in self.layers) + self.other_multiply_adds

    @property
    def sparse_multiply_adds(self) -> float:
        """Of one sample, without those of pruned weights."""
        return sum(layer.sparse_multiply_adds for layer in self.layers) + self.other_multiply_adds


def cost(ticket: Ticket) -> Cost:
    """What the ticket's network costs; its times are measured on this machine's CPU, in one thread.

    Raises NetsError for a network of the user's own that nobody has handed over, and for one whose outputs
    memory does not hold.
    """
    architecture, template = ticket.architecture, ticket.architecture.known()
    module = architecture.module().eval()
    counted = multiply_adds(module, template.random_samples(1))
    layers = []
    parts = zip(architecture.parameters, architecture.layout.split(ticket.mask), strict=True)
    for parameter, (name, mask) in parts:
        used, kept = counted[parameter], int(mask.sum())
        layers.append(Layer(name, mask.size, kept, used, used * kept / mask.size))
    others = sum(extra.size for extra in architecture.extras)
    dense = architecture.named(ticket.weights, ticket.extras)
    extras = {extra.name: dense[extra.name] for extra in architecture.extras}
    masked = {"mask": np.packbits(ticket.mask), "weights": ticket.weights[ticket.mask], **extras}
    smaller = _smaller(ticket)
    return Cost(
        parameters=architecture.layout.size + others,
        nonzero=int(np.count_nonzero(ticket.weights[ticket.mask]) + np.count_nonzero(ticket.extras)),
        layers=layers,
        other_multiply_adds=sum(counted.values()) - sum(layer.multiply_adds for layer in layers),
        dense_bytes=_bytes(dense),
        masked_bytes=_bytes(masked),
        smaller=None if smaller is None else smaller.layout.size + smaller.extras.size,
        latencies=list(_latencies(ticket, module, smaller)),
    )


def _bytes(tensors: dict[str, np.ndarray]) -> int:
    return len(safetensors.numpy.save({name: np.ascontiguousarray(each) for name, each in tensors.items()}))


def _smaller(ticket: Ticket) -> Ticket | None:
    """The ticket without the nodes that its mask has cut off; None if there are none, or nobody can tell."""
    try:
        smaller = ticket.smaller()
    except NetsError:
        return None
    return smaller if smaller.layout.size < ticket.layout.size else None


def _latencies(ticket: Ticket, module: nn.Module, smaller: Ticket | None) -> Iterator[Latency]:
    """The times of all forms on each batch; of a mask's back ends the fastest alone."""
    template = ticket.architecture.known()
    forms: dict[tuple[str, str], Callable[[Tensor], object]] = {(DENSE, "torch"): module}
    for name, forward in _masked(ticket):
        forms[MASKED, name] = forward
    if smaller is not None:
        forms[SMALLER, "torch"] = smaller.apply_to(smaller.architecture.module()).eval()
    for batch in BATCHES:
        memory.check(
            4.0 * batch * (template.units + np.prod(template.input_shape)),
            f"{ticket.architecture.name} on {batch} samples",
            "take a smaller network",
        )
        times = _timed(forms, template.random_samples(batch))
        quartiles = {key: np.quantile(each, (0.25, 0.5, 0.75)).tolist() for key, each in times.items()}
        fastest = min((key for key in quartiles if key[0] == MASKED), key=lambda key: quartiles[key][1])
        for key, (lower, median, upper) in quartiles.items():
            if key[0] != MASKED or key == fastest:
                yield Latency(*key, batch, median, lower, upper)


def _masked(ticket: Ticket) -> Iterator[tuple[str, Callable[[Tensor], object]]]:
    """The back ends that can compute the network under its mask, whether or not they train it faster."""
    wanted = Wanted(
        ticket.architecture, ticket.weights, ticket.mask, Recipe(), "cpu", torch.float32, ticket.extras
    )
    for name, back_end in BACK_ENDS.items():
        try:
            yield name, back_end.make(wanted).forward
        except (ValueError, RuntimeError):  # it has no gradients or no kernels for this network
            continue


def _timed(
    forms: dict[tuple[str, str], Callable[[Tensor], object]], x: Tensor
) -> dict[tuple[str, str], list[float]]:
    """Seconds of each call, in turns, so that what else the machine does meets all alike."""
    times: dict[tuple[str, str], list[float]] = {key: [] for key in forms}
    with loading(), one_thread(), torch.no_grad():
        for forward in forms.values():
            forward(x)  # allocates what it needs
        begun = time.perf_counter()
        for turn in range(MOST):
            if turn >= FEWEST and time.perf_counter() - begun > SECONDS:
                break
            for key, forward in forms.items():
                start = time.perf_counter()
                forward(x)
                times[key].append(time.perf_counter() - start)
    return times
