"""Results are not gone on with, nor shown as finished, on other data or by another version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nets_deap.config import run_folder
from nets_deap.data import loading

COMMON = "--dataset folder:images --arch mlp-10 --epochs 1 --map serial --quiet"
COMMANDS = {
    "evolve": f"evolve {COMMON} --pop 2 --gens 1 --out run",
    "evolve on": f"evolve {COMMON} --pop 2 --gens 2 --resume --out run",
    "imp": f"imp {COMMON.replace(' --map serial', '')} --density 0.5 --out run",
    "weedout": f"weedout {COMMON.replace(' --epochs 1', '')} --pop 4 --gens 1 --density 0.5 --out run",
    "train": "train ticket --epochs 1 --map serial --quiet --out run",
    "verify": "verify ticket --epochs 1 --seeds 2 --map serial --quiet --out run",
    "transfer": "transfer ticket --to sgd --lr 0.1 --epochs 1 --seeds 2 --map serial --quiet --out run",
    "connectivity": "connectivity ticket --epochs 1 --seeds 1 --map serial --quiet --out run",
    "compare": f"compare {COMMON} --methods random,snip --seeds 1 --out run",
    "compare on": f"compare {COMMON} --methods random,snip --seeds 2 --out run",
}


def draw(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for part, count in (("train", 10), ("test", 2)):
        for label in ("a", "b"):
            folder = Path("images") / part / label
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")


def test_results_of_no_version_are_gone_on_with_and_stay_of_none(cli: Callable[..., Any]) -> None:
    words = "compare --dataset xor-corners --arch mlp-10 --epochs 2 --methods random --map serial --out run"
    assert cli(*words.split(), "--seeds", "1").code == 0
    Path("run", run_folder.VERSION).unlink()
    told = cli(*words.split(), "--seeds", "2")
    assert (told.code, "does not say which version" in told.err) == (0, True)
    assert not Path("run", run_folder.VERSION).exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def images(cli: Callable[..., Any]) -> None:
    draw(1)
    loading.load.cache_clear()  # another test's images may have the same name
    assert cli(*f"random {COMMON.replace(' --map serial', '')} --density 0.5 --out ticket".split()).code == 0


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("name", COMMANDS)
def test_results_from_other_data_are_refused(name: str, cli: Callable[..., Any]) -> None:
    first = COMMANDS[name.removesuffix(" on")]
    assert cli(*first.split()).code in (0, 1)
    assert cli(*first.split()).code in (0, 1)
    draw(2)
    loading.load.cache_clear()
    before = contents(Path("run"))
    told = cli(*COMMANDS[name].split())
    assert (told.code, told.out) == (2, "")
    assert "other data" in told.err
    assert len(told.err.splitlines()) == 1
    assert contents(Path("run")) == before


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("name", COMMANDS)
def test_results_of_another_version_are_refused(
    name: str, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(*COMMANDS[name.removesuffix(" on")].split()).code in (0, 1)
    monkeypatch.setattr(run_folder, "__version__", "99.0")
    told = cli(*COMMANDS[name].split())
    assert told.code == 2
    assert "another version of nets-deap than 99.0" in told.err


@pytest.mark.usefixtures("images")
def test_what_a_killed_training_left_says_nothing_of_other_data(cli: Callable[..., Any]) -> None:
    Path("run").mkdir()
    for left in (run_folder.DATA, run_folder.VERSION):
        Path("run", left).write_text("of a training that was killed\n", encoding="utf-8")
    assert cli(*COMMANDS["train"].split()).code == 0
    draw(2)
    loading.load.cache_clear()
    assert "other data" in cli(*COMMANDS["train"].split()).err
