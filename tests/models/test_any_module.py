"""What must hold for any module, of layers drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nets_deap import Data, find_ticket, keep_sparse, load_ticket
from nets_deap.models.registry import Model, build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.modules import CLASSES, FEATURES, KINDS, STEPS, Network, kinds

SHAPE = (STEPS, FEATURES)
every_kind = pytest.mark.parametrize("kind", sorted(KINDS))
several = settings(max_examples=15, deadline=None)


def architecture(of: tuple[str, ...], frozen: bool = False):
    return build(Model("tests:network", lambda: Network(of, frozen)), SHAPE, CLASSES)


def samples(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *SHAPE), dtype=np.float32), np.arange(count) % CLASSES


@several
@given(kinds, st.booleans())
def test_weights_and_extras_are_the_state_dict_and_nothing_is_counted_twice(of, frozen: bool) -> None:
    made = architecture(of, frozen)
    module = Network(of, frozen)
    names = [*made.parameters, *(extra.name for extra in made.extras)]
    assert len(names) == len(set(names))
    template = made.known()
    weights, extras = (
        template.read(module, part) for part in (made.parameters, names[len(made.parameters) :])
    )
    told, state = made.named(weights, extras), module.state_dict()
    for name, part in told.items():
        assert torch.equal(state[name], torch.from_numpy(part))
    numbers = {id(p): p for p in module.parameters()}.values()
    trained = sum(extra.size for extra in made.extras if extra.trained)
    assert made.layout.size + trained == sum(p.numel() for p in numbers if p.requires_grad)
    copied = template.instance({name: torch.from_numpy(part) for name, part in told.items()})
    again = copied.state_dict()
    assert list(again) == list(state)
    assert all(torch.equal(again[name], state[name]) for name in state)


@several
@given(st.lists(st.sampled_from(sorted(set(KINDS) - {"dropout"})), max_size=4).map(tuple), st.integers(0, 9))
def test_gradients_under_a_mask_are_torchs(of, seed: int) -> None:
    made, rng = architecture(of), np.random.default_rng(seed)
    weights, extras = made.known().draw(rng)
    mask = rng.random(weights.size) < 0.5
    network = MaskedModule(made, weights, mask, Recipe(lr=0.1), dtype=torch.float64, extras=extras)
    x, y = (torch.from_numpy(part) for part in samples())
    x = x.double()
    plain = Network(of).double().train()
    with torch.no_grad():
        for name, part in made.named(np.where(mask, weights, 0), extras).items():
            dict([*plain.named_parameters(), *plain.named_buffers()])[name].copy_(torch.from_numpy(part))
    torch.nn.functional.cross_entropy(plain(x), y).backward()
    network.step(x, made.targets(y, torch.float64))
    parameters = dict(plain.named_parameters())
    gradients = [parameters[name].grad.numpy().ravel() for name in made.parameters]
    moved = (np.where(mask, weights, 0) - network.weights()) / 0.1
    assert moved == pytest.approx(np.concatenate(gradients) * mask, abs=1e-5)


@every_kind
def test_the_same_seed_gives_the_same_logbook_and_a_ticket_keeps_its_promise(kind: str) -> None:
    data, of = Data.of(samples(60)), ("linear", kind)
    options = {"recipe": {"lr": 0.01, "batch_size": 20}, "show": False}
    first, second = (
        find_ticket(lambda: Network(of), data, 0.3, "nets:pop=2,gens=2,iterations=3", **options)
        for _ in range(2)
    )

    def told(ticket):
        return [{key: value for key, value in row.items() if key != "elapsed_s"} for row in ticket.logbook]

    assert told(first) == told(second)
    assert (first.mask == second.mask).all()
    first.save(Path("t"))
    loaded = load_ticket("t")
    assert (loaded.weights == first.weights).all()
    assert (loaded.extras == first.extras).all()
    assert loaded.architecture == first.architecture
    with pytest.raises(NetsError, match="which no file imports: hand the network over"):
        loaded.architecture.module()
    plain = keep_sparse(loaded.apply_to(Network(of)), loaded)
    optimizer = torch.optim.SGD(plain.parameters(), 0.1, momentum=0.9, weight_decay=0.01)
    x, y = (torch.from_numpy(part) for part in samples())
    for _ in range(10):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(plain(x), y).backward()
        optimizer.step()
    state = plain.state_dict()
    for name, (_, mask) in zip(loaded.architecture.parameters, loaded.layout.split(loaded.mask), strict=True):
        assert not state[name].numpy()[~mask].any()
        assert state[name].numpy()[mask].any()
    begun = {name: each for name, each in loaded.apply_to(plain).state_dict().items() if "num_b" in name}
    assert all(int(each) == 0 for each in begun.values())
    assert bool(begun) == (kind == "convolution")


@every_kind
def test_a_stack_trains_as_single_networks_do_or_says_why_not(kind: str) -> None:
    made, rng = architecture((kind,)), np.random.default_rng(0)
    drawn = [made.known().draw(rng) for _ in range(2)]
    weights, extras = [each for each, _ in drawn], drawn[0][1]
    masks = [rng.random(made.layout.size) < 0.5 for _ in drawn]
    recipe = Recipe(lr=0.1)
    arguments = {"dtype": torch.float64, "extras": extras}
    if kind in ("gru", "lstm", "dropout", "convolution"):
        with pytest.raises(NetsError, match="take the map multiprocess or serial"):
            StackedModule(made, weights, masks, recipe, **arguments)
        return
    stack = StackedModule(made, weights, masks, recipe, **arguments)
    x, y = (torch.from_numpy(part) for part in samples())
    targets = made.targets(y, torch.float64)
    for _ in range(3):
        stack.step(x.double(), targets)
    for place, mask in enumerate(masks):
        single = MaskedModule(made, weights[place], mask, recipe, **arguments)
        for _ in range(3):
            single.step(x.double(), targets)
        assert stack.weights()[place] == pytest.approx(single.weights(), abs=1e-9)
        assert stack.extras()[place] == pytest.approx(single.extras(), abs=1e-9)
