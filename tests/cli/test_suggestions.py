"""An unknown name is answered by one that is near, or by none; one thing has one name everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets_deap_cli.help import ELSEWHERE

from nets_deap.config.layers import DENSITY

MEANT = {
    ("evolve", "--dataset", "mnsit"): "did you mean 'mnist'?",
    ("evolve", "--arch", "resnet20"): "did you mean 'resnet-20'?",
    ("evolve", "--arch", "WRN16-4"): "did you mean 'wrn-16-4'?",
    ("evolve", "--arch", "vgg16"): "did you mean 'vgg-16'?",
    ("evolve", "--arch", "LeNet-300-100"): "did you mean 'lenet-300-100'?",
    ("evolve", "--optimizer", "Adamw2"): "did you mean 'adamw'?",
    ("search", "snipp"): "did you mean 'snip'?",
    ("evlove",): "did you mean 'evolve'?",
    ("evolve", "--optimzer", "adam"): "did you mean --optimizer?",
    ("compare", "--densitys", "0.1"): "did you mean --density?",
    ("evolve", "--Gens", "3"): "did you mean --gens?",
    ("evolve", "--momentun", "0.9"): "did you mean --optimizer sgd:momentum=0.9?",
    ("evolve", "--density", "10%"): "'10%': write 0.1",
    ("evolve", "--model", "nets.py:make"): "name the module, not its file: nets:make",
    ("evolve", "--model", "nets.make"): "for a network of your own write nets:make",
    (
        "evolve",
        "--model",
        "tests.modules:Attention:width=4",
    ): "(the data set is digits: --dataset names another)",
    ("evolve", "--model", "math:srqt"): "did you mean 'math:sqrt'?",
}


@pytest.mark.parametrize("words", MEANT, ids=" ".join)
def test_what_is_near_is_suggested(words: tuple[str, ...], cli) -> None:
    ran = cli(*words)
    assert ran.code == 2
    assert MEANT[words] in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("evolve", "--dataset", "diabetes"),
        ("evolve", "--arch", "transformer"),
        ("evolve", "--foo", "3"),
        ("zebra",),
    ],
    ids=" ".join,
)
def test_what_is_far_is_not(words: tuple[str, ...], cli) -> None:
    ran = cli(*words)
    assert ran.code == 2
    assert "mean" not in ran.err


@pytest.mark.parametrize("name", ELSEWHERE)
def test_arguments_that_are_looked_for_as_options_are_told(name: str, cli) -> None:
    ran = cli("evolve", f"--{name}", "0.1")
    assert (ran.code, ELSEWHERE[name] in ran.err) == (2, True)


XOR = ("--dataset", "xor", "--arch", "mlp-10")
COMMANDS = {
    "evolve": ("evolve", *XOR, "--pop", 2, "--gens", 1, "--epochs", 1),
    "search": ("search", "random", *XOR),
    "compare": ("compare", "--methods", "random", "--seeds", 1, *XOR, "--epochs", 1),
}
EARLIER = {"evolve": "target-density", "compare": "densities"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_density_has_one_name(command: str, cli) -> None:
    words = (*COMMANDS[command], "--map", "serial", "--quiet") if command != "search" else COMMANDS[command]
    assert cli(*words, "--density", 0.5, "--out", "new").code == 0
    config = Path("new/config.json").read_text(encoding="utf-8")
    if command in EARLIER:
        old = cli(*words, f"--{EARLIER[command]}=0.5", "--out", "old")
        assert (old.code, f"note: --{EARLIER[command]} is now --density" in old.err) == (0, True)
        assert Path("old/config.json").read_text(encoding="utf-8") == config
    for name in DENSITY:
        value = "[0.5]" if command == "compare" else "0.5"
        Path("run.toml").write_text(f"{name} = {value}\n", encoding="utf-8")
        assert cli(*words, "--config", "run.toml", "--out", name).code == 0
        assert Path(name, "config.json").read_text(encoding="utf-8") == config
    Path("twice.toml").write_text("density = 0.5\ntarget-density = 0.4\n", encoding="utf-8")
    twice = cli(*words, "--config", "twice.toml", "--out", "twice")
    assert (twice.code, "says the density twice" in twice.err) == (2, True)
    both = cli(*words, "--density", 0.5, f"--{DENSITY[1].replace('_', '-')}", 0.4, "--out", "both")
    assert (both.code, "given twice" in both.err) == (2, True)
