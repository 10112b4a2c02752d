"""Numbers without end, and more than memory holds, are refused before anything is allocated."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nets_deap.config.fields import LONGEST
from nets_deap.config.layers import MOST_BYTES
from nets_deap.evolution.folder import evolve
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolutionSettings, EvolveConfig, configure
from nets_deap.parallel.choice import make_map
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.registry import method_of, parse
from nets_deap.training.final import train_ticket
from nets_deap.util import memory
from nets_deap.util.errors import NetsError
from tests.conftest import Ran, assert_refused

HUGE = str(10**18)
TICKET = {"verify", "transfer", "connectivity", "train"}
OPTIONS = {
    "evolve": (
        "--pop",
        "--gens",
        "--offspring",
        "--elites",
        "--islands",
        "--epochs",
        "--batch-size",
        "--workers",
    ),
    "weedout": ("--pop", "--gens", "--steps", "--workers"),
    "es": ("--pop", "--gens", "--batch", "--rounds"),
    "imp": ("--cycles", "--cycle-epochs", "--rewind", "--epochs", "--iterations"),
    "compare": ("--seeds", "--eval-every", "--workers"),
    "table1": ("--seeds", "--epochs", "--data-limit", "--workers"),
    "verify": ("--seeds",),
    "transfer": ("--seeds",),
    "connectivity": ("--seeds", "--points"),
    "train": ("--random", "--data-limit", "--eval-every"),
}


def test_huge_numbers_are_refused_in_one_line(cli: Callable[..., Ran]) -> None:
    cli("random", "--density", "0.5", "--out", "r", "--quiet")
    cases = {
        f"{command} {name}": (command, *(["r"] if command in TICKET else []), name, HUGE)
        for command, names in OPTIONS.items()
        for name in names
    }
    cases |= {
        method: ("search", method)
        for method in (
            f"synflow:rounds={HUGE}", f"snip:samples={HUGE}", f"imp:rewind_epochs={HUGE}", f"es:pop={HUGE}",
            f"weedout:pop={10**9}", f"nets:pop={HUGE}",
        )
    }  # fmt: skip
    cases |= {
        select: ("evolve", "--select", select)
        for select in (
            f"nsga3:p={10**9}",
            f"tournament:tournsize={HUGE}",
            f"double-tournament:fitness_size={HUGE}",
        )
    }
    cases |= {
        "share": ("es", "--share", "1e-308"),
        "every": ("compare", "--methods", f"rigl:every={HUGE}"),
        "trials": (
            "compare",
            "--seeds",
            "10000",
            "--density",
            ",".join(str(i / 100) for i in range(1, 99)),
        ),
        "no workers": ("table1", "--workers", "0"),
        "negative workers": ("table1", "--workers", "-1", "--map", "serial"),
        "network": ("random", "--arch", "wrn-9994-999"),
    }
    start = time.monotonic()
    assert_refused(cli, cases)
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("workers", [0, -1, 10**5])
@pytest.mark.parametrize(
    "make", [MultiprocessMap, lambda n: make_map("multiprocess", n), lambda n: make_map("serial", n)]
)
def test_a_map_has_one_worker_or_more(workers: int, make: Callable[[int], object]) -> None:
    with pytest.raises(NetsError, match=f"`workers` {workers}: expected 1 or more"):
        make(workers)


@pytest.mark.parametrize(
    ("method", "what"),
    [("es:pop=100000", "population of 100,000 points"), ("weedout:pop=100000", "150,000 genomes"),
     ("nets:pop=100000", "200,000 genomes")],
)  # fmt: skip
def test_a_population_that_memory_cannot_hold_says_what_it_would_take(
    method: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 4e9)
    problem, search = Problem(recipe=Recipe("adam")), method_of(parse(method))
    with pytest.raises(NetsError, match=rf"{what}.* would take .* GB of memory, and 4.0 GB are free"):
        search(problem, Budget(), np.random.default_rng(0), 0.2)


def test_what_is_free_is_a_number_of_bytes() -> None:
    assert 2**20 < memory.available() < 2**50


def test_a_config_file_has_a_largest_size(cli: Callable[..., Ran]) -> None:
    Path("long.toml").write_text(f'dataset = "{"a" * MOST_BYTES}"\n', encoding="utf-8")
    Path("text.toml").write_text(f'dataset = "folder:{"a" * LONGEST}"\n', encoding="utf-8")
    Path("list.json").write_text(f'{{"densities": [{", ".join(["0.5"] * 100_000)}]}}', encoding="utf-8")
    cases = {
        name: ("compare", "--config", name) for name in ("long.toml", "text.toml", "list.json", "/dev/zero")
    }
    assert_refused(cli, cases)


def test_messages_stay_short(cli: Callable[..., Ran]) -> None:
    for arguments in (
        ("evolve", "--dataset", "x" * 5000),
        ("evolve", "--pop", "9" * 5000),
        ("search", "y" * 5000),
        ("evolve", "--select", f"nsga3:p={'1' * 4000}"),
        ("compare", "--methods", "imp:" + "z" * 5000),
        ("info", "/" + "w" * 5000),
    ):
        told = cli(*arguments)
        assert told.code == 2
        assert len(told.err) < 310, arguments


def test_each_call_advances_by_one_generation_at_least(config: Callable[..., EvolveConfig]) -> None:
    for generation in range(3):
        outcome = evolve(config(time_limit=1e-9, gens=5), Path("run"), SerialMap())
        assert outcome.evolution.generation == generation
        assert outcome.reason == "time limit"


def test_a_budget_is_compared_with_any_number_of_generations() -> None:
    method = method_of(parse("nets:pop=2,gens=1000000000"))
    start = time.monotonic()
    with pytest.raises(NetsError, match="the budget pays for 2 generations"):
        method.check(Problem(), 0.1, Budget(gradient_steps=3 * 2 * 20 * 22 + 1))
    method.check(Problem(), 0.1, Budget(seconds=3600))
    assert time.monotonic() - start < 30
    assert Cost(1, 2, 3) * 3 == Cost(3, 6, 9)


def test_memory_that_runs_out_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch raises a RuntimeError for it, in worker processes too."""
    with (
        MultiprocessMap(1) as engine,
        pytest.raises(NetsError, match="out of memory: try a smaller `batch_size`"),
    ):
        engine(_too_much, [2**46])
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried")):
        with pytest.raises(memory.OutOfMemoryError), memory.told():
            raise error
    with pytest.raises(RuntimeError, match="another"), memory.told():
        raise RuntimeError("another")


def _too_much(size: int) -> None:
    import torch

    with memory.told():
        torch.empty(size)


def test_a_step_that_memory_cannot_hold_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(arch="conv-2", recipe=Recipe(batch_size=0))
    ticket = method_of(parse("random"))(problem, Budget(), np.random.default_rng(0), 0.5).ticket
    monkeypatch.setattr(memory, "available", lambda: 2e7)
    with pytest.raises(
        NetsError, match=r"a step of conv-2 on 1,293 samples would take .* smaller `batch_size`"
    ):
        train_ticket(ticket, problem, 1)


def test_the_main_program_tells_torchs_error_in_one_line(
    cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Evolution, "advance", fail)
    assert_refused(cli, {"evolve": ("evolve", "--map", "serial", "--out", "o")})


def test_settings_that_were_valid_stay_valid() -> None:
    assert EvolutionSettings(pop=5000, gens=100_000).pop == 5000
    assert configure(seed=2**62, batch_size=10**6).seed == 2**62
