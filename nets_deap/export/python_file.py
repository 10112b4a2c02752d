"""A ticket as a Python module that needs torch alone, with its weights in a file beside it."""

from __future__ import annotations

import ast
import keyword
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap import __version__
from nets_deap.data.preparation import AS_GIVEN, Preparation
from nets_deap.export import runtime
from nets_deap.export.sources import OURS, Sources
from nets_deap.models.architecture import Architecture
from nets_deap.problem.ticket import Ticket
from nets_deap.util import files, imports
from nets_deap.util.errors import NetsError
from nets_deap.util.tensors import write_safetensors

MARK = '"""A lottery ticket as a PyTorch module, written by nets-deap'
SUFFIX = ".weights.safetensors"
FACTORY = "factory"  # what a function is called there that is imported, whatever its name
GIVES = ("load", "prepare", "prune", "masks")  # what an exported module offers


def write_python(
    path: Path | str,
    ticket: Ticket,
    preparation: Preparation | None,
    origin: str = "",
    state: str = "before any training",
    dense: bool = False,
) -> tuple[Path, Path]:
    """Write a module of `load`, `prepare`, `prune` and `masks`, and its weights; return both paths.

    preparation: of the raw samples; None if they come prepared
    origin: where the ticket is from; state: what its weights are
    dense: keep dormant weights in the file, too; `load` sets them to zero
    Raises NetsError for a network of the user's own that a file cannot import, and before it replaces a file
    that is not of its kind.
    """
    path, architecture = Path(path), ticket.architecture
    weights, text = path.with_name(path.stem + SUFFIX), checked_code(path, ticket, preparation)
    theta = ticket.weights if dense else np.where(ticket.mask, ticket.weights, np.float32(0))
    named = architecture.named(theta, ticket.extras)
    masks = zip(architecture.parameters, architecture.layout.split(ticket.mask), strict=True)
    tensors = {**named, **{f"{name}.mask": mask for name, (_, mask) in masks}}
    write_safetensors(
        weights, {name: np.ascontiguousarray(each) for name, each in tensors.items()}, {"ticket": origin}
    )
    files.write_text(path, _docstring(ticket, origin, state, weights.name, preparation, _needs(text)) + text)
    return path, weights


def checked_code(path: Path, ticket: Ticket, preparation: Preparation | None) -> str:
    """The code of the module that `path` will hold. Raises NetsError as `write_python` does."""
    weights, name = path.with_name(path.stem + SUFFIX), path.stem
    if path.suffix != ".py" or not name.isidentifier() or keyword.iskeyword(name):
        raise NetsError(
            f"`out` {path}: expected a file that Python can import, such as {name or 'my'}_net.py"
        )
    if path.exists() and not files.read_text(path).startswith(MARK):
        raise NetsError(f"{path} was not written by an export: choose another `out`")
    if weights.exists() and not path.exists():
        raise NetsError(f"{weights} is there, without {path.name}: move it away, or choose another `out`")
    text = code(ticket, preparation, weights.name)
    if name in _needs(text) or name in sys.stdlib_module_names:
        raise NetsError(f"a file called {path.name} would hide the module {name}: choose another `out`")
    return text


def code(ticket: Ticket, preparation: Preparation | None, weights: str) -> str:
    """A module's code, without its docstring. weights: the name of the file beside it"""
    architecture, preparation = ticket.architecture, preparation or AS_GIVEN
    home, name, arguments = _made(architecture)
    ours = home.partition(".")[0] == OURS
    expression = f"{name if ours else FACTORY}({arguments})"
    if architecture.sizes is not None:
        expression = f"resized({expression})"
    given = {
        "WEIGHTS": f"WEIGHTS = {weights!r}",
        "INPUT_SHAPE": f"INPUT_SHAPE = {architecture.input_shape!r}",
        "DTYPE": f"DTYPE = torch.{architecture.input_dtype}",
        "SCALE": f"SCALE = {preparation.scale!r}",
        "MEAN": f"MEAN = {preparation.mean or (0.0,)!r}",
        "STD": f"STD = {preparation.std or (1.0,)!r}",
        "DEEP": f"DEEP = {preparation.image_bits == 16!r}  # whether images have 16 bits",
        "COLUMNS": f"COLUMNS = {tuple(map(tuple, preparation.columns))!r}  # name, mean, std, words",
        "make": "def make() -> nn.Module:\n"
        f'    """The network, with initial weights of its own."""\n    return {expression}',
    }
    sources = Sources(given)
    if ours:
        sources.add(home, name)
    else:
        sources.imports.add((home, f"{name} as {FACTORY}"))
    for each in (*GIVES, *_readers(preparation)):
        sources.add(runtime.__name__, each)
    return f"from __future__ import annotations\n\n{sources}"


def _readers(preparation: Preparation) -> list[str]:
    """What reads raw samples from files."""
    readers = {"read_image": preparation.image_bits > 0, "read_rows": bool(preparation.columns)}
    return [name for name, wanted in readers.items() if wanted]


def _made(architecture: Architecture) -> tuple[str, str, str]:
    """What makes the network: a module, a function in it, and its arguments."""
    template = architecture.known()
    make: Any = template.make
    if not isinstance(make, partial):
        make = partial(make)
    home, name = _home(template.name, make.func)
    if not all(part.isidentifier() for part in (*home.split("."), name, *make.keywords)):
        raise NetsError(f"{template.name} cannot be written as Python: rename its module, or an argument")
    arguments = [repr(each) for each in make.args]
    arguments += [f"{key}={value!r}" for key, value in make.keywords.items()]
    return home, name, ", ".join(arguments)


def _home(reference: str, function: Any) -> tuple[str, str]:
    """The module that a function is imported from, and its name there.

    reference: to the network, module:function for one of the user's own
    """
    name, module = getattr(function, "__name__", ""), str(getattr(function, "__module__", ""))
    if module.partition(".")[0] == OURS and getattr(import_module(module), name, None) is function:
        return module, name
    parts = module.split(".")
    if parts[0] == "torchvision":
        homes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        return next(home for home in homes if getattr(import_module(home), name, None) is function), name
    module, _, name = reference.partition(":")
    name = name.partition(":")[0]
    if module == "__main__" or imports.function(f"{module}:{name}", "model") is not function:
        raise NetsError(
            f"the network {reference} is none that a file can import: give its factory, by `model` as "
            "module:function"
        )
    return module, name


def _needs(text: str) -> list[str]:
    """The modules that code imports, beyond Python's own."""
    named = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            named.add(str(node.module))
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return sorted({name.partition(".")[0] for name in named} - sys.stdlib_module_names)


def _docstring(
    ticket: Ticket,
    origin: str,
    state: str,
    weights: str,
    preparation: Preparation | None,
    needs: list[str],
) -> str:
    config, shape = ticket.config, ", ".join(map(str, ticket.architecture.input_shape))
    size, active = ticket.layout.size, int(ticket.mask.sum())
    raw = "raw samples" if preparation is not None else "samples as the network takes them"
    readers = "".join(f"; {name} reads them" for name in _readers(preparation or AS_GIVEN))
    data = _plain(config.get("dataset") or "data of the user's own")
    return f"""{MARK} {__version__}.

The network is {_plain(ticket.architecture.name)} for {data}.
Its mask keeps {active:,} of {size:,} weights, {ticket.density:.2%}.
The ticket is {_plain(origin) or "from a search"}, seed {_plain(config.get("seed", "unknown"))}.

    model = load()               # in evaluation mode; its weights are those {_plain(state)}
    outputs = model(prepare(x))  # x: {raw}, [n, {shape}]{readers}

Pruned weights stay zero in a training that calls `prune(model)` after each `optimizer.step()`.
`masks()` says which they are. This file needs {_plain(weights)} beside it.
It imports {", ".join(needs)}.
\"\"\"

"""


def _plain(text: object) -> str:
    """Text from a file, as a docstring can hold it: it can neither end it nor escape anything."""
    shown = "".join(c if c.isprintable() and c not in "\\" else "?" for c in str(text))
    return shown.replace('"', "'")[:200]
