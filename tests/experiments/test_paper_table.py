"""The table of a comparison for a paper."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nets_deap.experiments import paper_table
from nets_deap.experiments.comparison import compare, stored
from nets_deap.experiments.comparison_folder import costs
from nets_deap.experiments.summary import Comparison
from nets_deap.parallel.serial import SerialMap
from tests.experiments.small import config

ACCURACIES = {"imp": (0.95, 0.97), "random": (0.75, 0.77), "gmp": (0.9, 0.96), "nets-paper": (0.8, 0.8)}


def held() -> Comparison:
    told = stored(Path("c"))
    assert told
    return told


def rows(**steps: int) -> list[dict[str, Any]]:
    """Trials at 20 and 5 % with two seeds; nets-paper has only the former, and misses it."""
    nothing = dict.fromkeys((*costs("search"), *costs("train"), "test_loss", "early_stop_iteration"), 0)
    return [
        {"method": name, "asked": asked, "density": 0.3 if name == "nets-paper" else asked, "seed": seed}
        | nothing
        | {"test_acc": accuracy, "search_gradient_steps": steps.get(name, 0) + (asked == 0.2)}
        for asked in (0.2, 0.05)
        for name, both in ACCURACIES.items()
        for seed, accuracy in enumerate(both)
        if (name, asked) != ("nets-paper", 0.05)
    ]


# 0.95 and 0.97: mean 96, t(0.975, 1) · 1 = 12.71. Differences of imp and random are 20 twice: p = 0.
MARKDOWN = """\
| method | 20 % | 5 % | search steps |
| --- | --- | --- | --- |
| imp | 96.00 ± 12.71 | 96.00 ± 12.71 | 1,000 to 1,001 |
| random | 76.00 ± 12.71\\* | 76.00 ± 12.71\\* | 0 to 1 |
| gmp † | 93.00 ± 38.12 | 93.00 ± 38.12 | 0 to 1 |
| nets-paper | 80.00 ± 0.00 (at 30 %) | – | 6 |
| nets-paper+random | – | – | – |

Test accuracy in per cent at early stop, by density: mean ± 95 % interval over seeds (2). \\* differs from \
imp with p &lt; 0.05, in a paired t-test corrected by Holm's method for all tests of this table. In \
brackets: a density that is not the one asked; only equal ones are tested. † a trained network, no ticket. \
gmp: the search is the training, without a budget of its own.
"""


def test_a_table_worked_by_hand() -> None:
    told = Comparison(config(methods=",".join(ACCURACIES)), rows(imp=1000, **{"nets-paper": 5}))
    paper_table.write(Path(), told)
    assert Path("table.md").read_text(encoding="utf-8") == MARKDOWN
    *notes, begin, _, head, _, imp, random, gmp, nets, _, _, _ = (
        Path("table.tex").read_text(encoding="utf-8").splitlines()
    )
    assert [note[:2] for note in notes] == ["% "] * 6
    assert begin == "\\begin{tabular}{lrrr}"
    assert head == "method & 20 \\% & 5 \\% & search steps \\\\"
    assert imp == "imp & 96.00 $\\pm$ 12.71 & 96.00 $\\pm$ 12.71 & 1,000 to 1,001 \\\\"
    assert random == "random & 76.00 $\\pm$ 12.71$^*$ & 76.00 $\\pm$ 12.71$^*$ & 0 to 1 \\\\"
    assert gmp.startswith("gmp $^\\dagger$ & 93.00 $\\pm$ 38.12 & ")
    assert nets == "nets-paper & 80.00 $\\pm$ 0.00 (at 30 \\%) & -- & 6 \\\\"


def test_one_seed_has_no_interval_and_one_method_no_difference() -> None:
    one = [row for row in rows() if (row["method"], row["seed"]) == ("imp", 0)]
    paper_table.write(Path(), Comparison(config(methods="imp", seeds=1), one))
    told = Path("table.md").read_text(encoding="utf-8")
    assert "| imp | 95.00 | 95.00 | 0 to 1 |" in told
    assert told.endswith("at early stop, by density: one seed.\n")
    paper_table.write(Path("nothing"), Comparison(config(methods="imp")))
    assert not Path("nothing").exists()


def test_a_reference_without_a_trial_has_a_line_without_figures() -> None:
    """A NeTS's random tickets are tested against that NeTS, which needs no reference."""
    nets = [row for row in rows() if row["method"] == "nets-paper"]
    random = [row | {"method": "nets-paper+random", "test_acc": 0.7} for row in nets]
    told = Comparison(config(methods="imp:cycles=2,nets-paper", densities="0.2"), nets + random)
    paper_table.write(Path(), told)
    text = Path("table.md").read_text(encoding="utf-8")
    assert "| imp | – | – |\n| nets-paper | 80.00 ± 0.00 (at 30 %) | 1 |" in text
    assert "| nets-paper+random | 70.00 ± 0.00\\* (at 30 %) | 1 |" in text
    assert "differs from imp (of a NeTS's random tickets: from that NeTS) with p" in text
    assert "METHOD+CONTROL: its search is that of the ticket it is made from." in text


def test_figures_of_which_nobody_knows_what_they_are_leave_the_table_as_it_is(cli: Any) -> None:
    x = np.random.default_rng(1).normal(size=(60, 4))
    pd.DataFrame({**{f"x{i}": x[:, i] for i in range(4)}, "y": x.sum(axis=1)}).to_csv("sums.csv", index=False)
    words = (
        "compare",
        "--dataset",
        "csv:sums.csv?target=y",
        "--arch",
        "mlp:4-8-1",
        "--methods",
        "random,gmp",
    )
    words += ("--epochs", "2", "--seeds", "1", "--map", "serial", "--out", "c")
    assert cli(*words).code == 0
    told = Path("c/table.md").read_bytes()
    assert b"Test r2 at early stop" in told
    assert b"In full" not in told
    Path("sums.csv").unlink()
    assert cli(*words).code == 0
    assert Path("c/table.md").read_bytes() == told
    shutil.rmtree("c/tickets")
    paper_table.write(Path("c"), held(), build=False)
    assert Path("c/table.md").read_bytes() == told


def test_a_ticket_that_lies_beside_the_folder_does_not_say_what_it_holds(cli: Any) -> None:
    search = ("--dataset", "xor", "--arch", "mlp-10", "--epochs", "1", "--out", "other")
    assert cli("random", *search).code == 0
    shutil.copy("other/ticket.safetensors", "accuracy.safetensors")
    x = np.random.default_rng(1).normal(size=(60, 2))
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(axis=1)}).to_csv("pairs.csv", index=False)
    own = ("--dataset", "csv:pairs.csv?target=y", "--arch", "mlp:2-8-1", "--methods", "gmp", "--epochs", "2")
    assert cli("compare", *own, "--seeds", "1", "--map", "serial", "--out", "c").code == 0
    assert "Test r2 at early stop" in Path("c/table.md").read_text(encoding="utf-8")


def test_arms_have_their_names_and_other_metrics_their_own_unit() -> None:
    arms, nowhere = {"chance": "random"}, "csv:nowhere.csv?target=y"
    made = config(methods="imp", arms=arms, metric="r2", dataset=nowhere)
    paper_table.write(Path(), Comparison(made, [row for row in rows() if row["method"] in ("imp", "random")]))
    told = Path("table.md").read_text(encoding="utf-8")
    assert "| chance | 0.76 ± 0.1271\\* | 0.76 ± 0.1271\\* | 0 to 1 |" in told
    assert "Test r2 at early stop" in told


@pytest.mark.parametrize("densities", ["0.2", "0.2,0.05"])
def test_a_comparison_writes_it_and_a_folder_writes_the_same(densities: str) -> None:
    compare(config(densities=densities), Path("c"), SerialMap())
    for name in (paper_table.MARKDOWN, paper_table.LATEX):
        assert "In full: imp is imp:cycles=2,epochs=1." in Path("c", name).read_text(encoding="utf-8")
    paper_table.write(Path(), held())
    for name in (paper_table.MARKDOWN, paper_table.LATEX):
        assert Path(name).read_bytes() == Path("c", name).read_bytes()
