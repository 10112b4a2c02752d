"""Search methods by name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nets_deap.search.at_initialisation import Dense, PaperRandom, Pruned
from nets_deap.search.controls import CONTROLS
from nets_deap.search.es import ES
from nets_deap.search.imp import IMP
from nets_deap.search.neuroevolution import OPTIONS, Nets
from nets_deap.search.sparse_training import Dynamic
from nets_deap.search.weedout import Weedout
from nets_deap.util.errors import NetsError, unknown


@dataclass(frozen=True)
class Entry:
    """A line of METHODS: what makes the method, its settled options, and what to say of it."""

    kind: type
    settled: dict[str, Any]
    says: str

    @property
    def options(self) -> list[str]:
        """Names of the options that are left open."""
        return [
            f.name
            for f in fields(self.kind)
            if f.name not in ("options", "name", "growth", "preset", "track_test", "breed", "device")
        ]


PAPERS_ES = {"pop": 128, "gens": 4000, "batch": 1024}  # Lange & Sprekeler 2023, on MNIST
METHODS: dict[str, Entry] = {
    "dense": Entry(Dense, {}, "the dense network, whatever the density"),
    "random": Entry(Pruned, {"name": "random"}, "a random mask, every layer of the same density"),
    "random-erk": Entry(Pruned, {"name": "random-erk"}, "a random mask of Erdős–Rényi layer densities"),
    "random-paper": Entry(PaperRandom, {}, "the NeTS paper's random tickets: density from N(d, 0.05²)"),
    "magnitude": Entry(Pruned, {"name": "magnitude"}, "the largest |θ₀|"),
    "snip": Entry(Pruned, {"name": "snip"}, "the largest |θ₀ · gradient|"),
    "grasp": Entry(Pruned, {"name": "grasp"}, "what the gradient's norm needs"),
    "synflow": Entry(Pruned, {"name": "synflow"}, "what carries the flow, in 100 rounds, without data"),
    "imp": Entry(IMP, {}, "iterative magnitude pruning with rewinding"),
    "imp-short": Entry(IMP, {"epochs": 1}, "the same with one epoch per cycle"),
    "nets": Entry(Nets, {}, "evolution, as `nets-deap evolve` does it"),
    "nets-paper": Entry(Nets, {"preset": "paper"}, "evolution as in the NeTS paper"),
    "weedout": Entry(Weedout, {"breed": False}, "random search in node space: whole units or channels"),
    "node-evolution": Entry(Weedout, {"breed": True}, "evolution in node space"),
    "random-nodes": Entry(Weedout, {"breed": False, "pop": 1, "gens": 0}, "one random node mask"),
    "es": Entry(ES, {}, "iterative pruning where an evolution strategy does the training"),
    "es-paper": Entry(ES, PAPERS_ES, "the same at the size of its paper, for a GPU"),
    "set": Entry(Dynamic, {"growth": "random"}, "trained sparse, the mask moves at random: no ticket"),
    "rigl": Entry(Dynamic, {"growth": "gradient"}, "trained sparse, the mask follows gradients: no ticket"),
}


@dataclass(frozen=True)
class Choice:
    """A method as a person names it: NAME[:OPTION=VALUE,…][+CONTROL].

    method: a `search.method.Method`, or a `Dynamic`
    control: a name in CONTROLS, or "" for the method's own ticket
    """

    text: str
    method: Any
    control: str = ""

    @property
    def base(self) -> str:
        """The same without its control."""
        return self.text.rpartition("+")[0] if self.control else self.text

    @property
    def gives_ticket(self) -> bool:
        """False for a method that trains a network whose mask moves."""
        return bool(self.control) or not isinstance(self.method, Dynamic)


@cache
def parse(text: str) -> Choice:
    """The choice that `text` names. Raises NetsError for anything unknown in it."""
    base, plus, control = text.strip().partition("+")
    if plus and control not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    name, _, given = base.partition(":")
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    entry = METHODS[name]
    if plus and entry.kind is Dynamic:
        raise NetsError(f"{name} gives a trained network, not a ticket: it has no controls")
    options: dict[str, Any] = {}
    for part in filter(None, given.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise NetsError(f"method '{text}': '{part}' is not OPTION=VALUE")
        options[key] = value
    method = _nets(entry, options) if entry.kind is Nets else _settled(text, entry, options)
    canonical = name + (":" + ",".join(f"{k}={v}" for k, v in sorted(options.items())) if options else "")
    return Choice(canonical + plus + control, method, control)


def parse_all(text: str) -> list[Choice]:
    """Several, separated by commas; a piece that is OPTION=VALUE belongs to the method before it."""
    pieces: list[str] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        if pieces and "=" in piece and ":" not in piece.partition("=")[0]:
            pieces[-1] += "," + piece
        else:
            pieces.append(piece)
    choices = {choice.text: choice for choice in map(parse, pieces)}
    if not choices:
        raise NetsError("no methods given: for example `methods` imp,snip,random")
    return list(choices.values())


def _settled(text: str, entry: Entry, options: dict[str, Any]) -> Any:
    for key in options:
        if key not in entry.options:
            raise unknown(f"option of {text.partition(':')[0]}", key, entry.options)
    lists = ("allocation", "sparsity")
    values = {k: v.split("/") if k in lists and "/" in v else v for k, v in options.items()}
    settled = {k: v for k, v in entry.settled.items() if not (k == "epochs" and "iterations" in options)}
    try:
        return TypeAdapter[Any](entry.kind).validate_python({**settled, **values})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise NetsError(f"method '{text}': {key}={options.get(key)}: {first['msg']}") from error


def _nets(entry: Entry, options: dict[str, Any]) -> Nets:
    """Options of an evolution: text as its settings want it."""
    values: dict[str, Any] = {}
    for key, value in options.items():
        if key not in OPTIONS:
            raise unknown("option of nets", key, OPTIONS)
        field = OPTIONS[key]
        try:
            values[key] = TypeAdapter[Any](field.annotation or Any).validate_python(value)
        except ValidationError as error:
            raise NetsError(f"method nets: {key}={value}: {error.errors()[0]['msg']}") from error
    return Nets(**entry.settled, options=values)
