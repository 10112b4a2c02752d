"""Where the values of a config come from: option, config file, preset, data set's defaults."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nets_deap import selection, variation
from nets_deap.config import Config, ProblemConfig
from nets_deap.errors import NetsError, unknown
from nets_deap.evolve_config import EvolveConfig
from nets_deap.presets import COMMAND_PRESETS, dataset_defaults

# Setting one of these settles how long training lasts, so a weaker source's word on the other is dropped.
DURATION_FIELDS = frozenset({"epochs", "iterations"})


def configure(
    kind: type[Config] = EvolveConfig,  # type: ignore[assignment]  # mypy: no default for a type variable
    preset: str | None = None,
    config: str | Path | None = None,
    **options: Any,
) -> Config:
    """A validated config; what is given weighs more than the file, the preset, and the data set's defaults.

    preset: a name in COMMAND_PRESETS
    config: a TOML file, or a run's config.json
    Raises NetsError, in one line, for whatever is wrong with any of them.
    """
    given = explicit(kind, preset, config, **options)
    settled = validate(kind, layered(defaults(kind, given), given))
    if isinstance(settled, EvolveConfig):
        check_effect([name for name, value in options.items() if value is not None], settled)
    return settled


def explicit(
    kind: type[ProblemConfig], preset: str | None = None, config: str | Path | None = None, **options: Any
) -> dict[str, Any]:
    """What preset, config file and options say together, the later ones first."""
    from_file = read_config_file(Path(config)) if config is not None else {}
    from_options = {key: value for key, value in options.items() if value is not None}
    check_keys(kind, from_file, f"{config}")
    check_keys(kind, from_options, "options")
    if from_options.keys() >= DURATION_FIELDS:
        raise NetsError("--epochs and --iterations are two ways to say how long a training is: give one")
    dataset = from_options.get("dataset", from_file.get("dataset", "digits"))
    from_preset: dict[str, Any] = {}
    if preset is not None:
        presets = COMMAND_PRESETS[kind.command]
        if preset not in presets:
            raise unknown("preset", preset, presets)
        from_preset = {k: v for k, v in presets[preset](dataset).items() if k in kind.model_fields}
    return layered(from_preset, from_file, from_options)


# Options that have a say once selection has
SELECTING = ("select", "elites", "islands", "migrate_every", "reevaluate", "restart_after", "patience")


def check_effect(options: Collection[str], config: EvolveConfig) -> None:
    """Raise NetsError for options of an evolution, by name, that have no effect in it."""
    used = {step.name for step in config.pipeline.steps}
    for name in variation.PAPERS.split(","):
        if name in options and name not in used:
            raise NetsError(
                f"--{name} has no effect: --mutate {config.mutate} has no {name}: add it, "
                "or take --preset paper"
            )
    if config.pop == 1:
        alone = config.resolved_algorithm == selection.SIMPLE  # the others select among parent and offspring
        for name in ("mate", "crossover", *(("select", "race") if alone else ())):
            if name in options and getattr(config, name) not in ("none", 0, None):
                raise NetsError(f"--{name} has no effect on a single lineage: take --pop 2 or more")
    if "crossover" in options and config.mate != "uniform":
        raise NetsError(f"--crossover has no effect with --mate {config.mate}: take --mate uniform as well")
    if config.objectives == 2 and config.reevaluate and "reevaluate" in options:
        raise NetsError(f"--reevaluate goes with one objective, and --select {config.select} has two")
    if config.resolved_select_from > max(config.gens, 1):
        for name in SELECTING:
            if name in options:
                raise NetsError(
                    f"--{name.replace('_', '-')} has no effect: selection begins in generation "
                    f"{config.resolved_select_from} of {config.gens}: let the density be down earlier, by "
                    "--density-gens, or say --select-from"
                )


def defaults(kind: type[ProblemConfig], given: dict[str, Any]) -> dict[str, Any]:
    """The defaults of the data set that `given` names."""
    return dataset_defaults(kind.command, given.get("dataset", "digits"))


def layered(*layers: dict[str, Any]) -> dict[str, Any]:
    """Later layers over earlier ones; epochs and iterations replace each other."""
    merged: dict[str, Any] = {}
    for layer in layers:
        if DURATION_FIELDS & {key for key, value in layer.items() if value is not None}:
            merged = {key: value for key, value in merged.items() if key not in DURATION_FIELDS}
        merged.update(layer)
    return merged


def validate(kind: type[Config], values: dict[str, Any]) -> Config:
    """Values as a config; a pydantic error becomes one line."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise NetsError(f"--{name.replace('_', '-')} {first['input']}: {message}") from error


def read_config_file(path: Path) -> dict[str, Any]:
    """The fields of a TOML file or a config.json; dashes and underscores in keys are the same."""
    try:
        text = path.read_text()
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise NetsError(f"cannot read config {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise NetsError(f"config {path} is not valid {kind}: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise NetsError(f"config {path} holds no table of options")
    fields = {key.replace("-", "_"): value for key, value in values.items()}
    if len(fields) < len(values):
        raise NetsError(f"config {path} says something twice, with dashes and with underscores")
    return fields


def check_keys(kind: type[ProblemConfig], values: dict[str, Any], where: str) -> None:
    """Raise NetsError for the first key that is no field of the config."""
    for key in values:
        if key not in kind.model_fields:
            raise unknown(f"key in {where}", key, kind.model_fields)
