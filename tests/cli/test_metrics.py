"""Networks that classify nothing, and metrics of which less is better, in the commands that show results."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nets_deap.experiments.connectivity import barrier
from nets_deap.figures import plot
from nets_deap.report.comparison import comparison
from nets_deap.report.overview import summary
from nets_deap.report.reading import read
from nets_deap.runs import held

OWN_NUMBERS = """
import numpy as np

def make(input_shape):
    return __import__("torch").nn.Linear(input_shape[0], 1)

def data():
    x = np.random.default_rng(0).standard_normal((80, 4), dtype=np.float32)
    return x, x.sum(axis=1)

def error(outputs, targets):
    return (outputs.reshape(-1) - targets.reshape(-1)).square().mean()
"""
OURS = ("--model", "own_numbers:make", "--dataset", "own_numbers:data", "--epochs", 3, "--quiet", "--trust")
LEAST = "own_numbers:error:least"
DEFAULT = "r2 unless told otherwise"


@pytest.fixture
def ours(cli: Any) -> Any:
    """Run a command on numbers of our own, in a metric."""
    Path("own_numbers.py").write_text(OWN_NUMBERS, encoding="utf-8")

    def ours(metric: str, command: str, *words: Any) -> Path:
        told = ("--metric", metric) if metric != DEFAULT else ()
        ran = cli(*command.split(), *OURS, *told, *words)
        assert ran.code == 0, ran
        return Path(words[-1])

    return ours


@pytest.mark.parametrize("metric", ["r2", DEFAULT, LEAST])
def test_what_is_no_accuracy_is_drawn_as_it_is(ours: Any, cli: Any, metric: str) -> None:
    cli("random", "--density", 0.5, "--data-limit", 100, "--out", "classes")
    shutil.copy("classes/ticket.safetensors", "ticket.safetensors")  # says nothing of what lies beside it
    compared = ("--methods", "snip,dense", "--density", "0.5,0.25", "--seeds", 2, "--track-test")
    for folder in (
        ours(
            metric, "evolve", "--pop", 2, "--gens", 2, "--density", 0.5, "--map", "serial", "--out", "evolved"
        ),
        ours(metric, "imp", "--density", 0.5, "--cycles", 2, "--out", "run"),
        ours(metric, "train run", "--random", 1, "--out", "trained"),
        ours(metric, "verify run", "--seeds", 2, "--out", "verdict"),
        ours(metric, "transfer run", "--seeds", 1, "--out", "moved"),
        ours(metric, "connectivity run", "--seeds", 1, "--points", 3, "--out", "line"),
        ours(metric, "compare", *compared, "--out", "compared"),
        ours(metric, "compare", "--methods", "gmp", "--density", 0.5, "--seeds", 1, "--out", "ticketless"),
    ):
        axes = [each for figure in plot(folder).values() for each in figure.axes]
        labels = [text for each in axes for text in (each.get_xlabel(), each.get_ylabel()) if text]
        name = metric.removesuffix(":least") if metric == LEAST else "r2"
        assert any(name in label for label in labels), (folder, labels)
        assert held(folder).metric == (LEAST if metric == LEAST else "r2"), folder
        assert not [label for label in labels if "accuracy" in label or "error, %" in label], folder
    rows = pd.read_csv("compared/summary.csv").query("method == 'snip'")
    (axes,) = plot("compared")["error-density"].axes
    snip = next(each for each in axes.containers if each.get_label() == "snip")
    assert snip.lines[0].get_ydata() == pytest.approx(rows["test_acc"].to_numpy() / 100)


def test_where_less_is_better_the_best_has_least_and_a_barrier_is_a_hill(ours: Any) -> None:
    compared = ours(
        LEAST, "compare", "--methods", "random,dense", "--density", 0.25, "--seeds", 2, "--out", "c"
    )
    rows = pd.read_csv(compared / "summary.csv").set_index("method")
    least, most = rows["test_acc"].idxmin(), rows["test_acc"].idxmax()
    assert held(compared).facts["best"] == f"{least} at 0.25"
    helds = read([compared])
    (card,) = summary(helds).cards
    assert [of for name, _, of in card.big if name.startswith("best")] == [f"{least} at 25 %"]
    section = comparison(helds)
    assert section is not None
    assert f", of {least} at " in section.charts[0].says
    differences = section.charts[-1]
    ((_, better, *_),) = differences.rows
    assert float(better) == pytest.approx(-rows["difference"].dropna().iloc[0] / 100, rel=1e-3)
    assert "error better than" in differences.says
    ticket = ours(LEAST, "imp", "--density", 0.5, "--cycles", 1, "--out", "run")
    line = ours(LEAST, f"connectivity {ticket}", "--seeds", 1, "--points", 3, "--out", "line")
    points = pd.read_csv(line / "connectivity.csv").to_dict("records")
    assert barrier(points) <= 1e-6  # a linear network's squared error is convex on the line
    assert all(point["test_error"] > 0 for point in points)
    assert most != least


def test_a_comparison_in_which_all_diverged_is_finished_and_has_no_best(ours: Any) -> None:
    words = ("--methods", "random,dense", "--density", 0.25, "--seeds", 1)
    diverging = ("--optimizer", "sgd", "--lr", 1e6, "--epochs", 100, "--eval-every", 100)
    compared = ours(LEAST, "compare", *words, *diverging, "--out", "c")
    told = held(compared)
    assert not pd.read_csv(compared / "summary.csv")["test_acc"].map(math.isfinite).any()
    assert (told.state, told.score, "best" in told.facts) == ("finished", None, False)
    (card,) = summary(read([compared])).cards
    best = [(figure, of) for name, figure, of in card.big if name.startswith("best")]
    assert best == [("diverged", "all of them")]
