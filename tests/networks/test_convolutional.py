"""Every way to look for a ticket, on networks with convolutions, biases and normalisations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import BatchedMap
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.genome import initGenome
from nets_deap.models.registry import build
from nets_deap.networks import scoring
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import load_ticket
from nets_deap.pruning.scores import Candidate, _flow, synflow
from nets_deap.search.config import SearchConfig
from nets_deap.search.controls import CONTROLS
from nets_deap.search.imp import IMP
from nets_deap.search.learning_rate_rewinding import LearningRateRewinding
from nets_deap.search.method import Found, initial
from nets_deap.search.registry import METHODS, gives_ticket, method_of, parse
from nets_deap.search.run import search as search_in_folder
from nets_deap.training import loop
from nets_deap.training.final import train_ticket
from nets_deap.training.minibatches import augmented, minibatches
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import Role, generator

NAMES = ("cnn-8-16", "wrn-10-1")
PROBLEMS = {
    name: Problem("digits", name, Recipe("adam", 3e-3, 60), init="kaiming", data_limit=150) for name in NAMES
}
OPTIONS = {"nets": ":pop=2,gens=2,epochs=1", "nets-paper": ":pop=2,gens=1,epochs=1", "synflow": ":rounds=5"}
OPTIONS |= dict.fromkeys(("weedout", "node-evolution"), ":pop=4,gens=1,steps=3")
OPTIONS |= dict.fromkeys(("es", "es-paper"), ":pop=4,gens=1,batch=20,rounds=2")
TICKETS = [name for name in METHODS if gives_ticket(parse(name))]
models = pytest.mark.parametrize("model", NAMES)


def find(model: str, method: str, density: float = 0.2) -> Found:
    chosen = method_of(parse(method + OPTIONS.get(method, "")))
    return chosen(PROBLEMS[model], Budget(), np.random.default_rng(0), density)


@pytest.mark.parametrize(
    ("name", "model"),
    # An evolution strategy has no use for statistics of batches; its tests see that refused.
    [(n, m) for n in TICKETS for m in NAMES if not (n.startswith("es") and m == "wrn-10-1")],
)
def test_its_ticket_can_be_saved_and_trained(name: str, model: str) -> None:
    found = find(model, name).ticket
    found.save(Path("t"))
    ticket = load_ticket(Path("t"))
    for field in ("weights", "mask", "extras"):
        assert (getattr(ticket, field) == getattr(found, field)).all()
    if name not in ("dense", "nets-paper", "random-paper", "weedout", "node-evolution", "random-nodes"):
        assert ticket.mask.sum() == round(0.2 * ticket.layout.size)
    run = train_ticket(ticket, PROBLEMS[model], seed=1)
    assert run.density == ticket.density
    assert (run.weights[~ticket.mask] == 0).all()
    assert (run.extras != ticket.extras).any()


@models
@pytest.mark.parametrize("name", CONTROLS)
def test_controls_of_it_train_too(name: str, model: str) -> None:
    problem = PROBLEMS[model]
    ticket = find(model, "random").ticket
    control = CONTROLS[name](ticket, problem, np.random.default_rng(1))
    assert train_ticket(control, problem, seed=1, track_test=False).rows


@models
def test_a_rewound_ticket_has_the_extras_of_that_step(model: str) -> None:
    problem = replace(PROBLEMS[model], recipe=replace(PROBLEMS[model].recipe, epochs=2))
    method = IMP(cycles=2, rewind=2)
    training = {"data_limit": 150, "epochs": 2, "optimizer": "adam", "lr": 3e-3, "init": "kaiming"}
    config = SearchConfig(method="imp:cycles=2,rewind=2", arch=model, density=0.2, **training)
    states = []
    found = method(problem, Budget(), np.random.default_rng(0), 0.2, on_state=states.append)
    assert (found.ticket.extras != problem.architecture.initial_extras).any()
    again = method(problem, Budget(), np.random.default_rng(0), 0.2, state=states[0])
    assert (again.ticket.mask == found.ticket.mask).all()
    # In a folder the extras of a cycle are saved with it.
    whole = search_in_folder(config, Path("run")).ticket
    resumed = search_in_folder(config, Path("run"), from_cycle=1).ticket
    assert (resumed.mask == whole.mask).all()
    assert (resumed.extras == whole.extras).all()


@models
def test_learning_rate_rewinding_keeps_trained_weights_and_extras(model: str) -> None:
    problem, states = PROBLEMS[model], []
    method = LearningRateRewinding(cycles=2)
    found = method(problem, Budget(), np.random.default_rng(0), 0.2, on_state=states.append).ticket
    assert not (states[0].extras == problem.architecture.initial_extras).all()
    assert not (states[1].extras == states[0].extras).all()
    assert (found.extras == states[1].extras).all()
    assert not found.weights[~states[0].mask].any()
    again = method(problem, Budget(), np.random.default_rng(0), 0.2, state=states[0]).ticket
    assert (again.weights == found.weights).all()
    assert (train_ticket(found, problem, seed=1).weights[~found.mask] == 0).all()


@models
def test_the_early_stop_weights_and_extras_have_its_figures(model: str) -> None:
    problem = replace(PROBLEMS[model], recipe=Recipe("adam", 0.02, 60, epochs=6))
    run = train_ticket(find(model, "dense").ticket, problem, seed=1)
    network = MaskedModule(
        problem.architecture, run.early_stop_weights, run.early_stop_weights != 0, problem.recipe,
        extras=run.early_stop_extras,
    )  # fmt: skip
    data = problem.data.to("cpu", torch.float32)
    accuracy = (network.forward(data.test.x).argmax(dim=1) == data.test.y).double().mean()
    assert run.early_stop["test_acc"] == pytest.approx(float(accuracy))
    assert run.test.accuracy == run.early_stop["test_acc"]


def test_synflow_by_autograd_is_the_one_by_hand() -> None:
    architecture, rng = build("lenet-300-100", (1, 8, 8), 10), np.random.default_rng(0)
    weights = rng.normal(size=architecture.layout.size).astype(np.float32)
    nothing = torch.zeros(0)
    candidate = Candidate(architecture, weights, rng.random(weights.size) < 0.3, nothing, nothing, rng)
    np.testing.assert_allclose(_flow(candidate), synflow(candidate), rtol=1e-9)


def test_populations_of_convolutional_networks_train_side_by_side() -> None:
    problem = PROBLEMS["cnn-8-16"]
    rng = np.random.default_rng(0)
    genomes = [initGenome(problem.initial_std(), density, rng=rng) for density in (1.0, 0.3)]
    evaluator = Evaluator(problem, dtype=torch.float64, traces=("increase", "gradient"))
    for ours, theirs in zip(evaluator.evaluate_all(genomes), map(evaluator.evaluate, genomes), strict=True):
        assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-9)
        for name, trace in ours.traces.items():
            np.testing.assert_allclose(trace, theirs.traces[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("wrn-10-1", {}, "wrn-10-1 normalises over batches: its networks cannot be trained as one stack"),
        ("cnn-8-16", {"precision": "bf16"}, "other products than float32's are for perceptrons"),
    ],
)
def test_what_cannot_be_trained_side_by_side_is_refused(
    model: str, options: dict[str, str], says: str
) -> None:
    config = EvolveConfig(arch=model, data_limit=150, pop=2, gens=1, map="batched", **options)
    with pytest.raises(NetsError, match=says):
        Evolution.of(config, BatchedMap()).advance()


@pytest.mark.parametrize("name", ["set", "rigl"])
@pytest.mark.parametrize("model", ["cnn-8-16", "wrn-10-1"])
def test_masks_move_in_any_network_and_keep_the_density_of_each_layer(name: str, model: str) -> None:
    problem = PROBLEMS[model]
    method = method_of(parse(f"{name}:every=2,until=1"))
    rng = np.random.default_rng(0)
    weights, _ = initial(problem, rng)
    problem = replace(problem, recipe=replace(problem.recipe, iterations=8))
    network = method.network(problem, weights, 0.3, rng)
    before = network.alive
    loop.train(network, problem.data.train, problem.recipe, rng)
    assert len(network.updates) == 3
    assert (network.alive != before).any()
    assert problem.layout.densities(network.alive) == problem.layout.densities(before)
    assert not network.weights()[~network.alive].any()


def test_training_sees_augmented_images_and_scores_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = PROBLEMS["cnn-8-16"]
    problem = replace(plain, recipe=replace(plain.recipe, augment=True, iterations=7))
    ticket = find("cnn-8-16", "random").ticket
    seen: list[torch.Tensor] = []

    def noted(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        seen.append(x.clone())
        return augmented(x, rng)

    monkeypatch.setattr(loop, "augmented", noted)
    run = train_ticket(ticket, problem, 1, eval_every=1)
    rng = generator(1, 0, Role.FINAL_TRAINING)
    batches = minibatches(len(problem.data.train.y), problem.recipe, rng)
    assert len(seen) == 7
    for x, chosen in zip(seen, batches, strict=True):  # the samples, and their order, are those without
        assert x.equal(problem.data.train.x[chosen])
    without = train_ticket(ticket, replace(plain, recipe=replace(plain.recipe, iterations=7)), 1)
    assert len(seen) == 7
    assert not np.allclose(without.weights, run.weights)
    arguments = (ticket.mask, problem.recipe)
    network = MaskedModule(problem.architecture, run.weights, *arguments, extras=run.extras)
    score = scoring.evaluate(network, problem.data.validation, problem.data.classes)
    assert score.loss == pytest.approx(run.rows[-1]["val_loss"], rel=1e-6)


@models
def test_controls_start_from_initial_extras_unless_the_weights_have_steps_behind_them(model: str) -> None:
    found = find(model, "random", 0.5).ticket
    trained = replace(found, extras=found.extras + 1)
    fresh = {"reinit": False, "random": False, "signs": False, "permuted": False}
    for name, kept in (fresh | {"shuffle": True, "dense": True}).items():
        control = CONTROLS[name](trained, PROBLEMS[model], np.random.default_rng(1))
        assert (control.extras == (trained if kept else found).extras).all(), name
    rewound = replace(trained, info=trained.info | {"rewind": 3})
    for name, kept in (("dense", True), ("shuffle", True), ("reinit", False), ("scale-matched", False)):
        control = CONTROLS[name](rewound, PROBLEMS[model], np.random.default_rng(1))
        assert (control.extras == rewound.extras).all() == kept, name
