"""What objects say of themselves: a line in a console, a small table in a notebook."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nets_deap as nd
from nets_deap.data.loading import load
from nets_deap.experiments.verdict import Verdict
from nets_deap.front.comparison import Comparison
from nets_deap.front.judge import Verification
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.networks.scoring import Score
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.training.final import TrainingRun
from nets_deap.util import shown
from nets_deap.util.statistics import Paired

EVIL = "<script>alert('&')</script>\n"


class Reader(HTMLParser):
    """The text of a page's cells, row by row, and all attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        self.open.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def ticket(**info: Any) -> Ticket:
    network = Problem("xor-corners", "mlp-10").architecture
    mask = np.zeros(network.layout.size, dtype=bool)
    mask[:5] = True
    return Ticket(np.ones(mask.size, np.float32), mask, network, info=info)


def genome() -> Genome:
    told = Genome(np.ones(8), np.arange(8) < 2)
    told.fitness.values = (0.5,)
    told.measured = Evaluation(0.25, 0.75, 0.25, (), 3, 0.5, (0.5,))
    told.traits["layers"] = np.zeros(2)
    return told


def training() -> TrainingRun:
    rows = [{"iteration": 10 * i, "val_loss": loss, "val_acc": 0.9} for i, loss in enumerate([2.0, 1.0, 3.0])]
    return TrainingRun(0.2, rows, Score(0.5, 0.875, ()), np.zeros(1), np.zeros(1), rewound_to=100)


def verification() -> Verification:
    better, later = Paired(0.3, 0.5, 0.2), Paired(-1.0, 0.5, 0.01)
    verdict = Verdict(later, better, 0.05, 5, 1.0, 0.5, unfinished=False, learnt=True)
    return Verification(verdict, pd.DataFrame([{"network": EVIL, "test_acc": 0.9}]))


def comparison() -> Comparison:
    summary = pd.DataFrame(
        {"method": [EVIL.strip(), "snip"], "asked": 0.05, "density": 0.05, "test_acc": [95.125, float("nan")]}
    )
    return Comparison(pd.DataFrame({"seed": [1, 2, 3]}), summary, {"imp-0.05-1": EVIL})


def lines() -> dict[Any, str]:
    return {
        ticket(method="imp", val_acc=0.75): (
            "<Ticket by imp for mlp-10: 5 of 30 weights, density 0.1667, val_acc 0.7500>"
        ),
        ticket(): "<Ticket for mlp-10: 5 of 30 weights, density 0.1667>",
        genome(): "<Genome of 8 genes, density 0.2500, fitness 0.5, val_acc 0.7500>",
        Genome(np.ones(8), np.ones(8)): "<Genome of 8 genes, density 1.0000, fitness not evaluated>",
    }


def test_lines() -> None:
    for value, line in lines().items():
        assert repr(value) == line
    assert repr(training()) == (
        "<TrainingRun at density 0.2000: test_acc 0.8750, val_acc 0.9000, early stop at 110>"
    )
    assert repr(verification()) == (
        "<Verification: a winning ticket; density 0.0500, +0.30 ± 0.50 points better than dense, 5 seeds>"
    )
    assert str(verification()) == "a winning ticket"
    assert repr(comparison()) == (
        "<Comparison of 3 trials, 1 failed: test_acc in %, <script>alert('&')</script> at 0.05 95.12, "
        "snip at 0.05 diverged>"
    )
    assert repr(load("xor-corners")) == (
        "<Data xor-corners: 4 train, 4 validation, 4 test samples of 2, 2 classes>"
    )
    assert "\n" not in repr(ticket(method=EVIL))


@pytest.mark.parametrize(
    "value", [ticket(method=EVIL), genome(), training(), verification(), comparison(), load("xor")]
)
def test_tables_are_whole_escaped_and_without_colours_of_their_own(value: Any) -> None:
    told = value._repr_html_()
    assert Reader(told).rows
    assert "<script>" not in told
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb|(?<!-)color:(?!currentColor)", told)


def test_a_ticket_shows_its_layers() -> None:
    read = Reader(ticket(method="imp")._repr_html_())
    assert read.rows == [
        ["layer", "shape", "active", "density", ""],
        ["fc1", "10×2", "5", "25.00 %", ""],
        ["fc2", "1×10", "0", "0.00 %", ""],
    ]
    widths = [value for name, value in read.attributes if name == "style" and value and "height" in value]
    assert [re.match(r"width:([\d.]+)%", each or "")[1] for each in widths] == ["25.0", "0.0"]  # type: ignore[index]


def test_a_training_shows_early_stop_and_end() -> None:
    assert Reader(training()._repr_html_()).rows == [
        ["", "iteration", "val_loss", "val_acc", "test_loss", "test_acc"],
        ["early stop", "110", "1", "0.9", "0.5", "0.875"],
        ["at the end", "120", "3", "0.9", "", ""],
    ]


def test_data_of_ones_own_show_their_parts() -> None:
    data = nd.Data.of((np.zeros((50, 3), np.float32), np.arange(50) % 2))
    rows = Reader(replace(data, name=EVIL)._repr_html_()).rows
    assert [row[0] for row in rows] == ["", "train", "validation", "test"]
    assert sum(int(row[1]) for row in rows[1:]) == 50


def test_many_rows_are_cut_and_counted() -> None:
    rows = Reader(shown.table("t", ["a", "b"], [[i, 1.0] for i in range(1000)])).rows
    assert len(rows) == shown.MOST_ROWS + 1
    assert rows[-1] == ["… 941 more", ""]
    assert rows[-2] == ["58", "1"]
    assert Reader(shown.table("t", ["a"], [[EVIL]])).rows[1] == [EVIL]
    assert shown.number(float("nan")) == "not finite"
    assert [re.search(r"width:(-?[\d.]+)%", shown.bar(x))[1] for x in (-1, 0.5, 7)] == [
        "0.0",
        "50.0",
        "100.0",
    ]  # type: ignore[index]
