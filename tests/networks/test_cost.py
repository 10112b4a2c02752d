"""What a network costs, against counts by hand and against what is there to be stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from nets_deap.models.registry import Model, build
from nets_deap.networks.cost import BATCHES, Cost, cost
from nets_deap.networks.multiply_adds import multiply_adds
from nets_deap.problem.ticket import Ticket
from tests.conftest import Ran, assert_refused
from tests.export.networks import LARGE, NAMED, TOKENS, case

IMAGE = (3, 8, 8)
# Layers, and the multiply-adds of their weights by hand: weights times the places that they are used at
BY_HAND: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    "linear": (nn.Linear(8, 5), IMAGE, 5 * 8 * 24),
    "convolution": (nn.Conv2d(3, 4, 3, padding=1), IMAGE, 4 * 3 * 9 * 64),
    "strided, without a bias": (nn.Conv2d(3, 4, 3, stride=2, bias=False), IMAGE, 4 * 3 * 9 * 9),
    "each channel by itself": (nn.Conv2d(3, 3, 3, groups=3), IMAGE, 3 * 9 * 36),
    "gru": (nn.GRU(4, 5, batch_first=True), (7, 4), 7 * 3 * 5 * (4 + 5)),
    "lstm": (nn.LSTM(4, 5, batch_first=True), (7, 4), 7 * 4 * 5 * (4 + 5)),
    "transposed": (nn.ConvTranspose2d(3, 4, 2, stride=2), IMAGE, 3 * 4 * 4 * 64),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_multiply_adds_are_those_by_hand(kind: str) -> None:
    module, shape, expected = BY_HAND[kind]
    made = build(Model(f"tests:{kind}", lambda: module), shape, 5)
    counted = multiply_adds(module, made.known().random_samples(1))
    assert sum(counted.values()) == expected
    assert all(name.rpartition(".")[2].startswith("weight") for name in counted)
    twice = multiply_adds(module, made.known().random_samples(2))
    assert twice == {name: 2 * each for name, each in counted.items()}


def test_attention_multiplies_queries_and_keys_too() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    made = build(Model("tests:attention", lambda: layer), (5, 8), 8)
    counted = multiply_adds(layer, made.known().random_samples(1))
    assert counted[""] == 2 * 5 * 5 * 8  # queries by keys, then shares by values
    assert counted["self_attn.in_proj_weight"] == 5 * 3 * 8 * 8
    assert counted["linear1.weight"] == 5 * 8 * 16


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nets_deap.networks.cost.SECONDS", 0.0)
    monkeypatch.setattr("nets_deap.networks.cost.FEWEST", 1)
    monkeypatch.setattr("nets_deap.networks.cost.BATCHES", (1, 3))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in [*NAMED, *TOKENS]],
)
def test_every_network_has_a_cost(name: str) -> None:
    ticket = case(name).ticket
    found = cost(ticket)
    assert found.parameters == ticket.layout.size + ticket.extras.size
    assert found.nonzero <= int(ticket.mask.sum()) + ticket.extras.size
    assert sum(layer.kept for layer in found.layers) == int(ticket.mask.sum())
    assert all(layer.multiply_adds >= layer.weights for layer in found.layers)
    assert found.sparse_multiply_adds < found.multiply_adds
    assert 4 * found.parameters <= found.dense_bytes
    assert found.masked_bytes < found.dense_bytes
    if ticket.architecture.known().groups is not None:  # half of its nodes are cut off
        assert found.smaller is not None
    forms = ["dense", "masked", *(["smaller"] if found.smaller else [])]
    assert [(latency.form, latency.batch) for latency in found.latencies] == [
        (form, batch) for batch in (1, 3) for form in forms
    ]
    assert all(0 < latency.lower_s <= latency.median_s <= latency.upper_s for latency in found.latencies)


def test_a_full_mask_saves_nothing_and_a_layer_is_used_once_per_sample() -> None:
    made = build("lenet-300-100", (1, 8, 8), 10)
    ticket = Ticket(np.ones(made.layout.size, np.float32), np.ones(made.layout.size, bool), made)
    found: Cost = cost(ticket)
    assert found.multiply_adds == found.sparse_multiply_adds == found.nonzero == made.layout.size
    assert [layer.multiply_adds for layer in found.layers] == [prod(shape) for shape in made.layout.shapes]
    assert found.smaller is None
    assert found.masked_bytes > found.dense_bytes


def test_the_command_shows_the_cost_as_text_and_as_json(cli: Callable[..., Ran]) -> None:
    case("lenet-300-100").ticket.save("t.safetensors")
    assert BATCHES == (1, 256)
    shown = cli("info", "t.safetensors", "--cost")
    assert shown.code == 0
    told = json.loads(cli("info", "t.safetensors", "--cost", "--json").out)
    assert f"{told['multiply_adds']:,} for one sample" in shown.out
    assert f"{Path('t.safetensors').stat().st_size:,} bytes" in shown.out
    assert told["ticket_bytes"] == Path("t.safetensors").stat().st_size
    assert [layer["name"] for layer in told["layers"]] == ["fc1", "fc2", "fc3"]
    assert {latency["form"] for latency in told["latencies"]} == {"dense", "masked", "smaller"}
    Path("hurt.safetensors").write_bytes(Path("t.safetensors").read_bytes()[:-9])
    assert_refused(
        cli,
        {
            "a damaged ticket": ["info", "hurt.safetensors", "--cost"],
            "no ticket": ["info", "nowhere", "--cost"],
            "model without cost": ["info", "t.safetensors", "--model", "os:getcwd"],
            "another network": ["info", "t.safetensors", "--cost", "--model", "nowhere:make"],
        },
    )
