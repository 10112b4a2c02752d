"""Hidden nodes that torch-pruning finds where torch.fx does not lay them open."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nets_deap as nd
from nets_deap.models import structured
from nets_deap.models.node_space import (
    extras_mask,
    groups,
    known,
    live_nodes,
    narrow,
    narrow_to_mask,
    weight_mask,
)
from nets_deap.models.registry import Model, build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.architectures import drawn_extras, of

pytest.importorskip("torch_pruning")
IMAGE = (3, 8, 8)


class Concatenated(nn.Module):
    """Each layer reads the outputs of all before it, as in a DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.norm, self.last = nn.BatchNorm2d(10), nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x).relu()
        both = self.norm(torch.cat([first, self.second(first)], dim=1))
        return self.last(both.relu().mean((2, 3)))


class Depthwise(nn.Module):
    """With a gate for each channel, as in a MobileNet."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.norm = nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.each = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.squeeze, self.excite = nn.Linear(8, 4), nn.Linear(4, 8)
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.each(self.norm(self.wide(x)).relu())
        gate = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()
        return self.last((x * gate[:, :, None, None]).mean((2, 3)))


class Transposed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 6, 2, 2), nn.ConvTranspose2d(6, 4, 2, 2)
        self.prelu, self.last = nn.PReLU(4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.prelu(self.up(self.down(x).relu())).mean((2, 3)))


class Gated(nn.Module):
    """Two halves of one layer's units are multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = nn.Linear(192, 12), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        values, gate = self.wide(x.flatten(1)).chunk(2, dim=1)
        return self.last(values * gate.sigmoid())


class Told(nn.Module):
    """It has the number of its units in its code."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = nn.Linear(192, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.wide(x.flatten(1)).view(-1, 3, 4).softmax(2).flatten(1))


class Neighbours(nn.Module):
    """Each channel is divided by those beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 12, 3), nn.LocalResponseNorm(3, alpha=1.0)
        self.second, self.last = nn.Conv2d(12, 6, 3), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.norm(self.first(x).relu())).relu().mean((2, 3)))


class Shifted(nn.Module):
    """To each unit the one before it is added."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = nn.Linear(192, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.wide(x.flatten(1)).relu()
        return self.last(hidden + nn.functional.pad(hidden, (1, 0))[:, :-1])


class Parts(nn.Module):
    """Two layers read a part of the units each."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.one, self.other = nn.Linear(192, 12), nn.Linear(4, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.wide(x.flatten(1)).relu()
        return self.one(hidden[:, :4]) + self.other(hidden[:, 4:])


class Aside(nn.Module):
    """In training its units are used in another way, too."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = nn.Linear(192, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.wide(x.flatten(1)).relu()
        if self.training:
            hidden = hidden / (hidden.mean(1, keepdim=True) + 1)
        return self.last(hidden)


class Attention(nn.Module):
    """The scale of the products follows the number of units."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(7, 8)
        self.query, self.key, self.value = (nn.Linear(8, 8, bias=False) for _ in range(3))
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tokens(x)
        attended = nn.functional.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x))
        return self.last(attended.mean(1))


class Encoder(nn.Module):
    """Attention and normalisation over the units leave but the hidden units in between to drop."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 10, dropout=0, batch_first=True)
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layer(x.flatten(2).transpose(1, 2).reshape(len(x), 24, 8)).mean(1))


MODULES = {
    Concatenated: {"first": 4, "second": 6},
    Depthwise: {"wide": 8, "squeeze": 4},
    Transposed: {"down": 6, "up": 4},
    Encoder: {"layer.linear1": 10},
    Neighbours: {"second": 6},
}
each = pytest.mark.parametrize("kind", MODULES)


def some_nodes(architecture, seed: int = 0) -> np.ndarray:
    """At least one of each group."""
    nodes = np.random.default_rng(seed).random(known(architecture).nodes.size) < 0.5
    for part in groups(architecture, nodes).values():
        part[0] = True
    return nodes


@each
def test_which_nodes_there_are(kind: type) -> None:
    architecture = of(kind, IMAGE, 4)
    assert architecture.known().groups is None  # torch.fx does not lead there
    nodes = known(architecture).nodes
    assert dict(zip(nodes.names, nodes.sizes, strict=True)) == MODULES[kind]


@each
def test_the_smaller_network_trains_as_the_masked_one(kind: type) -> None:
    architecture = of(kind, IMAGE, 4)
    nodes = some_nodes(architecture)
    mask, smaller = weight_mask(architecture, nodes), narrow(architecture, nodes)
    assert smaller.genes.size == mask.sum()
    assert (smaller.extras == np.flatnonzero(extras_mask(architecture, nodes))).all()
    weights = np.random.default_rng(1).normal(0, 0.3, mask.size).astype(np.float32)
    extras = np.abs(drawn_extras(architecture))
    recipe = Recipe("adam", 0.01)
    whole = MaskedModule(architecture, weights, mask, recipe, "cpu", torch.float64, extras)
    assert whole.narrowing.genes is None
    part = MaskedModule(
        smaller.architecture, weights[smaller.genes], np.ones(smaller.genes.size, bool), recipe, "cpu",
        torch.float64, extras[smaller.extras],
    )  # fmt: skip
    x = torch.randn(9, *IMAGE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = architecture.targets(torch.arange(9) % 4, torch.float64)
    for _ in range(3):
        torch.testing.assert_close(whole.forward(x), part.forward(x))
        whole.step(x, targets)
        part.step(x, targets)
    np.testing.assert_allclose(whole.weights()[smaller.genes], part.weights(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(whole.extras()[smaller.extras], part.extras(), rtol=1e-6, atol=1e-9)


@each
def test_nodes_of_a_weight_mask_are_alive(kind: type) -> None:
    architecture = of(kind, IMAGE, 4)
    nodes = some_nodes(architecture)
    assert (live_nodes(architecture, weight_mask(architecture, nodes)) == nodes).all()
    assert narrow_to_mask(architecture, weight_mask(architecture, nodes)) is None  # trainings do without


def test_a_search_in_node_space_and_its_smaller_network() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(80, *IMAGE)).astype(np.float32), np.arange(80) % 4
    found = nd.find_ticket(
        Concatenated, data, method="weedout:steps=2,pop=3", density=0.6, recipe={"iterations": 4}, seed=1
    )
    nodes = live_nodes(found.architecture, found.mask)
    assert 0.3 < found.density < 0.9
    assert (weight_mask(found.architecture, nodes) == found.mask).all()
    narrowed = narrow(found.architecture, nodes)
    assert narrowed.architecture.layout.size == found.mask.sum()
    smaller = found.smaller()
    assert smaller.architecture == narrowed.architecture
    with pytest.raises(NetsError, match=r"the ticket is for a smaller .*Concatenated"):
        nd.train_ticket(smaller, Concatenated, data)


def test_without_the_library_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structured, "available", lambda: False)
    architecture = build(Model("tests:own", Concatenated), IMAGE, 4)
    with pytest.raises(NetsError, match=r"install nets-deap\[structured\]"):
        known(architecture)


@pytest.mark.parametrize("kind", [Gated, Told, Shifted, Parts, Aside])
def test_networks_whose_nodes_do_not_go_one_by_one_are_used_as_a_whole(kind: type) -> None:
    with pytest.raises(NetsError, match="cannot be followed"):
        known(of(kind, IMAGE, 4))


def test_units_that_an_attention_multiplies_stay() -> None:
    with pytest.raises(NetsError, match="cannot be followed"):
        known(build(Model("tests:own", Attention), (5,), 4, "int64"))


def test_the_random_numbers_of_the_caller_decide_nothing_and_stay() -> None:
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        found.append(known(of(Encoder, IMAGE, 4)).nodes)
        assert torch.get_rng_state().equal(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("numbers", [1, 6])
def test_prelu_is_followed_without_the_library(numbers: int) -> None:
    architecture = of(
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.PReLU(numbers), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)
        ),
        IMAGE, 4,
    )  # fmt: skip
    assert architecture.known().groups is not None
    assert narrow(architecture, np.arange(6) < 3).extras.size == 3 + min(numbers, 3) + 4
