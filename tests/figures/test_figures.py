from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nets_deap.evolution.settings import configure
from nets_deap.experiments.comparison import compare
from nets_deap.experiments.config import CompareConfig
from nets_deap.figures import plot, style, tickets
from nets_deap.figures.comparison import error_against_budget, error_against_density, front
from nets_deap.models.registry import build
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.ticket import Ticket
from nets_deap.util.errors import NetsError
from paper.draw.results import Places, draw_all


def ticket(shape: tuple[int, ...] = (1, 8, 8)) -> Ticket:
    architecture = build("lenet-300-100", shape, 10)
    mask = np.zeros(architecture.layout.size, dtype=bool)
    mask[: 64 * 300 : 64] = True  # every hidden unit looks at the first pixel
    return Ticket(np.zeros(mask.size, np.float32), mask, architecture)


def test_a_band_is_the_mean_and_a_trial_that_has_ended_stays() -> None:
    curves = pd.DataFrame({"seed": [1, 1, 2], "gen": [0, 1, 0], "y": [1.0, 3.0, 2.0]})
    _, (axes, _) = style.new_figure(2)
    style.band(axes, curves, "gen", "y", "name", scale=10)
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[0, 15], [1, 25]]


def test_pixels_count_the_weights_that_look_at_them() -> None:
    picture = tickets.input_pixels(tickets.describe({"t": ticket()})).axes[0].images[0].get_array()
    assert picture.shape == (8, 8)
    assert picture[0, 0] == 300
    assert picture.sum() == 300
    with pytest.raises(NetsError, match="images"):
        tickets.input_pixels(tickets.describe({"t": ticket((64,))}))


def test_a_first_layer_that_is_no_dense_one_has_no_pixels() -> None:
    architecture = build("cnn-8-16", (1, 8, 8), 10)
    size = architecture.layout.size
    convolutional = Ticket(np.zeros(size, np.float32), np.ones(size, dtype=bool), architecture)
    assert [name for name, _, _ in tickets.pictures(convolutional)] == list(architecture.layout.names)


def test_a_description_has_every_layer_with_its_density() -> None:
    rows = tickets.describe({"t": ticket(), "u": ticket()}, cells=20)
    first = rows[(rows["ticket"] == "u") & (rows["picture"] == "fc1")]
    assert first["density"].unique().tolist() == [1 / 64]
    assert len(first) == 20  # 300 units in 20 rows of patches, which have 64/20, that is 3 or 4, inputs
    assert {line.split()[0] for line in first["values"]} == {"0.333"}
    assert list(rows["picture"].unique()) == ["pixels", "fc1", "fc2", "fc3"]


def test_patches_are_means() -> None:
    matrix = np.array([[1, 0, 1, 1], [0, 1, 1, 1]], dtype=bool)
    assert tickets._patches(matrix, 2).tolist() == [[0.5, 1], [0.5, 1]]
    assert tickets._patches(matrix, 1).tolist() == [[0.75]]
    assert tickets._patches(matrix, 9).tolist() == matrix.astype(float).tolist()


def test_a_front_is_drawn_against_its_other_objective() -> None:
    rows = pd.DataFrame({"density": [0.2, 0.1], "val_loss": [0.3, 0.4]})
    (axes,) = front(rows).axes
    assert (axes.get_xlabel(), axes.get_xscale()) == ("density, %", "log")
    assert axes.lines[0].get_xdata().tolist() == [10, 20]
    (axes,) = front(rows.assign(untrained_loss=[0.9, 0.5])).axes
    assert (axes.get_xlabel(), axes.get_xscale()) == ("validation loss, untrained", "linear")
    assert (axes.lines[0].get_xdata().tolist(), axes.lines[0].get_ydata().tolist()) == (
        [0.5, 0.9],
        [0.4, 0.3],
    )


KINDS = ("pdf", "png")


def drawn(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def files(*names: str) -> set[str]:
    return {f"{name}.{kind}" for name in names for kind in KINDS}


TINY = ("--dataset", "digits", "--data-limit", 100, "--epochs", 1, "--map", "serial", "--quiet")


def test_what_each_folder_of_ours_holds_is_drawn(cli: Any) -> None:
    cli("evolve", *TINY, "--pop", 4, "--gens", 2, "--select", "nsga2", "--out", "run")
    cli("train", "run", *TINY, "--random", 2, "--out", "trained")
    cli("verify", "run", *TINY, "--seeds", 2, "--out", "verdict")
    cli("connectivity", "run", *TINY, "--seeds", 1, "--points", 3, "--out", "line")
    cli("transfer", "run", *TINY, "--seeds", 1, "--out", "moved")
    cli("imp", *TINY[:-3], "--quiet", "--cycles", 2, "--out", "imp")
    cli("search", "gem-miner:rounds=3", *TINY[:-3], "--quiet", "--density", 0.3, "--out", "learned")
    cli("search", "edge-popup", *TINY[:-3], "--quiet", "--density", 0.3, "--out", "untrained")
    shown = {
        "run": files("evolution", "ticket", "front"),
        "trained": files("training"),
        "verdict": files("verdict"),
        "line": files("connectivity"),
        "moved": files("transfer"),
        "imp": files("search", "ticket"),
        "learned": files("search", "ticket"),
        "untrained": files("ticket"),  # one row: nothing to draw of its search
    }
    for folder, expected in shown.items():
        told = cli("plot", folder)
        assert told.code == 0, told
        assert drawn(f"{folder}/figures") == expected
    before = {path: path.read_bytes() for path in Path("run/figures").iterdir()}
    renamed = cli("figures", "run")
    assert (renamed.code, renamed.err) == (0, "note: figures is now plot\n")
    assert {path: path.read_bytes() for path in Path("run/figures").iterdir()} == before


def test_a_comparison_is_drawn_and_the_papers_figures_from_it(cli: Any) -> None:
    options = {"dataset": "digits", "data_limit": 100, "epochs": 2, "seeds": 2, "track_test": True}
    methods = "dense,random-paper,imp:cycles=7,exact=no,nets-paper"
    compare(configure(CompareConfig, "paper", methods=methods, **options), Path("c"), SerialMap())
    cli("plot", "c", "--out", "f")
    assert drawn("f") == files("evolution", "search", "training", "error-density", "error-budget")
    shutil.copytree("c", "results/table1/mnist")
    shutil.copytree("c", "results/lth")
    told = draw_all(Places(Path("results")), Path("g"))
    assert drawn("g") == files("figure1", "figure2", "figure3", "error-density")
    assert sum("is missing" in what for what in told.values()) == 10


def test_formats_and_a_tickets_file(cli: Any) -> None:
    cli("random", "--density", "0.3", "--out", "r", "--quiet")
    pictures = []
    for out in ("a", "b"):
        told = cli("plot", "r/ticket.safetensors", "--format", "svg,png", "--out", out)
        assert told.code == 0
        assert drawn(out) == {"ticket.svg", "ticket.png"}
        pictures.append(Path(out, "ticket.svg").read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"<?xml")
    wrong = cli("plot", "r", "--format", "jpg")
    assert (wrong.code, "unknown format 'jpg'" in wrong.err) == (2, True)
    assert not Path("r/figures").exists()
    (figure,) = plot("r").values()
    assert len(figure.axes) > 3


def test_intervals_of_one_density_do_not_overlap() -> None:
    methods = ("imp", "nets", "snip")
    rows = {"test_acc": 95.0, "test_acc_half_width": 1.0, "density": 0.05, "asked": 0.05}
    table = pd.DataFrame(
        [{"method": name, "search_gradient_steps": i * 100, **rows} for i, name in enumerate(methods)]
    )
    (axes,) = error_against_density(table).axes
    places = [container.lines[0].get_xdata()[0] for container in axes.containers]
    assert len(set(places)) == 3
    assert places == pytest.approx([5, 5, 5], rel=0.05)
    budget = error_against_budget(table)
    assert budget is not None
    (axes,) = budget.axes
    assert [container.lines[0].get_xdata()[0] for container in axes.containers] == [0, 100, 200]
    assert error_against_budget(table.assign(search_gradient_steps=0)) is None


def test_the_dense_network_is_a_line_across_and_does_not_widen_the_axis() -> None:
    both = {"test_acc": [95.0, 98.0], "test_acc_half_width": [1.0, 0.5], "density": [0.05, 1.0]}
    table = pd.DataFrame({"method": ["imp", "dense"], "asked": [0.05, 0.05], **both})
    (axes,) = error_against_density(table).axes
    (line,) = [line for line in axes.lines if line.get_label() == "dense"]
    assert list(line.get_ydata()) == [2, 2]
    edges = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert edges == pytest.approx([1.5, 2.5])
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["imp", "dense"]
    assert axes.get_xlim()[1] < 20
    (axes,) = error_against_density(table[table["method"] == "dense"]).axes
    assert len(axes.containers) == 1
    made = table.assign(method="imp+dense", density=1.0, test_acc=[97.0, 98.0])  # from two tickets
    (axes,) = error_against_density(pd.concat([table, made])).axes
    assert [len(container.lines[0].get_xdata()) for container in axes.containers] == [1, 2]


@pytest.mark.parametrize("table", ["logbook.csv", "training.csv", "summary.csv", "verify.csv"])
def test_a_folder_without_anything_to_draw_is_one_line(cli: Any, table: str) -> None:
    Path("empty").mkdir()
    for place in ("empty", "nowhere"):
        told = cli("plot", place)
        assert (told.code, len(told.err.splitlines())) == (2, 1)
    Path("empty", table).write_text("a,gen,fitness_min,method\n1,0,1,snip\n", encoding="utf-8")
    told = cli("plot", "empty")
    assert (told.code, len(told.err.splitlines()), "lacks columns" in told.err) == (2, 1, True)
