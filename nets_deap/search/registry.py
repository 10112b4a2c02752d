"""The search methods by name, with their options. Only this module turns text into a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from nets_deap.config.base import without_retired
from nets_deap.problem.problem import Problem
from nets_deap.search import names
from nets_deap.search.at_initialisation import Dense, PaperRandom, Pruned
from nets_deap.search.concrete_tickets import ConcreteTickets
from nets_deap.search.controls import CONTROLS
from nets_deap.search.edge_popup import EdgePopup
from nets_deap.search.es import ES
from nets_deap.search.gem_miner import GemMiner
from nets_deap.search.gmp import GMP
from nets_deap.search.granet import GraNet
from nets_deap.search.imp import IMP
from nets_deap.search.learning_rate_rewinding import LearningRateRewinding
from nets_deap.search.method import Method
from nets_deap.search.neuroevolution import Nets
from nets_deap.search.prospect import Prospect
from nets_deap.search.snfs import SNFS
from nets_deap.search.sparse_training import Dynamic
from nets_deap.search.spec import MethodSpec
from nets_deap.search.weedout import Weedout
from nets_deap.util import calls
from nets_deap.util.errors import NetsError, unknown


@dataclass(frozen=True)
class Entry:
    """An entry of METHODS: the class of the method, its settled options, and its description."""

    kind: type[Method]
    settled: dict[str, Any]
    says: str


FOR_A_GPU = {"es-paper"}  # by its size
STABLE = {"scope": "global", "rewind_share": 0.03}  # Frankle et al. 2020, section 3, for ResNet-20
PAPERS_ES = {"pop": 128, "gens": 4000, "batch": 1024}  # Lange & Sprekeler 2023, on MNIST
# Liu et al. 2021: half of the weights move at first, to the end
ITOP = {"fraction": 0.5, "until": 1.0, "fewest": 20}
_KINDS: dict[str, tuple[type[Method], dict[str, Any]]] = {
    "dense": (Dense, {}),
    "random": (Pruned, {"name": "random"}),
    "random-erk": (Pruned, {"name": "random-erk"}),
    "random-paper": (PaperRandom, {}),
    "magnitude": (Pruned, {"name": "magnitude"}),
    "snip": (Pruned, {"name": "snip"}),
    "grasp": (Pruned, {"name": "grasp"}),
    "synflow": (Pruned, {"name": "synflow"}),
    "prospr": (Prospect, {"name": "prospr"}),
    "imp": (IMP, {}),
    "imp-short": (IMP, {"epochs": 1}),
    "imp-rewind": (IMP, STABLE),
    "lrr": (LearningRateRewinding, {}),
    "edge-popup": (EdgePopup, {}),
    "gem-miner": (GemMiner, {}),
    "cts": (ConcreteTickets, {}),
    "nets": (Nets, {}),
    "nets-paper": (Nets, {"preset": "paper"}),
    "weedout": (Weedout, {"breed": False}),
    "node-evolution": (Weedout, {"breed": True}),
    "random-nodes": (Weedout, {"breed": False, "pop": 1, "gens": 0}),
    "es": (ES, {}),
    "es-paper": (ES, PAPERS_ES),
    "gmp": (GMP, {}),
    "granet": (GraNet, {}),
    "set": (Dynamic, {"growth": "random"}),
    "set-itop": (Dynamic, {"growth": "random", "every": 1500} | ITOP),
    "rigl": (Dynamic, {"growth": "gradient"}),
    "rigl-itop": (Dynamic, {"growth": "gradient", "every": 4000} | ITOP),
    "snfs": (SNFS, {}),
}
# settled option -> options that say the same in another way, and so replace it
INSTEAD = {"epochs": {"iterations"}, "rewind_share": {"rewind", "rewind_epochs"}}
METHODS: dict[str, Entry] = {name: Entry(*_KINDS[name], says) for name, says in names.METHODS.items()}


def _entry(name: str) -> Entry:
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def check_control(name: str, control: str) -> None:
    """Raise NetsError unless a ticket of this method has this control."""
    if control not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    if not _entry(name).kind.gives_ticket:
        raise NetsError(f"{name} gives a trained network, not a ticket: it has no controls")


def typed(name: str, options: Mapping[str, str]) -> dict[str, Any]:
    """Convert options from text to the types that the method declares. Raises NetsError for a bad option.

    Where an option may have one number per layer, slashes separate them.
    """
    known = _entry(name).kind.option_types()
    values = {}
    for key, text in without_retired(options).items():
        if key not in known:
            raise unknown(f"option of {name}", key, known)
        per_layer = Sequence[float] in get_args(known[key])
        listed = tuple(text.split("/")) if per_layer and "/" in text else text
        try:
            values[key] = TypeAdapter[Any](known[key]).validate_python(listed)
        except ValidationError as error:
            raise NetsError(f"method '{name}': {key}={text}: {error.errors()[0]['msg']}") from error
    return values


@cache
def method_of(spec: MethodSpec) -> Method:
    """The method with its options settled. Raises NetsError for options that do not go together."""
    entry, options = _entry(spec.name), dict(spec.options)
    settled = {k: v for k, v in entry.settled.items() if options.keys().isdisjoint(INSTEAD.get(k, ()))}
    return entry.kind.of(settled, options)


def stretched(
    spec: MethodSpec, problem: Problem, densities: Sequence[float], steps: int
) -> tuple[MethodSpec, str]:
    """The method stretched to nearly this many gradient steps; see `Method.stretched`. And why it takes less,
    where it does. One that has a budget of its own stays as it is."""
    given = dict(spec.options).keys()
    if "budget" in given:
        return spec, ""
    told = method_of(spec).stretched(problem, densities, steps, given)
    return spec.with_options(told.options), told.why


def needs(name: str) -> frozenset[str]:
    """Of `method.NEEDS`, what a method with its own options cannot do without."""
    return method_of(MethodSpec(name)).needs()


def gpu(name: str) -> str:
    """What a GPU is to a method: "advised", "can help", or "" if it computes nothing there."""
    if name in FOR_A_GPU:
        return "advised"
    return "can help" if needs(name) & {"gradients", "training"} else ""


def gives_ticket(spec: MethodSpec) -> bool:
    """False for a method that gives a trained network."""
    return bool(spec.control) or method_of(spec).gives_ticket


@cache
def parse(text: str) -> MethodSpec:
    """The method that `text` names. Raises NetsError for anything unknown in it."""
    base, plus, control = text.strip().partition("+")
    name, options = calls.split(base, "method")
    if plus:
        check_control(name, control)
    spec = MethodSpec(name).with_options(typed(name, options), options).controlled(control)
    method_of(spec)  # raises NetsError for impossible options
    return spec


def pieces(text: str) -> list[str]:
    """Several methods, separated by commas; a piece OPTION=VALUE belongs to the method before it."""
    found: list[str] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        if found and "=" in piece and ":" not in piece.partition("=")[0]:
            found[-1] += "," + piece
        else:
            found.append(piece)
    if not found:
        raise NetsError("no `methods` given: for example imp,snip,random")
    return found


def parse_all(text: str) -> tuple[MethodSpec, ...]:
    """The methods that `pieces` finds in a text."""
    return tuple(dict.fromkeys(map(parse, pieces(text))))
