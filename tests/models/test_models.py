from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from nets_deap.models.catalogue import MODELS
from nets_deap.models.registry import Description, build, described, state_dict
from nets_deap.models.zoo.pooling import MaxPool2d
from nets_deap.util.errors import NetsError
from nets_deap.util.schema import checked


@pytest.mark.parametrize(
    ("name", "shape", "classes", "weights"),
    [
        ("mlp-10", (2,), 2, 30),
        ("mlp-100", (2,), 2, 300),
        ("lenet-300-100", (1, 28, 28), 10, 266_200),
        ("lenet-300-100", (1, 8, 8), 10, 50_200),
        ("lenet-300-100", (3, 32, 32), 10, 952_600),
        ("conv-2", (3, 32, 32), 10, 4_300_992),  # Frankle & Carbin 2019, figure 2: 4.3M, 2.4M, 1.7M
        ("conv-4", (3, 32, 32), 10, 2_425_024),
        ("conv-6", (3, 32, 32), 10, 2_261_184),
        ("cnn-8-16", (1, 28, 28), 10, 11_274 - 34),  # Lange & Sprekeler 2023
        ("wrn-10-1", (1, 8, 8), 10, 77_072),
        ("wrn-16-1", (3, 32, 32), 10, 174_128),
        ("lenet-5", (1, 28, 28), 10, 430_500),  # Lee et al. 2019, table 1
        ("vgg-16", (3, 32, 32), 10, 14_715_584),
        pytest.param("vgg-19", (3, 32, 32), 10, 20_024_000, marks=pytest.mark.slow),
        ("resnet-20", (3, 32, 32), 10, 270_896),  # He et al. 2016, table 6: 0.27M
        ("resnet-56", (3, 32, 32), 10, 851_504),  # and 0.85M
        ("resnet-18", (3, 32, 32), 10, 11_164_352),
        ("mlp:784-300-100-10", (784,), 10, 266_200),
        ("gru-16", (5, 4), 3, 1_008),
        # Zagoruyko & Komodakis 2016, table 4: 36.5M in all
        pytest.param("wrn-28-10", (3, 32, 32), 10, 36_461_232, marks=pytest.mark.slow),
    ],
)
def test_numbers_of_weights(name: str, shape: tuple[int, ...], classes: int, weights: int) -> None:
    assert build(name, shape, classes).layout.size == weights


LARGE = {"vgg-16", "vgg-19"}  # as vgg-11, but for their numbers
ALL = [*(name for name in MODELS if name not in LARGE), "wrn-10-1", "wrn-16-2", "resnet-8", "gru-8"]


def shape_for(name: str) -> tuple[int, ...]:
    """Small images; VGG halves them five times."""
    return (1, 32, 32) if name.startswith(("vgg", "lenet-5")) else (1, 8, 8)


@pytest.mark.parametrize("name", ALL)
def test_the_module_has_the_layouts_weights_the_extras_and_nothing_else(name: str) -> None:
    architecture = build(name, shape_for(name), 3)
    tensors, layout = architecture.module().state_dict(), architecture.layout
    for weight, shape in zip(architecture.parameters, layout.shapes, strict=True):
        assert tensors.pop(weight).shape == shape
    trained = dict(architecture.module().named_parameters())
    initial = architecture.named(np.zeros(layout.size), architecture.initial_extras)
    for extra in architecture.extras:
        found = tensors.pop(extra.name)
        assert found.shape == extra.shape
        assert extra.trained == (extra.name in trained)
        if "norm" in extra.name:  # as torch has them at first; biases it draws
            assert found.numpy() == pytest.approx(initial[extra.name])
    assert all(name.endswith("num_batches_tracked") for name in tensors)  # whole numbers, which follow
    assert [e.trained for e in architecture.extras] == sorted(e.trained for e in architecture.extras)[::-1]
    assert architecture.initial_extras.size == sum(extra.size for extra in architecture.extras)


@pytest.mark.parametrize("name", ALL)
def test_an_architecture_is_rebuilt_from_its_description(name: str) -> None:
    architecture = build(name, shape_for(name), 3)
    told = json.loads(json.dumps(architecture.description()))
    again = described(checked(Description, told, "a ticket"))
    assert again == architecture
    assert again.template is None  # until somebody needs it
    assert again.known().layout == architecture.layout


def test_a_wide_resnets_first_block_has_a_shortcut_where_the_channels_change() -> None:
    narrow, wide = (build(name, (3, 32, 32), 10).layout.names for name in ("wrn-16-1", "wrn-16-4"))
    assert "stage1.1.shortcut" not in narrow
    assert "stage1.1.shortcut" in wide
    assert {"stage2.1.shortcut", "stage3.1.shortcut"} <= {*narrow} & {*wide}
    assert "stage3.2.conv2" in wide
    assert "stage3.3.conv1" not in wide


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("wrn-17-1", (3, 32, 32), "the depth of a wide ResNet is 6n \\+ 4"),
        ("wrn-4-1", (3, 32, 32), "the depth of a wide ResNet is 6n \\+ 4"),
        ("wrn-16-0", (3, 32, 32), "unknown architecture 'wrn-16-0'"),
        ("resnet-21", (3, 32, 32), "the depth of a ResNet for small images is 6n \\+ 2"),
        ("vgg-11", (3, 16, 16), "vgg-11 wants images of 32 × 32"),
        ("mlp:13-5-10", (3, 2, 2), "mlp:13-5-10 has 13 inputs"),
        ("mlp:12-x", (12,), "expected mlp:784-300-100-10"),
        ("torchvision:resnet19", (3, 32, 32), "did you mean 'resnet18'"),
        ("conv-2", (2,), "conv-2 wants images of 2 × 2 pixels or more, but the data set has 2"),
        ("conv-6", (3, 4, 32), "conv-6 wants images of 8 × 8"),
        ("wrn-10-1", (3, 3, 3), "wants images of 4 × 4"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(NetsError, match=message):
        build(name, shape, 10)


def test_a_genome_is_expressed_as_the_network_it_describes() -> None:
    architecture = build("mlp-10", (2,), 2)
    weights, mask = np.zeros(30, dtype=np.float32), np.zeros(30, dtype=bool)
    weights[[0, 1, 20]] = [3, 5, 2]
    mask[[0, 20]] = True
    module = architecture.module()
    module.load_state_dict(state_dict(architecture, weights, mask))
    x = torch.tensor([[1.0, 1.0]])
    hidden = 1 / (1 + np.exp(-3.0))  # the weight 5 is dormant
    assert module(x).item() == pytest.approx(1 / (1 + np.exp(-2 * hidden)), rel=1e-6)


def test_two_classes_need_one_sigmoid_and_more_are_one_hot() -> None:
    labels = torch.tensor([0, 1])
    assert build("mlp-10", (2,), 2).targets(labels, torch.float32).tolist() == [[0], [1]]
    assert build("mlp-10", (2,), 3).targets(labels, torch.float32).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(NetsError, match="did you mean 'lenet-5'"):
        build("lenet", (2,), 2)


@pytest.mark.parametrize("sides", [(4, 6), (5, 7)])
def test_pooling_without_gradients_is_torchs(sides: tuple[int, int]) -> None:
    x = torch.randn(3, 2, *sides, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = MaxPool2d()(x)
        assert found.equal(torch.nn.functional.max_pool2d(x, 2))
        assert torch.func.vmap(MaxPool2d())(x[None]).equal(found[None])
    needed = x.clone().requires_grad_()
    MaxPool2d()(needed).sum().backward()
    assert needed.grad is not None
    assert needed.grad.sum() == found.numel()
