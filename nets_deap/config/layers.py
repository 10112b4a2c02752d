"""Where the values of a config come from: option, config file, preset, data set's defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nets_deap.config.base import Checked, Config, ProblemConfig, without_retired
from nets_deap.config.named import refuse_code
from nets_deap.config.presets import COMMAND_PRESETS, defaults_for
from nets_deap.models import catalogue
from nets_deap.models.initialisers import MODULE
from nets_deap.util import files, json_text
from nets_deap.util.errors import NetsError, shortened, unknown

MOST_BYTES = 2**20  # of a config file
ALIASES = {"model": "arch"}  # other names of fields
DENSITY = ("density", "target_density", "densities")  # each kind of config has at most one of these
# Either field sets the length of training: giving one drops the other's value from weaker sources.
DURATION_FIELDS = frozenset({"epochs", "iterations"})


def configure(
    kind: type[Config],
    preset: str | None = None,
    config: str | Path | None = None,
    trust: bool | None = False,
    **options: Any,
) -> Config:
    """A validated config. Options override the file, then the preset, then the data set's defaults.

    preset: a name in COMMAND_PRESETS; by default that in the file
    config: a TOML file, or a run's config.json
    trust: may the file name code to run, such as a `fitness`, which is not among the options?
    Raises NetsError, in one line, for whatever is wrong with any of them.
    """
    given = explicit(kind, preset, config, trust, **options)
    settled = validate(kind, layered(defaults(kind, given), given))
    settled.check_effect({name for name, value in options.items() if value is not None})
    return settled


def explicit(
    kind: type[ProblemConfig],
    preset: str | None = None,
    config: str | Path | None = None,
    trust: bool | None = False,
    **options: Any,
) -> dict[str, Any]:
    """The values that preset, config file and options give; later sources override earlier ones.

    trust: as for `configure`
    """
    from_file = _named(kind, read_config_file(Path(config)), config) if config is not None else {}
    in_file = from_file.pop("preset", None)
    preset = in_file if preset is None else preset
    from_options = {key: value for key, value in options.items() if value is not None}
    check_keys(kind, from_file, f"{config}")
    if not trust:
        refuse_code(from_file, from_options, f"config {config}")
    check_keys(kind, from_options, "options")
    if from_options.keys() >= DURATION_FIELDS:
        raise NetsError("`epochs` and `iterations` are two ways to say how long a training is: give one")
    dataset = from_options.get("dataset", from_file.get("dataset", "digits"))
    from_preset: dict[str, Any] = {}
    if preset is not None:
        presets = COMMAND_PRESETS[kind.command]
        if not isinstance(preset, str) or preset not in presets:
            raise unknown("preset", preset, presets)
        from_preset = {k: v for k, v in presets[preset](dataset).items() if k in kind.model_fields}
    return layered(from_preset, from_file, from_options)


def defaults(kind: type[ProblemConfig], given: dict[str, Any]) -> dict[str, Any]:
    """The defaults of the data set that `given` names; its network's, too, if it is not of the first ones."""
    values = defaults_for(kind.command, given.get("dataset", "digits"), given)
    arch = given.get("arch") or values.get("arch") or kind.model_fields["arch"].default
    return values if catalogue.is_of_the_papers(arch) else values | {"init": MODULE}


def layered(*layers: dict[str, Any]) -> dict[str, Any]:
    """Merge layers, later ones over earlier ones; epochs and iterations replace each other."""
    merged: dict[str, Any] = {}
    for layer in layers:
        if DURATION_FIELDS & {key for key, value in layer.items() if value is not None}:
            merged = {key: value for key, value in merged.items() if key not in DURATION_FIELDS}
        merged.update(layer)
    return merged


def validate(kind: type[Checked], values: dict[str, Any]) -> Checked:
    """Check values as a config; a pydantic error becomes a NetsError of one line."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise NetsError(
            f"`{name}` {shortened(str(first['input']), 80)}: {shortened(message, 150)}"
        ) from error


def read_config_file(path: Path) -> dict[str, Any]:
    """The fields in a TOML file or a config.json; in keys, dashes and underscores mean the same.

    A run's config.json never says where to write, so what one says of it is ignored. No file starts a
    download: the data of a run that did are there, and a TOML file that asks for one is refused.
    """
    is_json = path.suffix == ".json"
    text = files.read_text(path, "config", any_kind=True, largest=MOST_BYTES)
    try:
        values = json_text.loads(text) if is_json else json_text.checked_depth(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise NetsError(f"config {path} is not valid {kind}: {error}") from error
    if not isinstance(values, dict):
        raise NetsError(f"config {path} holds no table of options")
    fields = {ALIASES.get(key, key.replace("-", "_")): value for key, value in values.items()}
    if len(fields) < len(values):
        raise NetsError(f"config {path} says something twice, with dashes and with underscores")
    if fields.get("download") and not is_json:
        raise NetsError(f"config {path} asks for a download: leave it out, and give the option `download`")
    dropped = ("out", "download") if is_json else ()
    return {key: value for key, value in without_retired(fields).items() if key not in dropped}


def _named(kind: type[ProblemConfig], values: dict[str, Any], path: object) -> dict[str, Any]:
    """The values with the name that this kind of config has for the density."""
    ours = next((name for name in DENSITY if name in kind.model_fields), None)
    named = {ours if ours and key in DENSITY else key: value for key, value in values.items()}
    if len(named) < len(values):
        given = ", ".join(key for key in values if key in DENSITY)
        raise NetsError(f"config {path} says the density twice: give one of {given}")
    return named


def check_keys(kind: type[ProblemConfig], values: dict[str, Any], where: str) -> None:
    """Raise NetsError for the first key that is no field of the config."""
    for key in values:
        if key not in kind.model_fields:
            raise unknown(f"key in {where}", key, kind.model_fields)
