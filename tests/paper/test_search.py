from __future__ import annotations

import pandas as pd
import pytest

from paper.draw.search import against_budget, family, foretell, foretold

LINEAGES = pd.DataFrame(
    {
        "density": 0.02,
        "lineage": range(4),
        "val_loss_0": [0.4, 0.3, 0.2, 0.1],
        "val_loss_1": [0.1, 0.2, 0.3, 0.4],
        "test_loss_1": [1.0, 2.0, 3.0, 4.0],
        "test_loss_2": [1.0, 2.0, 3.0, 3.5],
        "test_acc_1": [98.0, 97.0, 96.0, 95.0],
        "test_acc_2": [98.0, 97.0, 95.0, 96.0],
    }
)
SUMMARY = pd.DataFrame(
    {
        "method": [
            "nets:pop=2",
            "nets:gens=0,pop=9",
            "nets+random",
            "imp",
            "imp-short",
            "snip",
            "nets:pop=9",
            "nets:pop=2,gens=8",
            "imp:cycles=4",
        ],
        "asked": 0.02,
        "density": [0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.2, 0.02, 0.02],
        "test_acc": [98.0, 95.0, 94.0, 97.0, 96.5, 96.0, 99.0, 97.9, 97.2],
        "paired_with": [None, *6 * ["nets:pop=2"], "nets:pop=2", "nets:pop=2"],
        "test_acc_half_width": 0.1,
        "search_gradient_steps": [1000, 1000, 1000, 2000, 1000, 1, 9000, 1000, 2000],
    }
)


def test_rank_correlations_of_four_lineages() -> None:
    told = foretold(LINEAGES)
    assert told["generation"].tolist() == [0, 1]
    assert told["rho"].tolist() == pytest.approx([-1, 1])
    assert told["p_value"].tolist() == pytest.approx([0, 0])
    assert told["again"].tolist() == pytest.approx([1, 1])
    told = foretold(LINEAGES, "test_acc")
    # Ranks of the mean accuracies 1, 2, 3.5, 3.5 against 1 to 4: 4.5 / √(5 · 4.5) of the sums of squares.
    assert told["rho"].tolist() == pytest.approx([-((4.5 / 5) ** 0.5), (4.5 / 5) ** 0.5])
    assert told["again"].tolist() == pytest.approx([0.8, 0.8])


def test_methods_belong_to_lines_of_the_figure() -> None:
    expected = ["nets", "random-search", "", "imp", "imp", "snip", "nets", "nets", "imp"]
    assert [family(method) for method in SUMMARY["method"]] == expected
    assert family("nets-paper") == "nets-paper"
    assert family("nets:fitness=my.module:constant,pop=2") == ""


def test_the_figures_show_what_they_are_given() -> None:
    axes, _ = foretell(LINEAGES).axes
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([-1, 1])
    (axes,) = against_budget(SUMMARY).axes
    lines = {container.get_label(): container.lines[0] for container in axes.containers}
    assert lines["IMP"].get_xdata().tolist() == [1000, 2000]
    assert lines["IMP"].get_ydata().tolist() == [96.5, 97.2]
    assert lines["NeTS"].get_ydata().tolist() == [98.0]
    assert lines["random search"].get_ydata().tolist() == [95.0]
    assert [line.get_label() for line in axes.lines if line.get_linestyle() == ":"] == ["snip"]
