"""Modules computed by the kernels train as with torch, and what cannot be is left to torch."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known, weight_mask
from nets_deap.models.registry import build
from nets_deap.networks import sparse_module
from nets_deap.networks.backends import make_network
from nets_deap.networks.interleaved import convolution
from nets_deap.networks.kernels import library
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.sparse_module import SparseModule, active_share, computes
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.architectures import of

pytestmark = pytest.mark.skipif(not library.available(), reason="the kernels are not built")

SHAPE = (3, 16, 16)
NAMES = ("lenet-5", "conv-2", "cnn-8-16", "resnet-20", "wrn-10-1")


def drawn(architecture: Architecture, density: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    weights, _ = architecture.known().draw(rng)
    return weights, rng.random(weights.size) < density


def batch(samples: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(samples)
    x = torch.randn(samples, *SHAPE, generator=generator, dtype=dtype)
    return x, torch.eye(10, dtype=dtype)[torch.arange(samples) % 10]


@pytest.mark.parametrize("density", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_every_convolutional_network_trains_as_with_torch(name: str, density: float) -> None:
    architecture = build(name, SHAPE, 10)
    assert computes(architecture)
    weights, mask = drawn(architecture, density)
    recipe = Recipe("sgd:momentum=0.9,weight_decay=1e-3", 0.05, 20)
    ours = SparseModule(architecture, weights, mask, recipe, torch.float64)
    theirs = MaskedModule(architecture, weights, mask, recipe, dtype=torch.float64)
    for samples in (20, 20, 7):  # the last minibatch is smaller
        for network in (ours, theirs):
            network.step(*batch(samples))
        torch.testing.assert_close(ours.outputs, theirs.outputs, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.weights(), theirs.weights(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.extras(), theirs.extras(), rtol=1e-6, atol=1e-9)
    assert not ours.weights()[~mask].any()
    x, _ = batch(70)
    torch.testing.assert_close(ours.forward(x), theirs.forward(x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adamw"])
@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_optimisers_and_clipping(optimizer: str, clip: float) -> None:
    architecture = build("cnn-8-16", SHAPE, 10)
    weights, mask = drawn(architecture, 0.2)
    recipe = Recipe(optimizer, 0.01, 20, clip=clip)
    ours = SparseModule(architecture, weights, mask, recipe, torch.float64)
    theirs = MaskedModule(architecture, weights, mask, recipe, dtype=torch.float64)
    for _ in range(3):
        ours.step(*batch(20))
        theirs.step(*batch(20))
    np.testing.assert_allclose(ours.weights(), theirs.weights(), rtol=1e-6, atol=1e-8)


def test_an_empty_mask() -> None:
    architecture = build("resnet-20", SHAPE, 10)
    weights, mask = drawn(architecture, 0.0)
    recipe = Recipe("sgd", 0.1, 20)
    ours = SparseModule(architecture, weights, mask, recipe, torch.float64)
    theirs = MaskedModule(architecture, weights, mask, recipe, dtype=torch.float64)
    for network in (ours, theirs):
        network.step(*batch(20))
    np.testing.assert_allclose(ours.extras(), theirs.extras(), rtol=1e-6, atol=1e-9)


def trained(threads: int = 1) -> bytes:
    architecture = build("resnet-20", SHAPE, 10)
    weights, mask = drawn(architecture, 0.1)
    network = SparseModule(architecture, weights, mask, Recipe("sgd:momentum=0.9", 0.1, 40))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for samples in (40, 40, 9):
            network.step(*batch(samples, torch.float32))
    finally:
        torch.set_num_threads(before)
    return network.weights().tobytes() + network.extras().tobytes()


def test_the_same_bits_each_time_in_one_thread_and_in_several_and_beside_another_training() -> None:
    expected = trained()
    assert trained() == trained(threads=2) == expected
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(trained())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


def test_buffers_do_not_grow_with_the_sizes_of_minibatches() -> None:
    architecture = build("cnn-8-16", SHAPE, 10)
    weights, mask = drawn(architecture, 0.1)
    network = SparseModule(architecture, weights, mask, Recipe("sgd", 0.1, 20))
    for samples in range(3, 12):
        network.step(*batch(samples, torch.float32))
    assert len(network._arenas) == sparse_module.KEPT


def test_an_image_too_large_for_places_of_32_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "FARTHEST", 1000)
    architecture = build("cnn-8-16", SHAPE, 10)
    weights, mask = drawn(architecture, 0.1)
    network = SparseModule(architecture, weights, mask, Recipe("sgd", 0.1, 20))
    with pytest.raises(NetsError, match="take a smaller `batch_size`"):
        network.step(*batch(20, torch.float32))


def test_no_thread_is_left() -> None:
    """Beside other threads a process cannot fork workers."""
    before = threading.active_count()
    trained(threads=2)
    assert threading.active_count() == before


def test_kernels_in_several_threads_give_the_same_bits() -> None:
    from nets_deap.networks.interleaved.convolution import Sparse
    from nets_deap.networks.interleaved.functions import plain
    from nets_deap.networks.interleaved.images import Context
    from nets_deap.networks.interleaved.layout import Arena
    from nets_deap.networks.kernels import images

    mask = np.random.default_rng(0).random((8, 6, 3, 3)) < 0.3
    x = torch.randn(70, 6, 9, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    values = torch.randn(int(mask.sum()), generator=torch.Generator().manual_seed(1)).requires_grad_()
    weight, bias = torch.full(mask.shape, torch.nan), torch.zeros(8, requires_grad=True)
    before = torch.get_num_threads()
    told = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        with images.threads_of_our_own(), Context({id(weight): Sparse(mask, values)}, Arena(torch.float32)):
            out = functional.conv2d(x, weight, bias, padding=1)
            out = functional.batch_norm(out, None, None, training=True).relu()
            whole = plain(functional.max_pool2d(out, 2))
            told.append([whole.detach(), *torch.autograd.grad(whole.square().sum(), [x, values])])
    torch.set_num_threads(before)
    for other in told[1:]:
        for one, two in zip(told[0], other, strict=True):
            assert torch.equal(one, two)


class Tied(nn.Module):
    """Reads its weight outside of a layer, too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).mean((2, 3)) + self.conv.weight.sum())


class Particular(nn.Module):
    """Wants a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if not isinstance(x, Tensor):
            raise TypeError("no tensor")
        return self.fc(x.mean((2, 3)))


class Unusual(nn.Module):
    """Goes in and out of what the kernels compute, with dropout between."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=2, groups=3), nn.Conv2d(6, 4, 5, 2, dilation=2)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(torch.tanh(self.conv1(x)), 0.3, self.training)
        x = self.conv2(functional.interpolate(x, scale_factor=2)) * 0.5
        return self.fc(torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1))


@pytest.mark.parametrize(("make", "computed"), [(Tied, False), (Particular, False), (Unusual, True)], ids=str)
def test_modules_that_do_as_they_like(make: Callable[[], nn.Module], computed: bool) -> None:
    architecture = of(make, SHAPE, 10)
    assert computes(architecture) is computed
    weights, mask = drawn(architecture, 0.1)
    network = make_network(architecture, weights, mask, Recipe("sgd", 0.1, 20))
    assert isinstance(network, SparseModule if computed else MaskedModule)


class Noisy(nn.Module):
    """Draws at random whenever it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).mean((2, 3))
        return self.fc(x) * (1 + 0 * float(torch.rand(())))


def test_choosing_a_back_end_disturbs_no_random_stream() -> None:
    architecture = of(Noisy, SHAPE, 10)
    weights, mask = drawn(architecture, 0.1)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    make_network(architecture, weights, mask, Recipe("sgd", 0.1, 32))
    assert torch.equal(torch.get_rng_state(), before)


def wide(units: int) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        layers = [nn.Linear(3 * 64, units), nn.BatchNorm1d(units), nn.GELU(), nn.Linear(units, units)]
        return nn.Sequential(nn.Flatten(), *layers, nn.Dropout(0.1), nn.ReLU(), nn.Linear(units, 10))

    return make


class Tokens(nn.Module):
    """Linear layers of sequences, with a million weights."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(8, 100_000), nn.Linear(100_000, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x).mean((1, 2)))


@pytest.mark.parametrize(
    ("make", "density", "computed"),
    [(wide(900), 0.1, True), (wide(900), 0.4, False), (wide(300), 0.1, False), (Tokens, 0.1, False)],
)
def test_linear_layers_alone_are_worth_it_from_a_million_weights_on(
    make: Callable[[], nn.Module], density: float, computed: bool
) -> None:
    architecture = of(make, (3, 8, 8), 10)
    weights, mask = drawn(architecture, density)
    network = make_network(architecture, weights, mask, Recipe("sgd", 0.1, 32))
    assert isinstance(network, SparseModule if computed else MaskedModule)


def test_the_back_end_follows_the_mask() -> None:
    architecture = build("resnet-20", SHAPE, 10)

    def kind(density: float, **options: object) -> type:
        weights, mask = drawn(architecture, density)
        recipe = Recipe(**({"batch_size": 60} | options))  # type: ignore[arg-type]
        return type(make_network(architecture, weights, mask, recipe))

    half = np.concatenate([np.arange(size) % 2 == 0 for size in known(architecture).nodes.sizes])
    mask = weight_mask(architecture, half)
    weights, _ = drawn(architecture, 1.0)
    assert type(make_network(architecture, weights, mask, Recipe(batch_size=60))) is MaskedModule
    assert kind(0.02) is SparseModule
    assert kind(1.0) is MaskedModule
    assert kind(0.1, batch_size=2) is MaskedModule
    assert kind(0.02, batch_size=0) is SparseModule
    assert kind(0.02, optimizer="adafactor") is MaskedModule


def test_the_share_of_multiply_adds() -> None:
    """2 · 3 · 9 at each of 16 pixels, and 2 · 5: of the convolution's weights one of two stays."""
    architecture = of(
        lambda: nn.Sequential(
            nn.Conv2d(3, 2, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 5)
        ),
        (3, 4, 4),
        5,
    )
    mask = np.ones(54 + 10, dtype=bool)
    mask[:54:2] = False
    assert active_share(architecture, mask) == pytest.approx((54 * 16 / 2 + 10) / (54 * 16 + 10))
