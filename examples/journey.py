"""What every example here does with its network and data: find tickets, judge them, and leave for plain
PyTorch.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from nets_deap_cli.commands import run
from safetensors.torch import load_file

import nets_deap as nd

RECIPE = {"optimizer": "adam", "lr": 3e-3, "batch_size": 60, "epochs": 3}
EVOLVE = "nets:pop=2,gens=3,epochs=1"
IMP = "imp:cycles=2,epochs=1"


def journey(make, data, loss_of_a_batch, density=0.2, **problem):
    """Evolve a ticket and prune one by IMP; train and verify; export; train on in a loop of one's own.

    make: returns the network; data: a `nd.Data`
    loss_of_a_batch: (outputs, targets) -> the loss that the loop at the end minimises
    """
    problem = {"recipe": RECIPE} | problem
    for method in (EVOLVE, IMP):
        ticket = nd.find_ticket(make, data, density, method, show=False, **problem)
        run = nd.train_ticket(ticket, make, data, **problem)
        told = run.summary()
        print(
            f"{method}: density {told['density']:.3f}, test {told['test_loss']:.3f}, {told['test_acc']:.3f}"
        )
    print("verdict:", nd.verify(ticket, make, data, seeds=2, **problem))

    with tempfile.TemporaryDirectory() as folder:
        ticket.save(Path(folder) / "ticket.safetensors")
        export(Path(folder) / "ticket.safetensors", Path(folder) / "export")
        weights = load_file(Path(folder) / "export" / "weights.safetensors")
        loaded = nd.load_ticket(Path(folder) / "ticket.safetensors")

    model = loaded.apply_to(make())  # θ₀ ⊙ M, in a network of your own
    state = model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())
    train_sparse(loaded, model, data, loss_of_a_batch)
    return loaded


def train_sparse(ticket, model, data, loss_of_a_batch):
    """Train a model that holds a ticket in a loop of one's own, and look whether it has stayed sparse."""
    left = sgd(nd.keep_sparse(model, ticket), data, loss_of_a_batch)
    revived = sum(int((left[name][~mask] != 0).sum()) for name, mask in masks(ticket).items())
    print(f"after 200 steps of SGD with momentum and weight decay: {revived} pruned weights are not zero")
    assert not revived


def nets_deap(*words):
    """A command as you would type it in a shell. Here it runs in this process, which has imported torch."""
    print("nets-deap", *words)
    assert run([str(word) for word in words]) == 0


def export(ticket, folder):
    """A plain state_dict and masks, which need nothing of this package."""
    nets_deap("export", ticket, "--out", folder)


def masks(ticket):
    parts = zip(ticket.architecture.parameters, ticket.layout.split(ticket.mask), strict=True)
    return {name: torch.from_numpy(mask.copy()) for name, (_, mask) in parts}


def sgd(model, data, loss_of_a_batch):
    """A training loop of one's own: nothing in it knows of tickets."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3)
    order = torch.Generator().manual_seed(0)
    torch.set_flush_denormal(True)  # sparse networks meet tiny numbers, with which processors are slow
    model.train()
    for _ in range(200):
        chosen = torch.randint(len(data.train.y), (32,), generator=order)
        optimizer.zero_grad()
        loss_of_a_batch(model(data.train.x[chosen]), data.train.y[chosen]).backward()
        optimizer.step()
    return {name: parameter.detach() for name, parameter in model.named_parameters()}
