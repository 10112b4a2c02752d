"""The list of methods says of each what it needs and gives, and what it says is so."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from nets_deap.problem.budget import Budget
from nets_deap.search.controls import CONTROLS
from nets_deap.search.method import NEEDS
from nets_deap.search.registry import METHODS, gpu, method_of, needs, parse
from nets_deap.search.sparse_training import SparseTraining
from tests.search.methods import BRIEF, DIGITS


def test_the_list_has_a_row_for_each_method_and_fits_80_columns(cli: Any) -> None:
    listed = cli("compare", "--list-methods")
    assert (listed.code, listed.err) == (0, "")
    lines = listed.out.splitlines()
    assert max(map(len, lines)) <= 80
    head, *rows = (re.split(r"\s{2,}", line) for line in lines[: len(METHODS) + 1])
    assert head == ["method", *NEEDS, "GPU", "gives"]
    for name, row in zip(METHODS, rows, strict=True):
        marks = ["yes" if need in needs(name) else "-" for need in NEEDS]
        gives = "a ticket" if METHODS[name].kind.gives_ticket else "a trained network"
        assert row == [name, *marks, gpu(name) or "-", gives]
    for word in [*NEEDS, "GPU", "a ticket", "a trained network"]:
        assert any(line.startswith(f"{word}: ") for line in lines)
    described = listed.out.partition("\ndense\n")[2].replace("\n    ", " ")
    for name, entry in METHODS.items():
        assert entry.says in described
        for option in entry.kind.option_types() if not name.startswith("nets") else ():
            assert re.search(rf"\b{option}\b", described)
    for name in CONTROLS:
        assert name in lines[-2] + lines[-1]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_needs_what_it_says(name: str) -> None:
    method = method_of(parse(BRIEF.get(name, name)))
    if isinstance(method, SparseTraining):
        assert needs(name) == NEEDS.keys()
        return
    cost = method(DIGITS, Budget(), np.random.default_rng(0), 0.3).cost
    assert (cost.forward_passes > 0) == ("labels" in needs(name))  # whatever goes forward is labelled
    assert (cost.gradient_steps > 0) == ("gradients" in needs(name))
    assert needs(name) >= {"labels"} or not needs(name)


def test_the_needs_of_a_pruning_are_those_of_its_score() -> None:
    assert method_of(parse("random:score=snip")).needs() == {"labels", "gradients"}
    assert not method_of(parse("snip:score=synflow")).needs()


def test_a_table_says_which_methods_give_no_ticket_and_whose_search_is_the_training(cli: Any) -> None:
    given = (
        "--data-limit",
        200,
        "--epochs",
        1,
        "--seeds",
        1,
        "--density",
        0.2,
        "--map",
        "serial",
        "--out",
        "o",
    )
    ran = cli("compare", "--methods", "random,rigl,lrr:cycles=2", *given)
    assert ran.code == 0
    assert "rigl*" in ran.out
    assert "lrr:cycles=2*" in ran.out
    assert "* a trained network, not a ticket" in ran.out
    assert "rigl: the search is the training, without a budget of its own" in ran.out
