"""Two lines in, plain PyTorch out."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import nets_deap as nd
from nets_deap.search.registry import METHODS, gives_ticket, parse
from nets_deap.util.errors import NetsError
from tests.conftest import streams_stay
from tests.front.own import RECIPE, X, Y, find, loss, make
from tests.search.methods import BRIEF as SMALL


@pytest.mark.parametrize("name", [name for name in METHODS if gives_ticket(parse(name))])
def test_every_method_finds_a_ticket_for_a_network_of_ones_own(name: str) -> None:
    with streams_stay():
        ticket = find(SMALL.get(name, name))
    assert ticket.logbook
    assert ticket.cost is not None
    model = ticket.apply_to(make())
    state = model.state_dict()
    for parameter, (_, weights) in zip(
        ticket.architecture.parameters, ticket.layout.split(ticket.weights * ticket.mask), strict=True
    ):
        assert (state[parameter].numpy() == weights).all()


def test_an_instance_is_redrawn_with_each_seed_and_left_as_it_is() -> None:
    model = make()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    one, same, other = (find(model=model, seed=seed) for seed in (1, 1, 2))
    assert (one.weights == same.weights).all()
    assert (one.weights != other.weights).all()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_maps_agree() -> None:
    tickets = [find(SMALL["nets"], map=map, workers=2) for map in ("serial", "multiprocess")]
    stacked = find(SMALL["nets"], map="batched")
    assert (tickets[0].mask == tickets[1].mask).all()
    assert (tickets[0].mask == stacked.mask).mean() > 0.98


def test_spawned_workers_get_the_data_and_an_instance_once() -> None:
    with nd.MultiprocessMap(2, start="spawn") as engine:
        spawned = find(SMALL["nets"], model=make(), map=engine)
    assert spawned.logbook[-1]["gen"] == 1


def test_a_loss_a_metric_and_an_augmentation_of_ones_own() -> None:
    seen: list[int] = []

    def flip(x: Tensor, rng: np.random.Generator) -> Tensor:
        seen.append(len(x))
        return x.flip(-1) if rng.random() < 0.5 else x

    def error(outputs: Tensor, targets: Tensor) -> float:
        return float((outputs.argmax(1) != targets).double().mean())

    problem = {"loss": loss, "metric": (error, "least"), "recipe": RECIPE | {"augment": flip}}
    ticket = find("imp:cycles=1", **problem)
    run = nd.train_ticket(ticket, make, (X, Y), **problem)
    assert seen
    assert list(run.frame.columns)[:3] == ["epoch", "iteration", "train_loss"]
    plain = nd.train_ticket(ticket, make, (X, Y), recipe=RECIPE | {"augment": flip})
    assert run.test.accuracy == pytest.approx(1 - plain.test.accuracy, abs=0.5)
    verdict = nd.verify(ticket, make, (X, Y), seeds=2, **problem)
    assert set(verdict.frame["network"]) >= {"dense", "ticket", "random"}


def test_a_comparison_gives_tables_and_goes_on_where_it_was() -> None:
    arguments = ((X, Y), "snip,random,rigl", [0.3, 0.1])
    options = {"seeds": 2, "recipe": RECIPE, "show": False}
    found = nd.compare(make, *arguments, **options, out="folder")
    assert len(found.trials) == 3 * 2 * 2
    assert not found.failed
    assert set(found.summary["method"]) == {"snip", "random", "rigl"}
    written = Path("folder/trials.csv").stat().st_mtime_ns
    again = nd.compare(make, *arguments, **options, out="folder")
    pd.testing.assert_frame_equal(again.trials[[*found.trials]], found.trials, check_dtype=False)
    assert Path("folder/trials.csv").stat().st_mtime_ns >= written


def test_arms_seeds_and_shards_from_python() -> None:
    arms = {"short": "imp:epochs=1,cycles=1", "search": {"method": "nets", "pop": 1, "gens": 1}}
    options = {"seeds": [3, 5], "recipe": RECIPE, "show": False, "reference": "search", "equal_budget": 12}
    whole = nd.compare(make, (X, Y), arms, 0.3, **options, out="whole")
    assert set(whole.summary["arm"]) == {"short", "search"}
    assert set(whole.trials["seed"]) == {3, 5}
    assert (whole.summary["search_gradient_steps"] <= 12).all()
    for part in ("1/2", "2/2"):
        nd.compare(make, (X, Y), arms, 0.3, **options, shard=part, out=part[0])
    merged = nd.merge(["1", "2"], "merged")
    assert Path("merged/trials.csv").read_bytes() == Path("whole/trials.csv").read_bytes()
    assert list(merged.summary["arm"]) == list(whole.summary["arm"])
    with pytest.raises(NetsError, match="names of methods, or arms by their names"):
        nd.compare(make, (X, Y), 3, 0.3, **options)
    with pytest.raises(NetsError, match="arm 'a b': expected a name"):
        nd.compare(make, (X, Y), {"a b": "imp"}, 0.3, seeds=1, show=False)


@pytest.mark.parametrize("method", ["nets:pop=2,gens=1,epochs=1", "imp:cycles=1,epochs=1"])
def test_piped_each_row_says_of_how_many_it_is(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    ticket = nd.find_ticket(make, (X, Y), 0.5, method)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(ticket.logbook)
    assert all(" of 1, " in line for line in lines)


def test_a_ticket_from_data_in_memory_asks_a_command_for_its_data(cli) -> None:
    find("snip").save("ticket")
    ran = cli("train", "ticket", "--trust")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "these data were in memory, and no file names them: say which by --dataset" in ran.err


def test_a_comparison_with_another_loss_is_another() -> None:
    options = {"seeds": 1, "recipe": RECIPE, "show": False, "out": "folder"}
    nd.compare(make, (X, Y), "snip", 0.3, **options)
    for other in ({"loss": loss}, {"metric": "balanced-accuracy"}, {"prunable": lambda n, p: p.ndim > 1}):
        with pytest.raises(NetsError, match="folder"):
            nd.compare(make, (X, Y), "snip", 0.3, **options, **other)


def test_what_prunes_and_what_does_not_is_up_to_the_user() -> None:
    only = find(prunable=lambda name, parameter: name == "4.weight")
    assert only.architecture.parameters == ("4.weight",)
    assert "0.weight" in [extra.name for extra in only.architecture.extras]


def test_a_model_kept_sparse_stays_so_under_any_optimiser_and_is_plain_all_the_while() -> None:
    ticket = find()
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adafactor", "Rprop", "ASGD", "Muon"):
        if not hasattr(torch.optim, name):
            continue
        model = nd.keep_sparse(ticket.apply_to(make()), ticket)
        weights = [p for p in model.parameters() if name != "Muon" or p.ndim == 2]
        optimizer = getattr(torch.optim, name)(
            weights, lr=0.01, **({} if name == "Rprop" else {"weight_decay": 0.1})
        )
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
            optimizer.step()
        state = model.state_dict()
        assert list(state) == list(make().state_dict())
        for parameter, (_, mask) in zip(
            ticket.architecture.parameters, ticket.layout.split(ticket.mask), strict=True
        ):
            assert not state[parameter].numpy()[~mask].any(), name


def test_a_ticket_for_another_model_changes_nothing() -> None:
    ticket = find()
    other = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 4)
    )
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(NetsError, match=r"whose 4\.weight is \[3, 64\]; that of this"):
        ticket.apply_to(other)
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())
    for mapped in (nn.Linear(2, 2), nn.Sequential(*make(), nn.Linear(3, 3))):
        with pytest.raises(NetsError, match="has no"):
            nd.keep_sparse(mapped, ticket)


def test_validation_samples_may_be_given() -> None:
    found = find(validation=(X[:12], Y[:12]))
    assert nd.problem_of(make, (X, Y), validation=(X[:12], Y[:12])).data.validation.x.shape[0] == 12
    assert found.density == pytest.approx(0.3, abs=0.02)
    with pytest.raises(NetsError, match="`validation` 'few': expected a share"):
        find(validation="few")


@pytest.mark.parametrize("kind", [np.int64, np.bool_, np.float32])
def test_several_labels_a_sample(kind: type) -> None:
    labels = np.stack([Y == 1, Y == 2], axis=1).astype(kind)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    ticket = find(model=model, data=(X, labels), loss="binary")
    run = nd.train_ticket(ticket, model, (X, labels), loss="binary", recipe=RECIPE)
    assert 0.4 < run.summary()["test_acc"] <= 1  # of single labels: most are 0


def test_progress_shows_and_ctrl_c_ends_the_search(capfd: pytest.CaptureFixture[str]) -> None:
    nd.find_ticket(make, (X, Y), 0.3, SMALL["nets"], recipe=RECIPE)
    assert "gen 1" in capfd.readouterr().err.replace("\n", "")

    def interrupted(function, items):
        raise KeyboardInterrupt

    state = random.getstate()
    with pytest.raises(KeyboardInterrupt):
        find(SMALL["nets"], map=interrupted)
    assert random.getstate() == state


def test_a_comparison_says_which_trial_runs_and_its_metric(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = X.sum(axis=(1, 2, 3))[:, None].repeat(3, axis=1)
    found = nd.compare(make, (X, numbers), "imp:cycles=2,snip", 0.3, seeds=1, recipe=RECIPE)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "comparison: trial 1 of 2 running: imp:cycles=2 at 0.3, seed 1"
    assert lines[-1].startswith("comparison: 2 of 2 trials, the last one snip at 0.3, seed 1: test r2 ")
    assert repr(found).startswith("<Comparison of 2 trials: test r2, imp:cycles=2 at 0.3 ")
