"""Each command that takes `--device` does on a GPU what it does on a CPU, but for rounding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import needs_gpu

COMMANDS = {
    "evolve": ["evolve", "--arch", "mlp-100", "--pop", "4", "--gens", "2"],
    "evolve, lenet": ["evolve", "--arch", "lenet-300-100", "--pop", "4", "--gens", "2"],
    "evolve, convolutional": ["evolve", "--arch", "cnn-8-16", "--pop", "3", "--gens", "1"],
    "es": ["es", "--arch", "mlp-10", "--pop", "8", "--gens", "2", "--batch", "50"],
}


def numbers(told: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in a JSON object, by the names that lead to them, but for times."""
    if isinstance(told, dict):
        for key, value in told.items():
            yield from numbers(value, f"{name}.{key}")
    elif isinstance(told, int | float) and not name.endswith("seconds"):
        yield name, told


@needs_gpu
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_on_a_gpu(name: str, cli) -> None:
    arguments = [*COMMANDS[name], "--data-limit", "300"]
    maps = ["--map", "batched"] if arguments[0] != "es" else []
    on_gpu = cli(*arguments, *maps, "--device", "cuda", "--json", "--out", "gpu")
    on_cpu = cli(*arguments, "--json", "--out", "cpu", *(["--map", "serial"] if maps else []))
    assert (on_gpu.code, on_cpu.code) == (0, 0), on_gpu.err + on_cpu.err
    told, expected = (json.loads(run.out) for run in (on_gpu, on_cpu))
    assert dict(numbers(told)) == pytest.approx(dict(numbers(expected)), rel=0.05, abs=0.01)


@needs_gpu
def test_a_ticket_trains_on_a_gpu(cli) -> None:
    assert cli("search", "random", "--arch", "lenet-300-100", "--out", "ticket").code == 0
    told = []
    for device in ("cpu", "cuda"):
        run = cli("train", "ticket", "--epochs", "5", "--device", device, "--json", "--out", device)
        assert run.code == 0, run.err
        told.append(dict(numbers(json.loads(run.out))))
    assert told[1] == pytest.approx(told[0], rel=0.05, abs=0.01)


@needs_gpu
def test_a_comparison_on_a_gpu(cli) -> None:
    words = ("compare", "--methods", "imp:cycles=2,rigl:every=2,random+permuted", "--arch", "cnn-8-16")
    brief = ("--data-limit", "300", "--epochs", "2", "--seeds", "2", "--density", "0.2", "--json")
    told = []
    for device in ("cpu", "cuda"):
        run = cli(*words, *brief, "--device", device, "--out", device)
        assert run.code == 0, run.err
        told.append(dict(numbers(json.loads(run.out))))
    assert told[1] == pytest.approx(told[0], rel=0.05, abs=0.02)


@needs_gpu
def test_auto_is_the_gpu() -> None:
    from nets_deap.evolution.settings import EvolveConfig

    assert EvolveConfig(device="auto").torch_device() == "cuda"


@needs_gpu
def test_workers_of_dask_take_their_shares_as_stacks(cli) -> None:
    pytest.importorskip("distributed")
    words = (
        "evolve",
        "--arch",
        "lenet-300-100",
        "--pop",
        "6",
        "--gens",
        "2",
        "--data-limit",
        "300",
        "--json",
    )
    told = []
    for where in (("--map", "batched"), ("--map", "dask", "--workers", "2")):
        run = cli(*words, "--device", "cuda", *where, "--out", where[1])
        assert run.code == 0, run.err
        told.append(dict(numbers(json.loads(run.out))))
    assert told[1] == pytest.approx(told[0], rel=0.05, abs=0.01)
