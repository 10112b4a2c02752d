"""What was computed on a GPU is read where there is none, and goes on elsewhere with a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

BRIEF = ("--dataset", "xor-corners", "--epochs", 2)
EVOLVE = ("evolve", *BRIEF, "--pop", 4, "--gens", 1, "--out", "run")
COMPARE = ("compare", *BRIEF, "--methods", "random,imp:cycles=2", "--seeds", 2, "--out", "compared")
TRAIN = ("train", "run", *BRIEF, "--out", "trained")
READING = [
    EVOLVE,
    COMPARE,
    TRAIN,
    ("train", "run", *BRIEF, "--device", "cuda", "--out", "trained"),
    ("info", "run"),
    ("info", "compared"),
    ("runs", "."),
    ("plot", "run"),
    ("plot", "compared"),
    ("report", "run"),
    ("report", "compared"),
]


def said_to_come_from_a_gpu(folder: str) -> None:
    path = Path(folder) / "config.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | {"device": "cuda"}), encoding="utf-8")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_what_was_computed_on_a_gpu_is_read_where_there_is_none(cli: Callable[..., Any]) -> None:
    for words in (EVOLVE, COMPARE, TRAIN):
        assert cli(*words).code == 0
    for folder in ("run", "compared", "trained"):
        said_to_come_from_a_gpu(folder)
    for words in READING:
        read = cli(*words)
        assert read.code == 0, (words, read)


def test_a_comparison_that_goes_on_on_another_device_says_so(cli: Callable[..., Any]) -> None:
    there = (*COMPARE[:-1], "there")  # a process gives the same warning once
    assert cli(*there).code == 0
    said_to_come_from_a_gpu("there")
    more = cli(*there, "--seeds", 3)
    assert more.code == 0
    assert "there holds results of --device cuda and goes on with cpu" in more.err
