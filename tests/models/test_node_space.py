from __future__ import annotations

import numpy as np
import pytest

from nets_deap.models.catalogue import MODELS
from nets_deap.models.node_space import (
    extras_mask,
    groups,
    known,
    live_nodes,
    narrow,
    narrow_to_mask,
    weight_mask,
)
from nets_deap.models.registry import build
from tests.architectures import convnet, mlp

TINY = mlp((2,), (3, 2), 1, "relu", "cross-entropy")
LARGE = {"vgg-16", "vgg-19", "resnet-18"}  # as vgg-11 and resnet-8
ALL = [name for name in MODELS if name not in LARGE | {"vit"}] + ["wrn-10-1", "wrn-16-2", "resnet-8"]


def small(name: str):
    """Of four classes; VGG halves its images five times."""
    return build(name, (3, 32, 32) if name.startswith(("vgg", "lenet-5")) else (3, 8, 8), 4)


def test_a_node_mask_is_expressed_as_weights_written_out() -> None:
    # Hidden units 0 and 2 of the first layer, 1 of the second.
    mask = weight_mask(TINY, np.array([1, 0, 1, 0, 1], dtype=bool))
    first, second, third = (part.astype(int).tolist() for _, part in TINY.layout.split(mask))
    assert first == [[1, 1], [0, 0], [1, 1]]
    assert second == [[0, 0, 0], [1, 0, 1]]
    assert third == [[0, 1]]


def test_the_places_of_a_channel_go_together_when_it_is_flattened() -> None:
    architecture = convnet((1, 4, 4), [2, "M"], [1], kernel=1)
    mask = weight_mask(architecture, np.array([False, True]))
    convolution, dense = (part for _, part in architecture.layout.split(mask))
    assert convolution.ravel().tolist() == [False, True]
    assert dense.tolist() == [[False] * 4 + [True] * 4]
    assert extras_mask(architecture, np.array([False, True])).tolist() == [False, True, True]


@pytest.mark.parametrize("name", ALL)
def test_all_nodes_are_the_whole_network(name: str) -> None:
    architecture = small(name)
    nodes = np.ones(known(architecture).nodes.size, dtype=bool)
    assert weight_mask(architecture, nodes).all()
    assert extras_mask(architecture, nodes).all()
    assert narrow(architecture, nodes).architecture == architecture
    assert narrow_to_mask(architecture, np.ones(architecture.layout.size, dtype=bool)) is None


@pytest.mark.parametrize("name", ALL)
def test_a_narrowed_network_has_the_weights_and_extras_of_its_nodes(name: str) -> None:
    architecture, rng = small(name), np.random.default_rng(0)
    nodes = rng.random(known(architecture).nodes.size) < 0.4
    for part in groups(architecture, nodes).values():
        part[0] = True
    narrowed = narrow(architecture, nodes)
    smaller = narrowed.architecture
    assert smaller.layout.size == narrowed.genes.size
    assert smaller.initial_extras.size == narrowed.extras.size
    # The same weights in the same order: each layer's part has its smaller shape.
    weights = np.arange(architecture.layout.size)
    whole, parts = dict(architecture.layout.split(weights)), smaller.layout.split(weights[narrowed.genes])
    for layer, part in parts:
        assert np.isin(part, whole[layer]).all()
    # And back: the nodes that have a way to an output are those that were alive.
    assert (live_nodes(architecture, weight_mask(architecture, nodes)) == nodes).all()


def test_a_channel_of_a_stage_is_one_for_all_its_blocks() -> None:
    architecture = build("wrn-16-1", (3, 8, 8), 4)
    nodes = np.ones(known(architecture).nodes.size, dtype=bool)
    groups(architecture, nodes)["conv"][5] = False
    parts = dict(architecture.layout.split(weight_mask(architecture, nodes)))
    into, out_of = {"conv", "stage1.1.conv2", "stage1.2.conv2"}, {
        "stage1.1.conv1", "stage1.2.conv1", "stage2.1.conv1", "stage2.1.shortcut"
    }  # fmt: skip
    for name, part in parts.items():
        assert part[5].any() == (name not in into) if name in into else True
        assert part.all() == (name not in into | out_of)
    assert all(not parts[name][:, 5].any() for name in out_of)


def test_nodes_without_a_way_to_an_output_are_dead_whatever_leads_to_them() -> None:
    mask = np.ones(TINY.layout.size, dtype=bool)
    _, second, third = (part for _, part in TINY.layout.split(mask))
    third[0, 0] = False  # unit 0 of the second layer has no way out
    second[1, 2] = False  # and unit 2 of the first only one through it
    assert live_nodes(TINY, mask).tolist() == [True, True, False, False, True]


def test_what_is_added_to_a_stream_that_nobody_reads_later_has_no_effect() -> None:
    architecture = build("wrn-16-1", (3, 8, 8), 4)
    mask = np.zeros(architecture.layout.size, dtype=bool)
    layers = dict(architecture.layout.split(mask))
    for name, target, source in (
        ("fc", 0, 0),
        ("stage3.1.shortcut", 0, 0),
        ("stage2.1.shortcut", 0, 0),
        ("stage1.2.conv2", 1, 0),  # into channel 1 of the stream, after its only reader
        ("stage1.2.conv1", 0, 0),
        ("stage1.1.conv2", 0, 0),
        ("stage1.1.conv1", 0, 1),
    ):
        layers[name][target, source] = True
    nodes = groups(architecture, live_nodes(architecture, mask))
    assert {name: np.flatnonzero(alive).tolist() for name, alive in nodes.items() if alive.any()} == {
        "conv": [0, 1],
        "stage1.1.conv1": [0],
        "stage2.1.shortcut": [0],
        "stage3.1.shortcut": [0],
    }


def test_an_empty_group_has_no_smaller_network() -> None:
    nodes = np.array([1, 1, 1, 0, 0], dtype=bool)
    assert narrow_to_mask(TINY, weight_mask(TINY, nodes)) is None
    with pytest.raises(ValueError, match="empty"):
        narrow(TINY, nodes)
