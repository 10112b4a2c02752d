"""How the weights of a network move along their gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from nets_deap.problem.optimizer import Optimizer
from nets_deap.problem.recipe import Recipe

Views = Callable[[Tensor], Sequence[Tensor]]
SMALL = 1e-6  # added to a norm that divides, as `torch.nn.utils.clip_grad_norm_` does
# Arguments that torch's fused kernels take from us; with others the optimiser itself is constructed
FUSED = {
    "SGD": {"momentum", "dampening", "nesterov", "weight_decay"},
    "Adam": {"betas", "eps", "weight_decay"},
    "AdamW": {"betas", "eps", "weight_decay"},
}


class _Rule(Protocol):
    def step(self, lr: float | Tensor) -> None: ...

    def forget(self, kept: Tensor) -> None: ...

    def memory(self) -> dict[str, Tensor]: ...

    def remember(self, memory: dict[str, Tensor]) -> None: ...


class Descent:
    """An optimiser, gradient clipping and the learning rate, for one vector of weights.

    lr: the learning rate of the next step; whoever trains may change it
    rate: the same for a recorded step to read, float32[], once `record` is called
    spreads: does a step move weights without a gradient? Then what is pruned is to be cleared after it
    plain: is it gradient descent alone? Then there is no `gradient`: back ends add it as they compute it
    gradient: like `flat`, to be filled before `step`, with zeros for what is pruned

    parts: the views of a vector like `flat` as the layers' weights, for optimisers that ask for their shapes
    networks: its views as the weights [P, …] of P networks, whose gradients are clipped one by one

    Raises NetsError as `problem.optimizer.parsed` does.
    """

    def __init__(
        self, recipe: Recipe, flat: Tensor, parts: Views | None = None, networks: Views | None = None
    ) -> None:
        optimizer = recipe.descent
        self.rate: Tensor | None = None
        self.lr, self.clip = recipe.lr, recipe.clip
        self.plain = optimizer.plain and not self.clip
        self.spreads = not optimizer.elementwise
        self.gradient: Tensor | None = None
        if self.plain:
            return
        self.gradient = torch.zeros_like(flat)
        self._networks: Sequence[Tensor] = networks(self.gradient) if networks and self.clip else ()
        self._rule = _rule(optimizer, flat, self.gradient, parts)

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = value
        if self.rate is not None:
            self.rate.fill_(value)

    def record(self, device: torch.device) -> None:
        """From now on read the learning rate from a tensor, so that a recorded step follows its changes."""
        self.rate = torch.full((), self.lr, device=device)

    @property
    def recordable(self) -> bool:
        """Can a step be replayed as a CUDA graph?"""
        return self.plain or not isinstance(self._rule, _Torch)

    def step(self) -> None:
        """Move the weights along `gradient`."""
        assert self.gradient is not None
        if self.clip:
            self._shorten()
        self._rule.step(self.lr if self.rate is None else self.rate)

    def forget(self, kept: Tensor) -> None:
        """Clear the optimiser's state of the weights where `kept`, like `flat`, is False."""
        if not self.plain:
            self._rule.forget(kept)

    def memory(self) -> dict[str, Tensor]:
        """What the optimiser has kept of earlier steps, as named tensors; they go on changing."""
        return {} if self.plain else self._rule.memory()

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Go on with what another descent has kept."""
        if not self.plain:
            self._rule.remember(memory)

    def _shorten(self) -> None:
        assert self.gradient is not None
        if not self._networks:
            self.gradient.mul_((self.clip / (self.gradient.norm() + SMALL)).clamp(max=1))
            return
        squares = sum(part.flatten(1).square().sum(dim=1) for part in self._networks)
        factors = (self.clip / (torch.as_tensor(squares).sqrt() + SMALL)).clamp(max=1)
        for part in self._networks:
            part.mul_(factors.view(-1, *[1] * (part.ndim - 1)))


def _rule(optimizer: Optimizer, flat: Tensor, gradient: Tensor, parts: Views | None) -> _Rule:
    arguments = dict(optimizer.arguments)
    if optimizer.kind in FUSED and arguments.keys() <= FUSED[optimizer.kind]:
        kind = _SGD if optimizer.kind == "SGD" else _Adam
        return kind(optimizer.kind, arguments, flat, gradient)
    return _Torch(optimizer, flat, gradient, parts or (lambda vector: [vector]))


class _SGD:
    """Gradient descent with momentum, by torch's fused kernel.

    It computes the same as `torch.optim.SGD`. Constructing that would import torch's compiler, which takes
    seconds in every process.
    """

    def __init__(self, kind: str, arguments: dict[str, Any], flat: Tensor, gradient: Tensor) -> None:
        self.flat, self.gradient = flat, gradient
        self.arguments = {
            "momentum": 0.0,
            "dampening": 0.0,
            "nesterov": False,
            "weight_decay": 0.0,
        } | arguments
        self.mean = [torch.zeros_like(flat)] if self.arguments["momentum"] else []
        self.first = True

    def step(self, lr: float | Tensor) -> None:
        torch._fused_sgd_(
            [self.flat], [self.gradient], self.mean,
            lr=lr, maximize=False, is_first_step=self.first and bool(self.mean), **self.arguments,
        )  # fmt: skip
        self.first = False

    def forget(self, kept: Tensor) -> None:
        for mean in self.mean:
            mean.mul_(kept)

    def memory(self) -> dict[str, Tensor]:
        return {"mean": self.mean[0]} if self.mean and not self.first else {}

    def remember(self, memory: dict[str, Tensor]) -> None:
        for mean in memory.values():
            self.mean[0].copy_(mean)
            self.first = False


class _Adam:
    """Adam or AdamW, likewise."""

    def __init__(self, kind: str, arguments: dict[str, Any], flat: Tensor, gradient: Tensor) -> None:
        self.kernel = torch._fused_adamw_ if kind == "AdamW" else torch._fused_adam_
        self.flat, self.gradient = flat, gradient
        decay = 0.01 if kind == "AdamW" else 0.0
        self.beta1, self.beta2 = arguments.get("betas", (0.9, 0.999))
        self.eps, self.decay = arguments.get("eps", 1e-8), arguments.get("weight_decay", decay)
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.steps = torch.zeros((), device=flat.device)

    def step(self, lr: float | Tensor) -> None:
        self.steps += 1
        self.kernel(
            [self.flat], [self.gradient], [self.mean], [self.square], [], [self.steps],
            lr=lr, beta1=self.beta1, beta2=self.beta2, eps=self.eps,
            weight_decay=self.decay, amsgrad=False, maximize=False,
        )  # fmt: skip

    def forget(self, kept: Tensor) -> None:
        self.mean.mul_(kept)
        self.square.mul_(kept)

    def memory(self) -> dict[str, Tensor]:
        return {"mean": self.mean, "square": self.square, "steps": self.steps}

    def remember(self, memory: dict[str, Tensor]) -> None:
        for name, kept in self.memory().items():
            kept.copy_(memory[name])


class _Torch:
    """Any other optimiser of torch, on the layers' weights."""

    def __init__(self, optimizer: Optimizer, flat: Tensor, gradient: Tensor, views: Views) -> None:
        self.views = views
        self.parameters = [part.detach().requires_grad_() for part in views(flat)]
        for parameter, part in zip(self.parameters, views(gradient), strict=True):
            parameter.grad = part
        self.optimizer = optimizer.on(self.parameters, 0.1)

    def step(self, lr: float | Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()

    def forget(self, kept: Tensor) -> None:
        for parameter, part in zip(self.parameters, self.views(kept), strict=True):
            for state in self.optimizer.state[parameter].values():
                if isinstance(state, Tensor) and state.shape == part.shape:
                    state.mul_(part)

    def memory(self) -> dict[str, Tensor]:
        return {
            f"{i}.{name}": torch.as_tensor(value)
            for i, kept in self.optimizer.state_dict()["state"].items()
            for name, value in kept.items()
            if value is not None
        }

    def remember(self, memory: dict[str, Tensor]) -> None:
        kept: dict[int, dict[str, Tensor]] = {}
        for key, value in memory.items():
            i, _, name = key.partition(".")
            kept.setdefault(int(i), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": kept})
