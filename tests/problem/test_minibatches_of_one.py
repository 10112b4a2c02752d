"""Batch normalisation has no variance of a single value: refused before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.registry import method_of, parse
from nets_deap.util.errors import NetsError
from tests.conftest import Ran


@pytest.fixture
def images() -> str:
    """45 for training, 5 for validation, of 4 × 4 pixels, of which a wide ResNet leaves one."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for label in "ab":
            folder = Path(f"mine/{part}/{label}")
            folder.mkdir(parents=True)
            for i in range(25):
                Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return f"folder:{Path.cwd()}/mine"


@pytest.mark.parametrize(
    ("batch", "refused"), [(4, True), (1, True), (44, True), (45, False), (0, False), (5, False)]
)
def test_a_minibatch_of_one_is_refused(batch: int, refused: bool, images: str) -> None:
    problem = Problem(images, "wrn-10-1", Recipe(batch_size=batch))
    if refused:
        with pytest.raises(NetsError, match="leaves a minibatch of one"):
            _ = problem.architecture
    else:
        assert problem.architecture.known().needs_two


def test_where_images_leave_more_pixels_one_sample_is_enough() -> None:
    assert not Problem("digits", "wrn-10-1", Recipe(batch_size=1)).architecture.known().needs_two


def test_a_score_on_one_sample_is_refused(images: str) -> None:
    problem = Problem(images, "wrn-10-1", Recipe(batch_size=5))
    with pytest.raises(NetsError, match="samples=1"):
        method_of(parse("snip:samples=1")).check(problem, 0.5)


def test_every_command_refuses_it_in_one_line(images: str, cli: Callable[..., Ran]) -> None:
    common = ("--dataset", images, "--arch", "wrn-10-1", "--batch-size", "4")
    for command in (("evolve",), ("imp",), ("compare", "--methods", "random"), ("search", "snip")):
        told = cli(*command, *common)
        assert told.code == 2, told
        assert re.fullmatch(r"Error: --batch-size 4 of 45 samples leaves a minibatch of one.*\n", told.err)
