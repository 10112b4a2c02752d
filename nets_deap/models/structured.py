"""Hidden nodes of networks that `dependencies` cannot follow, by the library torch-pruning.

What it finds is checked: a group of nodes counts only if the network without some of them computes the same
as the whole network with their weights masked, in evaluation and in training. This leaves out what belongs to
a layer normalisation, to the heads of an attention, to neighbouring channels, or to the outputs.
"""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.groups import FIXED, Groups, Wire
from nets_deap.models.layout import Extra, Layout
from nets_deap.models.making import aliases
from nets_deap.models.resizing import RESIZABLE, depthwise, resized
from nets_deap.util.random_streams import loading
from nets_deap.util.threads import one_thread

SAMPLES, SUBSETS = 5, 3  # samples, and choices of nodes, on which groups are checked
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)


class _Found(NamedTuple):
    """A group as torch-pruning has it.

    name: of the first layer whose outputs are its nodes; size: how many
    sides: the nodes along the outputs (True) or inputs of each layer, by its name; FIXED for others
    """

    name: str
    size: int
    sides: dict[tuple[str, bool], np.ndarray]


def available() -> bool:
    """Is torch-pruning installed?"""
    return importlib.util.find_spec("torch_pruning") is not None


def followed(
    module: nn.Module, x: Tensor, parameters: Sequence[str], extras: Sequence[Extra]
) -> Groups | None:
    """The groups of a module's hidden nodes; None without any, or without torch-pruning.

    x: two samples; parameters: its prunable weights
    """
    if not available() or any(len(places) > 1 for places in aliases(module).values()):
        return None
    with warnings.catch_warnings(), loading(), redirect_stdout(StringIO()), one_thread():
        warnings.simplefilter("ignore")
        try:
            whole = _scattered(module)
            x = _samples(whole, x)
            order = _order(whole, x, parameters)
            if order is None:
                return None
            # The outputs are, most likely, those of the last layer; they are no hidden nodes.
            called = [parameters[place].removesuffix(".weight") for place in order]
            found = [one for one in _found(whole, x, called) if (called[-1], True) not in one.sides]

            def joined(some: Sequence[_Found]) -> Groups:
                return _joined(whole, some, parameters, extras, order)

            if not _exact(whole, x, joined(found), parameters, extras):
                found = [one for one in found if _exact(whole, x, joined([one]), parameters, extras)]
                if not _exact(whole, x, joined(found), parameters, extras):
                    return None
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception:  # whatever a library raises that takes a network for another
            return None
    return joined(found) if found else None


def _scattered(module: nn.Module) -> nn.Module:
    """A copy in float64 without zeros, ones, or equal numbers that would hide a difference."""
    copied = copy.deepcopy(module).double().eval().requires_grad_(True)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, values in (*copied.named_parameters(), *copied.named_buffers()):
            if values.is_floating_point():
                noise = torch.rand(values.shape, generator=generator, dtype=torch.float64)
                values.mul_(1 + noise / 4) if "var" in name else values.add_((noise - 0.5) / 4)
    return copied


def _samples(module: nn.Module, x: Tensor) -> Tensor:
    """Random samples of the shape and kind of x; token ids that all embeddings know."""
    generator = torch.Generator().manual_seed(0)
    shape = (SAMPLES, *x.shape[1:])
    if x.is_floating_point():
        return torch.randn(shape, generator=generator, dtype=torch.float64)
    known = [each.num_embeddings for each in module.modules() if isinstance(each, nn.Embedding)]
    return torch.randint(min(known, default=2), shape, generator=generator, dtype=x.dtype)


def _order(module: nn.Module, x: Tensor, parameters: Sequence[str]) -> tuple[int, ...] | None:
    """The layers, by their place among `parameters`, as they are called; None if one is called again."""
    order: list[int] = []
    hooks = [
        module.get_submodule(name.rpartition(".")[0]).register_forward_hook(
            lambda *_, place=place: order.append(place)
        )
        for place, name in enumerate(parameters)
    ]
    with torch.no_grad():
        module(x)
    for hook in hooks:
        hook.remove()
    return tuple(order) if len(set(order)) == len(order) else None


def _found(module: nn.Module, x: Tensor, called: Sequence[str]) -> list[_Found]:
    """The groups of nodes in layers that can be made smaller. called: the layers, in order"""
    import torch_pruning

    graph = torch_pruning.DependencyGraph().build_dependency(module, x, verbose=False)
    names = {each: name for name, each in module.named_modules()}
    groups = []
    for group in graph.get_all_groups(root_module_types=_WEIGHTED):
        sides: dict[tuple[str, bool], np.ndarray] = {}
        for item in group:
            layer = item.dep.target.module
            if isinstance(layer, nn.Parameter) or not _known(layer, names, called):
                break
            if layer not in names:
                continue  # a step without weights
            out = graph.is_out_channel_pruning_fn(item.dep.handler) or type(layer) not in _WEIGHTED
            count = (graph.get_out_channels if out else graph.get_in_channels)(layer)
            nodes = sides.setdefault((names[layer], out), np.full(count, FIXED))
            nodes[item.idxs] = item.root_idxs
        else:
            size = graph.get_out_channels(group[0].dep.target.module)
            first = next(name for name in called if (name, True) in sides)
            if size > 1 and all(_whole(nodes, size) for nodes in sides.values()):
                groups.append(_Found(first, size, sides))
    return sorted(groups, key=lambda group: called.index(group.name))


def _whole(nodes: np.ndarray, size: int) -> bool:
    """Is each node there, and each as often as the others?"""
    counts = np.bincount(nodes[nodes != FIXED], minlength=size)
    return len(set(counts.tolist())) == 1 and counts[0] > 0


def _known(layer: nn.Module, names: dict[nn.Module, str], called: Sequence[str]) -> bool:
    """Is it a step without weights, or a layer that can be made smaller?"""
    if layer not in names or not [*layer.parameters(), *layer.buffers()]:
        return True
    if isinstance(layer, _WEIGHTED):
        whole = getattr(layer, "groups", 1) == 1 or depthwise(layer)
        return type(layer) in _WEIGHTED and whole and names[layer] in called
    return type(layer) in RESIZABLE


def _joined(
    module: nn.Module,
    found: Sequence[_Found],
    parameters: Sequence[str],
    extras: Sequence[Extra],
    order: tuple[int, ...],
) -> Groups:
    """One numbering for all groups."""
    nodes: dict[tuple[str, bool], np.ndarray] = {}
    start = 0
    for group in found:
        for side, numbers in group.sides.items():
            before = nodes.setdefault(side, np.full(len(numbers), FIXED))
            before[numbers != FIXED] = start + numbers[numbers != FIXED]
        start += group.size

    def along(name: str, out: bool, count: int) -> np.ndarray:
        return nodes.get((name, out), np.full(count, FIXED))

    def wire(parameter: str) -> Wire:
        name, layer = parameter.rpartition(".")[0], module.get_submodule(parameter.rpartition(".")[0])
        rows, columns = module.get_parameter(parameter).shape[:2]
        if depthwise(layer):
            return Wire(along(name, True, rows), np.full(1, FIXED))
        if isinstance(layer, _TRANSPOSED):
            return Wire(along(name, True, columns), along(name, False, rows), transposed=True)
        return Wire(along(name, True, rows), along(name, False, columns))

    return Groups(
        Layout(tuple(group.name for group in found), tuple((group.size,) for group in found)),
        tuple(map(wire, parameters)),
        tuple(along(e.name.rpartition(".")[0], True, e.shape[0] if e.shape else 1) for e in extras),
        order,
    )


def _exact(
    module: nn.Module, x: Tensor, groups: Groups, parameters: Sequence[str], extras: Sequence[Extra]
) -> bool:
    """Do networks of some of the nodes compute the same as the whole one under their masks?"""
    rng = np.random.default_rng(0)
    for _ in range(SUBSETS):
        parts = [rng.permutation(size) < -(-size // 2) for size in groups.nodes.sizes]
        kept = np.concatenate([*parts, [True]])
        masked = _masked(module, groups, kept, parameters)
        for training in (False, True):
            try:
                smaller = resized(masked, groups, kept, parameters, extras)
                ours, theirs = (_outputs(each, x, training) for each in (smaller, masked))
            except (MemoryError, KeyboardInterrupt):
                raise
            except Exception:  # a step that is told the number of channels
                return False
            if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=1e-6, atol=1e-9):
                return False
    return True


def _masked(module: nn.Module, groups: Groups, kept: np.ndarray, parameters: Sequence[str]) -> nn.Module:
    """A copy without the weights of the other nodes, and without dropout: its draws follow the shapes."""
    masked = copy.deepcopy(module)
    with torch.no_grad():
        for name, wire in zip(parameters, groups.wires, strict=True):
            weights = masked.get_parameter(name)
            for dim, nodes in enumerate(wire.sides):
                alive = torch.from_numpy(kept[nodes]).to(weights.dtype)
                weights.mul_(alive.view(*(-1 if d == dim else 1 for d in range(weights.ndim))))
    for each in masked.modules():
        if isinstance(each, nn.modules.dropout._DropoutNd):
            each.p = 0.0
    return masked


def _outputs(module: nn.Module, x: Tensor, training: bool) -> Tensor:
    """What a copy of the module puts out; each draws the same random numbers."""
    torch.manual_seed(0)
    with torch.no_grad():
        outputs: Tensor = copy.deepcopy(module).train(training)(x)
    return outputs
