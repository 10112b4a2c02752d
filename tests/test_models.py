from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.errors import NetsError
from nets_deap.models import MODELS, build, state_dict


@pytest.mark.parametrize(
    ("name", "shape", "classes", "weights"),
    [
        ("mlp-10", (2,), 2, 30),
        ("mlp-100", (2,), 2, 300),
        ("lenet-300-100", (1, 28, 28), 10, 266_200),
        ("lenet-300-100", (1, 8, 8), 10, 50_200),
        ("lenet-300-100", (3, 32, 32), 10, 952_600),
    ],
)
def test_numbers_of_weights(name: str, shape: tuple[int, ...], classes: int, weights: int) -> None:
    assert build(name, shape, classes).layout.size == weights


@pytest.mark.parametrize("name", MODELS)
def test_the_module_has_the_layouts_names_and_shapes_and_no_biases(name: str) -> None:
    architecture = build(name, (1, 4, 4), 3)
    parameters = dict(architecture.module().named_parameters())
    layout = architecture.layout
    assert list(parameters) == [f"{n}.weight" for n in layout.names]
    assert [tuple(p.shape) for p in parameters.values()] == list(layout.shapes)


def test_a_genome_is_expressed_as_the_network_it_describes() -> None:
    architecture = build("mlp-10", (2,), 2)
    weights, mask = np.zeros(30, dtype=np.float32), np.zeros(30, dtype=bool)
    weights[[0, 1, 20]] = [3, 5, 2]
    mask[[0, 20]] = True
    module = architecture.module()
    module.load_state_dict(state_dict(architecture.layout, weights, mask))
    x = torch.tensor([[1.0, 1.0]])
    hidden = 1 / (1 + np.exp(-3.0))  # the weight 5 is dormant
    assert module(x).item() == pytest.approx(1 / (1 + np.exp(-2 * hidden)), rel=1e-6)


def test_two_classes_need_one_sigmoid_and_more_are_one_hot() -> None:
    labels = torch.tensor([0, 1])
    assert build("mlp-10", (2,), 2).targets(labels, torch.float32).tolist() == [[0], [1]]
    assert build("mlp-10", (2,), 3).targets(labels, torch.float32).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(NetsError, match="did you mean 'lenet-300-100'"):
        build("lenet", (2,), 2)
