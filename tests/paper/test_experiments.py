from __future__ import annotations

import pandas as pd
import pytest

from paper.draw.experiments import lines, node_space, strategies

SEEDS = [1, 2] * 2


def rows(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"seed": SEEDS, **columns})


def test_node_space_before_and_after() -> None:
    of = {"sparsity": [0.2, 0.2, 0.8, 0.8], "early_test_acc": [0.5, 0.7, 0.3, 0.5]}
    told = pd.concat(
        rows(method=method, test_acc=0.9, **of) for method in ("weedout", "dense", "random-nodes")
    )
    early, late = node_space(told).axes
    assert [line.get_label() for line in early.lines] == ["random", "Weedout"]
    assert early.lines[0].get_xdata().tolist() == [20, 80]
    assert early.lines[0].get_ydata().tolist() == pytest.approx([60, 40])
    assert late.lines[1].get_ydata().tolist() == pytest.approx([90, 90])


def test_every_strategy_has_a_panel_with_gradient_descent_in_it() -> None:
    densities = {"trained_density": [1.0, 1.0, 0.1, 0.1]}
    arms = [
        ("snes", "snr"),
        ("snes", "random"),
        ("openai-es", "magnitude"),
        ("gradient descent", "magnitude"),
    ]
    told = pd.concat(
        rows(strategy=strategy, prune=prune, test_acc=1 - 0.1 * (i + 1), **densities)
        for i, (strategy, prune) in enumerate(arms)
    )
    panels = strategies(told).axes
    assert [panel.get_title() for panel in panels] == ["snes", "openai-es"]
    found = [{line.get_label(): line.get_ydata()[0] for line in panel.lines} for panel in panels]
    assert found[0] == pytest.approx({"|μ/σ|": 10, "at random": 20, "gradient descent": 40})
    assert found[1] == pytest.approx({"|μ|": 30, "gradient descent": 40})
    assert panels[0].lines[1].get_color() == "C2"


def test_lines_between_trainings() -> None:
    told = pd.concat(rows(ticket=name, alpha=[0, 0, 1, 1], test_error=0.1) for name in ("IMP", "dense"))
    (axes,) = lines(told).axes
    assert [line.get_label() for line in axes.lines] == ["IMP", "dense"]
    assert axes.lines[0].get_xydata().tolist() == [[0, 10], [1, 10]]
