"""What the shell completes: names of what there is, files and folders. Nothing here needs torch."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping

import click
from click.shell_completion import CompletionItem

FILES, FOLDERS = "file", "dir"  # what click calls them; in place of a file, a folder can be given
# The names of values of options and arguments -> what kind of path they are
PATHS = {
    **dict.fromkeys(("ticket", "other", "path", "paths", "config", "onnx", "scheduler"), FILES),
    **dict.fromkeys(("out", "data_dir", "trained", "folder", "folders", "place"), FOLDERS),
}
OUT_IS_A_FILE = ("report", "export")  # commands whose --out may be one
# Likewise -> the registry with the names that they may have; a mapping to texts says of each what it is
REGISTRIES = {
    **dict.fromkeys(("arch", "model"), "models.catalogue:MODELS"),
    **dict.fromkeys(("method", "methods", "reference"), "search.names:METHODS"),
    **dict.fromkeys(("map", "map_"), "parallel.choice:MAPS"),
    "dataset": "data.sources:DATASETS",
    "select": "evolution.selection_operators:SELECTIONS",
    "algorithm": "evolution.selection_operators:ALGORITHMS",
    "against": "individuals.evaluation:AGAINST",
    "mutate": "evolution.mutations:MUTATIONS",
    "mate": "evolution.pipeline:MATES",
    "seeding": "pruning.at_initialisation:SEEDINGS",
    "optimizer": "problem.optimizer:OPTIMIZERS",
    "to": "problem.optimizer:OPTIMIZERS",
    "strategy": "strategies:STRATEGIES",
    "schedule": "problem.schedule:SCHEDULES",
    "loss": "models.losses:LOSSES",
    "metric": "models.metrics:METRICS",
    "init": "models.initialisers:INITIALISERS",
    "prunable": "models.prunable:PREDICATES",
    "state": "runs.folder:STATES",
}
# Names beside those, and those whose registry needs torch
NAMES = {
    "arch": ("resnet-20", "resnet-56", "wrn-16-4", "wrn-28-10", "gru-64", "mlp:784-300-100-10"),
    "optimizer": ("adamw", "rmsprop"),
    "to": ("adamw", "rmsprop", "snes", "pgpe", "sep-cma-es", "openai-es"),
    "scope": ("layerwise", "global", "erk"),
    "allocation": ("uniform", "erk", "global"),
    "prune": ("snr", "magnitude", "random"),
    "formats": ("pdf", "png", "svg"),
    "parts": ("xor-corners-mlp-10", "xor-corners-mlp-100", "xor-mlp-10", "xor-mlp-100", "mnist"),
    "precision": ("float32", "tf32", "bf16"),
    "device": ("cpu", "cuda", "auto"),
}
BATCHED = ("evolve", "search", "weedout")  # commands with the map "batched"
LISTS = ("methods", "mutate", "formats", "parts")  # values that are several names, with commas


def names(name: str, command: str) -> dict[str, str]:
    """The names that a value of this name may have in a command, and what each is, where that is known."""
    if name == "preset":
        return dict.fromkeys(_presets(command), "")
    told = {each: _says(entry) for each, entry in _registry(name)}
    if name == "map" and command in BATCHED:
        told["batched"] = ""
    return told | dict.fromkeys(NAMES.get(name, ()), "")


def _registry(name: str) -> Iterable[tuple[str, object]]:
    if name not in REGISTRIES:
        return []
    module, _, attribute = REGISTRIES[name].partition(":")
    registry = getattr(importlib.import_module(f"nets_deap.{module}"), attribute)
    if not isinstance(registry, Mapping):
        return [(each, "") for each in registry]
    return [(each, entry) for each, entry in registry.items() if not getattr(entry, "refused", "")]


def _says(entry: object) -> str:
    """What an entry of a registry says of itself."""
    said = entry if isinstance(entry, str) else getattr(entry, "says", getattr(entry, "note", ""))
    return said if isinstance(said, str) else ""


def _presets(command: str) -> Iterable[str]:
    from nets_deap.config.presets import COMMAND_PRESETS

    if command == "es":
        return ("quick", "paper")
    if command in ("search", "imp", "random", "weedout"):
        return COMMAND_PRESETS["compare"]
    return COMMAND_PRESETS.get(command, COMMAND_PRESETS["train"])


class Text(click.types.StringParamType):
    """Text that the shell completes, by the name of the option's or argument's value."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        name, command = param.name or "", ctx.command.name or ""
        if name in PATHS:
            kind = FILES if name == "out" and command in OUT_IS_A_FILE else PATHS[name]
            return [CompletionItem(incomplete, type=kind)]
        before, comma, begun = incomplete.rpartition(",") if name in LISTS else ("", "", incomplete)
        return [
            CompletionItem(before + comma + each, help=says or None)
            for each, says in names(name, command).items()
            if each.startswith(begun)
        ]
