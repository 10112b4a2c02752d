"""Options that several commands share. None means "not said": the config decides what that stands for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def dashed(text: str) -> str:
    """A text of the library's, which names fields as `data_dir`, as the command line has them: --data-dir."""
    return re.sub(r"`([a-z][a-z0-9_]*)`", lambda found: f"--{found[1].replace('_', '-')}", text)


def combined(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order they are listed."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def option(*names: str, **arguments: Any) -> Callable[[Any], Any]:
    return click.option(*names, default=None, **arguments)


ARCHITECTURES = "lenet-300-100, mlp-10, mlp-100, conv-2, conv-4, conv-6, cnn-8-16, or wrn-DEPTH-WIDTH."

dataset_options = combined(
    option(
        "--dataset",
        metavar="NAME",
        help="digits (offline), xor, xor-corners, mnist, fashion-mnist, kmnist, cifar10, or folder:PATH.",
    ),
    option(
        "--data-dir",
        metavar="DIR",
        envvar="NETS_DATA_DIR",
        help="Where data sets lie. [data, or NETS_DATA_DIR]",
    ),
    option("--download", is_flag=True, help="Fetch a missing data set."),
    option("--data-limit", type=int, metavar="N", help="Use N stratified training samples only."),
)

seed_option = option("--seed", type=int, metavar="N", help="Decides all that is random. [1]")

training_options = combined(
    option("--epochs", type=int, metavar="N", help="Length of a training, in epochs,"),
    option("--iterations", type=int, metavar="N", help="or in optimiser steps."),
    option("--optimizer", metavar="NAME", help="sgd, momentum or adam."),
    option("--lr", type=float, metavar="RATE", help="Learning rate."),
    option("--batch-size", type=int, metavar="N", help="Samples a step; 0 is all of them."),
    option("--augment", is_flag=True, help="Shift and mirror images, in training only."),
    seed_option,
)

run_options = combined(
    option(
        "--map",
        "map",
        metavar="NAME",
        help="serial, multiprocess or batched: the whole population as one stack, for a GPU. [multiprocess]",
    ),
    option("--workers", type=int, metavar="N", help="Worker processes. [all cores]"),
    option("--device", metavar="NAME", help="cpu, cuda or auto. [cpu]"),
    option("--out", metavar="DIR", help="The folder to write to."),
    option("--preset", metavar="NAME", help="paper, lth or quick, for evolve best; what else is said wins."),
    option("--config", metavar="FILE", help="A TOML file of options, or a run's config.json."),
)

budget_options = combined(
    option("--budget-steps", type=int, metavar="N", help="The most gradient steps a search may take,"),
    option("--budget-samples", type=int, metavar="N", help="samples it may train on,"),
    option("--budget-passes", type=int, metavar="N", help="samples it may send forward,"),
    option("--budget-seconds", type=float, metavar="S", help="or seconds."),
)

output_options = combined(
    click.option("--quiet", is_flag=True, help="No progress and no summary."),
    click.option("--json", "as_json", is_flag=True, help="The result as one JSON object, and nothing else."),
)
