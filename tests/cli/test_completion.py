"""The shell completes every name of a registry and every path, without torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator

import click
import pytest
from click.shell_completion import ShellComplete
from nets_deap_cli import completion
from nets_deap_cli.commands import COMMANDS, cli

from nets_deap.util.errors import NetsError

FREE = {"sparsity", "race", "fitness", "es", "shard", "densities"}  # what nobody can list
ALL = """
import sys
from nets_deap_cli.commands import COMMANDS, cli
from nets_deap_cli.completion import names
for command in COMMANDS:
    for parameter in cli.get_command(None, command).params:
        names(parameter.name, command)
print(sorted({"torch", "pandas", "matplotlib", "sklearn", "torchvision"} & sys.modules.keys()))
"""


def completed(*words: str) -> list[tuple[str, str]]:
    """(type, value) of what is offered after these words; the last of them has only begun."""
    found = ShellComplete(cli, {}, "nets-deap", "").get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in found]


def texts() -> Iterator[tuple[str, click.Parameter]]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        for parameter in command.params if command else ():
            if isinstance(parameter.type, click.types.StringParamType):
                yield name, parameter


def registry(name: str, command: str) -> Iterable[str]:
    """The names as the library has them."""
    from nets_deap.config.presets import COMMAND_PRESETS
    from nets_deap.evolution import settings
    from nets_deap.experiments import table1
    from nets_deap.figures import style
    from nets_deap.parallel import choice
    from nets_deap.search import config, es, imp, registry
    from nets_deap.strategies import STRATEGIES

    if name == "preset":
        found = COMMAND_PRESETS.get(command, COMMAND_PRESETS["train"])
        return {"quick", "paper"} if command == "es" else found
    if name == "map":
        maps = {"evolve": settings.MAPS, "search": config.MAPS, "weedout": config.MAPS}
        return maps.get(command, choice.MAPS)
    if name == "to":
        return {*STRATEGIES, "sgd", "momentum", "adam"}
    known: dict[str, Iterable[str]] = {
        "method": registry.METHODS,
        "methods": registry.METHODS,
        "reference": registry.METHODS,
        "scope": imp.SCOPES,
        "prune": es.PRUNINGS,
        "formats": style.UNDATED,
        "parts": table1.PROBLEMS,
        "strategy": STRATEGIES,
    }
    return known.get(name, completion.names(name, command))


def offered(command: str, parameter: click.Parameter, begun: str) -> list[tuple[str, str]]:
    if isinstance(parameter, click.Option):
        return completed(command, parameter.opts[0], begun)
    before = 1 if parameter.name == "other" else 0
    return completed(command, *(["x"] * before), begun)


def test_every_text_completes_as_a_path_or_as_each_of_its_names_or_is_free() -> None:
    seen: set[str] = set()
    for command, parameter in texts():
        name = str(parameter.name)
        seen.add(name)
        if name in completion.PATHS:
            kinds = {kind for kind, _ in offered(command, parameter, "some")}
            assert kinds in ({"file"}, {"dir"}), (command, name)
        elif name in FREE:
            assert offered(command, parameter, "") == [], (command, name)
        else:
            wanted = set(registry(name, command))
            assert wanted <= completion.names(name, command).keys(), (command, name)
            for each in wanted:
                assert ("plain", each) in offered(command, parameter, each[:2]), (command, name, each)
    assert seen >= {*completion.REGISTRIES, *completion.NAMES, *completion.PATHS, *FREE}


def test_what_is_offered_is_known() -> None:
    from nets_deap.config.layers import validate
    from nets_deap.evolution.settings import EvolveConfig
    from nets_deap.experiments.config import TransferConfig

    refused = {}
    for name in completion.REGISTRIES.keys() | completion.NAMES.keys():
        kind = TransferConfig if name == "to" else EvolveConfig
        for each in completion.names(name, "evolve") if name in kind.model_fields else ():
            try:
                validate(kind, {name: each})
            except NetsError as error:  # a name may want another one beside it
                refused[name, each] = str(error)
    assert not [message for message in refused.values() if "unknown" in message]
    assert len(refused) < 20


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("compare", "--methods", "imp,sni"), [("plain", "imp,snip")]),
        (("evolve", "--arch=lenet-3"), [("plain", "lenet-300-100")]),
        (("search", "rig"), [("plain", "rigl"), ("plain", "rigl-itop")]),
        (("runs", "--state", "dam"), [("plain", "damaged")]),
        (("train", "runs/"), [("file", "runs/")]),
        (("report", "a", "b"), [("file", "b")]),
        (("connectivity", "a", "b"), [("file", "b")]),
        (("evolve", "--out", ""), [("dir", "")]),
        (("report", "a", "--out", "p"), [("file", "p")]),
        (("evolve", "--select", "uniform"), []),
    ],
)
def test_what_is_offered(words: tuple[str, ...], wanted: list[tuple[str, str]]) -> None:
    assert completed(*words) == wanted


def test_it_takes_no_torch() -> None:
    ran = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")
