"""What a golden run leaves behind, as text that two runs can be compared by; times are left out."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import safe_open

from nets_deap.config.base import RETIRED_FIELDS
from nets_deap.search.registry import parse_all

from .cases import CASES

RECORDED = Path(__file__).with_name("recorded")
# Not compared: times and digests, the checkpoint and trials' own files, whose content the others show
SKIPPED = ("seconds.csv", "checkpoint*.safetensors", "trials/*.json", "digests.json")
READ = {".csv", ".json", ".safetensors", ".md", ".tex", ".crc32"}
# On a processor that rounds differently a search may take another way: only these stay near
NEAR = ("acc", "loss", "density", "fitness")
TOLERANCE = 0.1


def machine() -> dict[str, str]:
    """What the last bit of a result may depend on."""
    import torch

    from nets_deap.networks.kernels import library

    cpu = Path("/proc/cpuinfo")
    names = (
        [line for line in cpu.read_text(encoding="utf-8").splitlines() if "model" in line]
        if cpu.exists()
        else []
    )
    return {
        "processor": " ".join(sorted(set(names))) or platform.processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "kernels": library.best_variant() if library.available() else "none",
        "blas": os.environ.get("OPENBLAS_CORETYPE", ""),
        **{name: version(name) for name in ("torch", "numpy", "scikit-learn", "deap")},
    }


def run(name: str, call: Callable[[list[str]], Any]) -> dict[str, Any]:
    """What a case leaves behind in the current folder; `call` runs one command.

    A word with `*` stands for the path that it matches, which the commands before have written.
    """
    for command in CASES[name]:
        call([str(next(Path().glob(word))) if "*" in word else word for word in command.split()])
    return record(Path())


def record(folder: Path) -> dict[str, Any]:
    """Everything that the runs in a folder have written: relative path -> content."""
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in READ and not any(path.match(pattern) for pattern in SKIPPED)
    )
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def _content(path: Path) -> Any:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        kept = [i for i, name in enumerate(rows[0]) if not _is_time(name)]
        return [",".join(row[i] for i in kept) for row in rows]
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix == ".safetensors":
        return _tensors(path)
    return path.read_text(encoding="utf-8").splitlines()


def _tensors(path: Path) -> dict[str, Any]:
    """A digest of every tensor, and the metadata."""
    with safe_open(str(path), framework="numpy") as file:
        metadata = {
            k: _parsed(v) for k, v in (file.metadata() or {}).items() if k not in ("version", "digest")
        }
        arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
    digests = {name: hashlib.sha256(array.tobytes()).hexdigest()[:16] for name, array in arrays.items()}
    return {"tensors": digests, "metadata": _without_times(metadata)}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_time(name: str) -> bool:
    return name.endswith("_s") or "seconds" in name


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_times(_nested(item))
            for key, item in value.items()
            if not (_is_time(key) or key == "digest")
        }
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _nested(value: Any) -> Any:
    """JSON within a text of metadata."""
    return _parsed(value) if isinstance(value, str) and value[:1] in "[{" else value


def differences(before: Any, now: Any, exact: bool, where: str = "") -> Iterator[str]:
    """Where a run differs from what is recorded of it.

    A key that is new beside recorded ones is no difference: a config may get another field.
    exact: to the last bit; else settings and numbers of rows are equal, floats named in NEAR agree to
        TOLERANCE, and the rest is not compared
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            if key in RETIRED_FIELDS and where.endswith("config.json/"):
                continue  # of a config; it decided no result
            if key not in now:
                if not exact and "/front/" in key:
                    continue  # a front of another length
                yield f"{where}{key}: missing"
            else:
                yield from differences(value, now[key], exact, f"{where}{key}/")
    elif where.endswith(".csv/"):
        yield from _table_differences(before, now, exact, where)
    elif where.endswith("config.json/methods/"):  # the order of a method's options may differ
        yield from _unless(parse_all(before) == parse_all(now), before, now, where)
    elif exact or "config.json/" in where or "/config/" in where:  # settings are the same everywhere
        yield from _unless(before == now, before, now, where)
    elif isinstance(before, float) and isinstance(now, float):
        yield from _far(before, now, where)


def _unless(same: bool, before: Any, now: Any, where: str) -> Iterator[str]:
    if not same:
        yield f"{where} was {before}, is {now}"


def _table_differences(before: list[str], now: list[str], exact: bool, where: str) -> Iterator[str]:
    if exact:
        if before != now:
            pairs = (pair for pair in zip(before, now, strict=False) if pair[0] != pair[1])
            was, is_ = next(pairs, (f"{len(before)} lines", f"{len(now)} lines"))
            yield f"{where} was {was}, is {is_}"
        return
    names = before[0].split(",")
    if names != now[0].split(","):
        yield f"{where} had the columns {before[0]}, has {now[0]}"
        return
    if len(before) != len(now) and not where.endswith("front.csv/"):
        yield f"{where} had {len(before)} lines, has {len(now)}"
    for was, is_ in zip(csv.reader(before[1:]), csv.reader(now[1:]), strict=False):
        for name, old, new in zip(names, was, is_, strict=False):
            try:
                yield from _far(float(old), float(new), f"{where}{name}")
            except ValueError:
                continue


def _far(old: float, new: float, where: str) -> Iterator[str]:
    named = any(word in where.rpartition("/")[2] or word in where.split("/")[-2:][0] for word in NEAR)
    if named and not math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        yield f"{where} was {old}, is {new}, which is more than rounding"
