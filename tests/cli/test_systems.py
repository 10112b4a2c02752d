"""The commands weedout, es, transfer, connectivity, and export --smaller, from the command line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nets_deap.data.loading import load
from nets_deap.models.registry import Description, described
from nets_deap.problem.ticket import load_ticket
from nets_deap.search.weedout import Weedout
from nets_deap.util.schema import checked
from tests.conftest import assert_refused

ES = ("es", "--data-limit", "300", "--arch", "mlp-10", "--pop", "8", "--gens", "2", "--batch", "50")
WEEDOUT = ("weedout", "--data-limit", "300", "--pop", "4", "--gens", "1", "--steps", "5", "--sparsity", "0.8")
BRIEF = ("--map", "serial", "--epochs", "2", "--seeds", "2")


def rebuilt(folder: str):
    told = json.loads(Path(folder, "architecture.json").read_text(encoding="utf-8"))
    return described(checked(Description, told, folder)).module()


def test_weedout_and_the_smaller_network_in_plain_pytorch(cli) -> None:
    from safetensors.torch import load_file

    assert cli(*WEEDOUT, "--arch", "cnn-8-16", "--out", "run").code == 0
    assert cli("export", "run", "--smaller", "--out", "small").out.startswith("nodes:   conv1 2, conv2 3\n")
    cli("export", "run", "--out", "whole")
    outputs = []
    for folder in ("small", "whole"):
        module = rebuilt(folder)
        module.load_state_dict(load_file(f"{folder}/weights.safetensors"))
        outputs.append(module(torch.ones(1, 1, 8, 8)))
    torch.testing.assert_close(*outputs)
    cli("train", "run", "--epochs", "1", "--out", "trained")
    assert cli("export", "run", "--trained", "trained", "--smaller", "--out", "small").code == 0
    module = rebuilt("small")
    module.load_state_dict(load_file("small/weights.safetensors"))
    test = load("digits", limit=300).to("cpu", torch.float32).test
    right = (module(test.x.reshape(-1, 1, 8, 8)).argmax(1) == test.y).double().mean()
    told = json.loads(Path("trained/summary.json").read_text(encoding="utf-8"))["ticket"]
    assert right.item() == pytest.approx(told["test_acc"])
    assert cli("weedout", *WEEDOUT[1:], "--breed", "--out", "bred").code == 0
    assert load_ticket("bred/ticket.safetensors").info["method"] == "node-evolution"


def test_a_network_of_ones_own_on_every_command(cli) -> None:
    Path("own_net.py").write_text(
        "from torch import nn\n"
        "def make(input_shape, outputs, width=8):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Tanh(), nn.Linear(width, "
        "outputs))\n",
        encoding="utf-8",
    )
    model = ("--model", "own_net:make:width=6")
    short = ("--data-limit", "200", "--epochs", "1")
    found = ("--density", "0.3", "--cycles", "1", "--out", "run")
    searched = cli("imp", *model, *short, *found)
    assert searched.code == 0
    assert searched.out.endswith("Train it to the end: nets-deap train run --trust\n")
    assert "own_net" not in cli("info", "run", "--json").err
    for command in (("train", "run"), ("verify", "run", "--seeds", "2"), ("transfer", "run", "--to", "adam")):
        refused = cli(*command, "--epochs", "1")
        assert refused.code == 2
        assert "names code to run, --arch own_net:make:width=6" in refused.err
        assert cli(*command, *model, "--epochs", "1").code == 0
    assert cli("train", "run", "--trust", "--epochs", "1", "--out", "trusted").code == 0
    assert cli("export", "run").code == 0
    assert "hand the network over, by --model" in cli("export", "run", "--smaller").err
    assert cli("export", "run", "--smaller", *model).code == 0
    other = cli("train", "run", "--model", "own_net:make:width=7", "--epochs", "1", "--out", "other")
    assert (other.code, "the ticket is for own_net:make:width=6" in other.err) == (2, True)
    assert not Path("other").exists()


def test_a_metric_that_is_no_accuracy_is_said(cli) -> None:
    Path("own_numbers.py").write_text(
        "import numpy as np\n"
        "def make(input_shape): return __import__('torch').nn.Linear(input_shape[0], 1)\n"
        "def data():\n"
        "    x = np.random.default_rng(0).standard_normal((80, 4), dtype=np.float32)\n"
        "    return x, x.sum(axis=1)\n",
        encoding="utf-8",
    )
    own = ("--model", "own_numbers:make", "--dataset", "own_numbers:data", "--epochs", "1")
    small = ("--pop", "2", "--gens", "1", "--density", "0.5", "--map", "serial", "--out", "evolved")
    one = ("--density", "0.5", "--cycles", "1", "--out", "run")
    compared = ("--methods", "snip", "--density", "0.5", "--seeds", "1", "--out", "compared")
    said = "note: the metric is r2: files have it as val_acc and test_acc"
    for words in (
        ("evolve", *own, *small),
        ("imp", *own, *one),
        ("train", "run", *own),
        ("verify", "run", "--seeds", "2", *own),
        ("transfer", "run", "--seeds", "1", *own),
        ("connectivity", "run", "--seeds", "1", "--points", "3", *own),
        ("compare", *own, *compared),
    ):
        ran = cli(*words)
        assert (ran.code, said in ran.err) == (0, True), words
        assert not re.search(r"\bacc\b|accura", ran.out), ran.out
        assert words[0] == "connectivity" or " r2" in ran.out, ran.out
    assert said not in cli("random", "--density", "0.5", "--data-limit", "100", "--out", "classes").err


def test_an_es_by_rounds_goes_on_where_it_was(cli) -> None:
    first = cli(*ES, "--rounds", "2", "--out", "run")
    assert "cycle 1 of 2: 100.00 % trained to val acc" in first.out
    assert load_ticket("run/ticket.safetensors").density == pytest.approx(0.64, abs=1e-3)
    ticket = Path("run/ticket.safetensors").read_bytes()
    assert cli(*ES, "--rounds", "2", "--out", "run", "--from-cycle", "1").code == 0
    assert Path("run/ticket.safetensors").read_bytes() == ticket
    log = pd.read_csv("run/logbook.csv")
    assert log["forward_passes"].tolist() == [800, 800]


def test_an_interrupted_search_without_cycles_leaves_nothing(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Weedout, "__call__", interrupted)
    ran = cli(*WEEDOUT, "--arch", "mlp-10", "--out", "run")
    assert (ran.code, ran.err) == (130, "interrupted; nothing is saved\n")
    assert not Path("run").exists()


def test_weedout_over_workers_is_weedout_in_one_process(cli) -> None:
    for place in (("--map", "serial"), ("--workers", "2")):
        assert cli(*WEEDOUT, *place, "--out", place[0]).code == 0
    tickets = [Path(place, "ticket.safetensors").read_bytes() for place in ("--map", "--workers")]
    assert tickets[0] == tickets[1]


@pytest.mark.parametrize(
    ("first", "again", "more"),
    [
        ((*ES, "--strategy", "pgpe", "--rounds", "2"), "es", ("--gens", "3")),
        ((*WEEDOUT, "--breed"), "weedout", ("--steps", "6")),
        (("imp", "--data-limit", "300", "--arch", "mlp-10", "--cycles", "2"), "imp", ("--scope", "global")),
    ],
)
def test_what_a_config_says_of_the_method_holds_unless_said_otherwise(cli, first, again, more) -> None:
    assert cli(*first, "--out", "run").code == 0
    assert cli(again, "--config", "run/config.json", "--out", "same").code == 0
    methods = {
        name: json.loads(Path(name, "config.json").read_text(encoding="utf-8"))["method"]
        for name in ("run", "same")
    }
    assert methods["run"] == methods["same"]
    assert cli(again, "--config", "run/config.json", *more, "--out", "other").code == 0
    other = json.loads(Path("other/config.json").read_text(encoding="utf-8"))["method"]
    given = f"{more[0].removeprefix('--')}={more[1]}"
    assert given in other
    assert set(methods["run"].split(",")) - set(other.split(",")) <= {"gens=2", "steps=5", "es:batch=50"}


def test_a_density_holds_whatever_the_config_went_by(cli) -> None:
    small = ("--data-limit", "300", "--arch", "mlp-10", "--epochs", "1")
    assert cli("imp", *small, "--cycles", "2", "--out", "run").code == 0
    assert cli("imp", "--config", "run/config.json", "--density", "0.1", "--out", "other").code == 0
    assert load_ticket("other/ticket.safetensors").density == pytest.approx(0.1, abs=2e-3)


def test_transfer_beside_a_random_ticket_and_the_targets_own(cli) -> None:
    cli(*ES, "--rounds", "1", "--out", "run")
    to = ("--to", "momentum", "--lr", "0.01")
    shown = cli("transfer", "run", *to, *BRIEF, "--out", "moved").out
    assert "the target's own" in shown
    rows = pd.read_csv("moved/transfer.csv")
    assert rows.groupby("ticket").size().tolist() == [2, 2, 2]
    more = cli("transfer", "run", *to, *BRIEF[:-1], "3", "--out", "moved", "--json")
    again = pd.DataFrame(json.loads(more.out)["rows"])
    assert again["seed"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert sorted(again["test_acc"][:6]) == pytest.approx(
        sorted(rows["test_acc"]), rel=1e-12
    )  # as pandas reads
    other = cli("transfer", "run", "--to", "sgd", *to[2:], *BRIEF, "--out", "moved")
    assert (other.code, len(other.err.splitlines())) == (2, 1)
    own = cli("transfer", "run", *BRIEF[:-1], "1", "--out", "own")  # by the optimiser that it was found with
    assert "trained by adam" in own.out
    assert "±" not in own.out


def test_the_line_between_two_trainings(cli) -> None:
    cli(*ES, "--rounds", "1", "--out", "run")
    told = cli("connectivity", "run", *BRIEF, "--points", "5", "--out", "line")
    assert told.out.count("barrier") == 3  # of each line, and their mean
    assert len(pd.read_csv("line/connectivity.csv")) == 10
    assert Path("line/connectivity.png").exists()
    assert (
        len(
            json.loads(cli("connectivity", "run", *BRIEF, "--points", "5", "--out", "line", "--json").out)[
                "barriers"
            ]
        )
        == 2
    )
    cli(*WEEDOUT, "--arch", "mlp-10", "--out", "other")
    two = cli("connectivity", "run", "other", *BRIEF, "--points", "5", "--out", "line")
    assert (two.code, "another ticket" in two.err) == (2, True)


BAD = {
    "a layer emptied": ["weedout", "--sparsity", "0.999"],
    "a sparsity that is none": ["weedout", "--sparsity", "most"],
    "sparsities too many": ["weedout", "--sparsity", "0.1/0.2/0.3/0.4"],
    "nobody weeded": ["weedout", "--pop", "1"],
    "an es too small": ["es", "--pop", "2"],
    "an odd es of pairs": ["es", "--strategy", "openai-es", "--prune", "magnitude", "--pop", "7"],
    "signal to noise of one sigma": ["es", "--strategy", "openai-es"],
    "an unknown strategy": ["es", "--strategy", "cma-es"],
    "an es preset": ["es", "--preset", "lth"],
    "an es of batches": ["es", "--arch", "wrn-10-1"],
    "no cuda": ["es", "--device", "cuda"],
    "a budget below a round": ["es", "--budget-passes", "10", "--out", "new"],
    "a budget below a cycle": ["imp", "--budget-steps", "1", "--out", "new"],
    "a budget below a population": ["weedout", "--budget-steps", "1", "--out", "new"],
    "a cycle that is not there": ["es", "--from-cycle", "3", "--out", "new"],
    "normalised networks side by side": ["weedout", "--map", "batched", "--arch", "wrn-10-1", "--out", "new"],
    "nodes and weights": ["weedout", "--sparsity", "0.5", "--density", "0.3"],
    "a density by rounds and by share": ["es", "--rounds", "1", "--share", "0.2", "--density", "0.2"],
    "an infinite sigma": ["es", "--sigma", "inf"],
    "a batch below none": ["es", "--batch", "-1"],
    "an es with a budget of steps": ["compare", "--methods", "es", "--budget-steps", "500", "--out", "new"],
    "a comparison without means": ["compare", "--methods", "imp", "--budget-steps", "1", "--out", "new"],
    "a learning rate for a strategy": ["transfer", "run", "--to", "snes", "--lr", "3"],
    "trained, and not": ["export", "run", "--trained", "folder"],
    "another's training": ["export", "tiny", "--trained", "trained"],
    "rounds and a share of all": ["es", "--rounds", "3", "--share", "1"],
    "rounds far below none": ["es", "--rounds", "-100000"],
    "a share weeded that is none": ["weedout", "--weed", "inf"],
    "an es augmented": ["es", "--augment"],
    "a learning rate of another optimiser": ["transfer", "run", "--to", "sgd"],
    "an optimiser beside the target": ["transfer", "run", "--optimizer", "sgd"],
    "a ticket of next to nothing": ["transfer", "tiny", "--to", "snes"],
    "a budget that is none for an es": ["es", "--budget-steps", "100", "--out", "new"],
    "a population that no memory holds": ["es", "--pop", "1000000000000", "--out", "new"],
    "a strategy beside another": ["transfer", "run", "--to", "snes", "--es", "strategy=pgpe"],
    "options of a strategy for an optimiser": ["transfer", "run", "--to", "sgd", "--es", "pop=8"],
    "rounds that are none": ["es", "--rounds", "0"],
    "rounds below none": ["es", "--rounds", "-1"],
    "a share that is none": ["es", "--rounds", "2", "--share", "1.5"],
    "an unknown target": ["transfer", "run", "--to", "adma"],
    "a ticket of another shape": ["transfer", "run", "--to", "sgd", "--dataset", "xor"],
    "a line to another shape": ["connectivity", "run", "--dataset", "xor"],
    "a line of two points": ["connectivity", "run", "--points", "2"],
    "a line to nowhere": ["connectivity", "run", "nowhere"],
    "transfer into a stranger's folder": ["transfer", "run", "--out", "folder"],
    "a depth that is none": ["evolve", "--arch", "wrn-17-1"],
    "images too small": ["evolve", "--dataset", "xor", "--arch", "conv-2"],
    "no images to augment": ["evolve", "--dataset", "xor", "--augment"],
    "no images to augment in imp": ["imp", "--dataset", "xor", "--augment"],
    "no images to augment in compare": ["compare", "--dataset", "xor", "--augment", "--methods", "dense"],
    "no images to augment in train": ["train", "run", "--dataset", "xor", "--augment"],
}  # fmt: skip


def test_bad_input_is_one_line_exit_code_2_and_leaves_nothing(cli) -> None:
    cli(*ES, "--rounds", "1", "--out", "run")
    cli("train", "run", "--epochs", "1", "--out", "trained")
    ticket = load_ticket("run/ticket.safetensors")
    replace(ticket, mask=np.zeros_like(ticket.mask)).save("tiny")
    Path("folder").mkdir()
    Path("folder/thesis.tex").touch()
    assert_refused(cli, BAD)


def test_an_interrupted_training_says_that_nothing_is_saved(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from nets_deap.training import final

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    assert cli("random", "--dataset", "xor", "--arch", "mlp-10", "--out", "t", "--quiet").code == 0
    monkeypatch.setattr(final, "train", interrupted)
    ran = cli("train", "t", "--epochs", 2, "--out", "trained")
    assert (ran.code, "nothing is saved" in ran.err, len(ran.err.splitlines())) == (130, True, 1)
    assert not Path("trained").exists()
