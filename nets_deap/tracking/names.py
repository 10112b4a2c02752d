"""The trackers by name. Nothing heavy is imported here: configs need it."""

from __future__ import annotations

import importlib.util

from nets_deap.util.errors import NetsError, unknown

# name, which is also that of the extra, of the package that it needs, and of its subfolder of a run
TRACKERS = ("tensorboard", "mlflow", "wandb")


def parsed(text: str | None) -> tuple[str, ...]:
    """The trackers in a text such as "tensorboard,mlflow". Raises NetsError for an unknown one."""
    names = tuple(dict.fromkeys(text.split(","))) if text else ()
    for name in names:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
    return names


def check(text: str | None) -> None:
    """Raise NetsError for an unknown tracker, and for one whose package is not installed."""
    for name in parsed(text):
        spec = importlib.util.find_spec(name)
        if (
            spec is None or spec.origin is None
        ):  # without origin it is a folder of that name, such as wandb's own
            raise NetsError(f"`log` {name} is not installed here: pip install 'nets-deap[{name}]'")
