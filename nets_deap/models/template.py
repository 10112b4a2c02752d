"""A module taken as a template: which of its parameters are prunable, and how it behaves."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models import prunable
from nets_deap.models.dependencies import trace
from nets_deap.models.groups import Groups
from nets_deap.models.layout import INITIAL, Extra, Layout
from nets_deap.models.making import Make, aliases, drawn, streams
from nets_deap.models.perceptron import Perceptron, recognised
from nets_deap.models.resizing import resized
from nets_deap.models.structured import followed
from nets_deap.util.errors import NetsError, SamplesError, raised
from nets_deap.util.random_streams import loading

SEED = 0  # for what a factory draws at random and our initialisers leave as it is


class Template:
    """A module, and what follows from it. All networks of an architecture are instances of its template.

    name: for messages; make: returns a new module with initial weights of its own
    input_shape, dtype: of one sample
    chosen: says which parameters are prunable; by default what `prunable.weights` says

    parameters, layout, extras: as in `Architecture`
    Raises NetsError for a factory that raises, and for a module that cannot be trained under a mask.
    """

    def __init__(
        self,
        name: str,
        make: Make,
        input_shape: tuple[int, ...],
        dtype: str = "float32",
        chosen: prunable.Predicate | None = None,
    ) -> None:
        self.name, self.make, self.chosen = name, make, chosen
        self.input_shape, self.dtype = input_shape, getattr(torch, dtype)
        self._take(drawn(name, make, SEED))

    def _take(self, module: nn.Module) -> None:
        self.module = module
        self._aliases = aliases(module)
        named = dict(module.named_parameters())
        if self.chosen is not None:
            names = [name for name, parameter in named.items() if self._choose(name, parameter)]
        else:
            found = {id(parameter) for parameter in prunable.weights(module)}
            names = [name for name, parameter in named.items() if id(parameter) in found]
        names = [name for name in names if named[name].requires_grad and named[name].numel()]
        if not sum(named[name].numel() for name in names):
            raise NetsError(
                f"{self.name} has no prunable weight: no linear, convolutional, recurrent or attention layer "
                "that is trained; say by `prunable` which parameters are"
            )
        self.parameters = tuple(names)
        self.layout = Layout(
            tuple(name.removesuffix(".weight") for name in names),
            tuple(tuple(named[name].shape) for name in names),
        )
        kept = set(module.state_dict())
        others = {name: each for name, each in named.items() if name not in set(names)}
        buffers = {k: b for k, b in module.named_buffers() if b.is_floating_point() and k in kept}
        extras = [Extra(k, tuple(each.shape), each.requires_grad) for k, each in others.items()]
        extras += [Extra(k, tuple(each.shape), trained=False) for k, each in buffers.items()]
        self.extras = tuple(sorted((e for e in extras if e.size), key=lambda extra: not extra.trained))

    def _choose(self, name: str, parameter: Tensor) -> bool:
        assert self.chosen is not None
        try:
            return bool(self.chosen(name, parameter))
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise NetsError(f"`prunable` raised {raised(error)}, for {name}") from error

    def read(self, module: nn.Module, names: Sequence[str]) -> np.ndarray:
        """float32: the named tensors of a module, one after the other."""
        tensors = dict(module.named_parameters()) | dict(module.named_buffers())
        parts = [tensors[name].detach().cpu().to(torch.float32).numpy().ravel() for name in names]
        return np.concatenate(parts) if parts else INITIAL

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The initial weights and extras of a new module, float32[n] and [m]."""
        module = drawn(self.name, self.make, int(rng.integers(2**63)))
        others = [extra.name for extra in self.extras]
        tensors = dict(module.named_parameters()) | dict(module.named_buffers())
        shapes = [
            *zip(self.parameters, self.layout.shapes, strict=True),
            *((e.name, e.shape) for e in self.extras),
        ]
        for name, shape in shapes:
            if name not in tensors or tuple(tensors[name].shape) != shape:
                raise NetsError(f"the model {self.name} makes networks of several shapes: {name} differs")
        return self.read(module, self.parameters), self.read(module, others)

    @cached_property
    def initial_extras(self) -> np.ndarray:
        """float32[m]: biases of prunable layers are zero, the others as the factory made them with SEED."""
        values = self.read(self.module, [extra.name for extra in self.extras])
        layers = {name.rpartition(".")[0] for name in self.parameters}
        start = 0
        for extra in self.extras:
            layer, _, leaf = extra.name.rpartition(".")
            if layer in layers and "bias" in leaf:
                values[start : start + extra.size] = 0
            start += extra.size
        return values

    def instance(self, values: Mapping[str, Tensor] | None = None) -> nn.Module:
        """A copy of the module in which the named tensors are these, without a copy; all by default new.

        With `values`, which name all parameters, the other buffers are copies.
        """
        if values is None:
            return self._copied({})
        kept = {name for name, _ in self.module.named_buffers()} - values.keys()
        own = dict(self.module.named_parameters()) | dict(self.module.named_buffers())
        module = self._copied({id(each): each for name, each in own.items() if name not in kept})
        for name, value in values.items():
            is_parameter = isinstance(own[name], nn.Parameter)
            placed = nn.Parameter(value, own[name].requires_grad) if is_parameter else value
            for owner, leaf in self._aliases[name]:
                setattr(module.get_submodule(owner), leaf, placed)
        return module

    def _copied(self, shared: dict[int, Any]) -> nn.Module:
        """A copy of the module; what is `shared`, by its id, is not copied. Raises NetsError."""
        try:
            return copy.deepcopy(self.module, shared)
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise NetsError(
                f"{self.name} cannot be copied, as each genome's network is: {raised(error)}"
            ) from error

    # How the module behaves: found by running it once.

    def sample(self, count: int) -> Tensor:
        return torch.zeros(count, *self.input_shape, dtype=self.dtype)

    def random_samples(self, count: int) -> Tensor:
        """Random samples, the same each time: normal numbers, or token ids that all embeddings know."""
        generator = torch.Generator().manual_seed(0)
        shape = (count, *self.input_shape)
        if self.dtype.is_floating_point:
            return torch.randn(shape, generator=generator, dtype=self.dtype)
        known = [each.num_embeddings for each in self.module.modules() if isinstance(each, nn.Embedding)]
        return torch.randint(min(known, default=2), shape, generator=generator, dtype=self.dtype)

    @cached_property
    def perceptron(self) -> Perceptron | None:
        """Its layers, if it is a perceptron."""
        if self.dtype != torch.float32 or self.draws or self._trained[2]:
            return None
        return recognised(self.module, self.sample(2), self.parameters, self.extras)

    @cached_property
    def outputs(self) -> int:
        """Numbers that it puts out for a sample, or at each of its places; 0 if it is no tensor."""
        if self.perceptron:
            return self.perceptron.widths[-1]
        found = self.run(self.instance().eval(), self.sample(2))
        if not isinstance(found, Tensor):
            return 0
        return found.shape[1] if found.ndim > 1 else 1

    @cached_property
    def groups(self) -> Groups | None:
        """Its hidden nodes, followed through its graph; None if they cannot be told so."""
        if self._trained[2]:
            return None
        return trace(self.module, self.sample(2), self.parameters, self.extras)

    @cached_property
    def nodes(self) -> Groups | None:
        """Its hidden nodes, with the help of torch-pruning where it is needed and installed."""
        if self.groups or self._trained[2]:
            return self.groups
        return followed(self.module, self.sample(2), self.parameters, self.extras)

    @cached_property
    def units(self) -> int:
        """Numbers that the layers put out for one sample; memory estimates use it."""
        if self.perceptron:
            return sum(self.perceptron.widths[1:])
        counted = [0]

        def count(module: nn.Module, arguments: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                counted[0] += first.numel()

        module = self.instance()
        for each in module.modules():
            if next(each.parameters(recurse=False), None) is not None:
                each.register_forward_hook(count)
        self.run(module.eval(), self.sample(2))
        return max(1, counted[0] // 2)

    @cached_property
    def _trained(self) -> tuple[bool, bool, bool]:
        """Does a forward pass in training change float buffers, does it draw random numbers, and does it draw
        any from Python's or numpy's streams? Then it may decide by them what it computes."""
        module = self.instance().train()
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        with loading():
            before = streams()
            self._call(module, self.sample(2))
            after = streams()
        changed = any(
            buffer.is_floating_point() and not torch.equal(buffer, buffers[name])
            for name, buffer in module.named_buffers()
        )
        return changed, before != after, before[1:] != after[1:]

    @property
    def keeps_statistics(self) -> bool:
        """Does training change its buffers, such as the running statistics of batch normalisation?"""
        return self._trained[0]

    @property
    def draws(self) -> bool:
        """Does training draw random numbers, as dropout does?"""
        return self._trained[1]

    @cached_property
    def channels_last(self) -> bool:
        """Does it take images with their channels last in memory? A module that calls `view` may not."""
        if len(self.input_shape) != 3 or self.dtype != torch.float32:
            return False
        try:
            images = self.sample(2).contiguous(memory_format=torch.channels_last)
            self.run(self.instance().train(), images)
        except NetsError:
            return False
        return True

    @cached_property
    def needs_two(self) -> bool:
        """Does a training need two samples or more in every minibatch?"""
        if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.module.modules()):
            return False
        with torch.no_grad(), loading():
            try:
                self.instance().train()(self.sample(1))
            except ValueError:
                return True
        return False

    def run(self, module: nn.Module, x: Tensor) -> Any:
        """What the module puts out for x; the global random streams stay. Raises NetsError if it raises."""
        with loading():
            return self._call(module, x)

    def _call(self, module: nn.Module, x: Tensor) -> Any:
        try:
            with torch.no_grad():
                return module(x)
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise SamplesError(
                f"{self.name} cannot take {len(x)} samples, each {list(x.shape[1:])} of "
                f"{str(x.dtype).removeprefix('torch.')}: {raised(error)}"
            ) from error

    def narrowed(self, sizes: Sequence[int]) -> Template:
        """The template with these numbers of nodes, one per group of `nodes`."""
        assert self.nodes is not None
        smaller = copy.copy(self)
        for name in ("perceptron", "initial_extras"):
            smaller.__dict__.pop(name, None)
        kept = self.nodes.kept(sizes)
        smaller._take(resized(self.module, self.nodes, kept, self.parameters, self.extras))
        smaller.nodes = self.nodes.of_sizes(sizes)
        smaller.groups = smaller.nodes if self.groups else None
        return smaller
