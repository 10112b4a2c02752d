"""After an interruption the same command goes on; with --fresh it begins anew, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from nets_deap_cli import again

from nets_deap.search import going_on
from nets_deap.training.standing import Kept
from nets_deap.util import seldom, tables

XOR = ("--dataset", "xor", "--arch", "mlp-10", "--epochs", "2", "--quiet")
TABLE = (
    "table1",
    "--parts",
    "xor-corners-mlp-10",
    "--seeds",
    "1",
    "--epochs",
    "2",
    "--map",
    "serial",
    "--quiet",
)
# A command that writes a folder -> its arguments, besides those of XOR and --out
COMMANDS: dict[str, tuple[str, ...]] = {
    "evolve": ("evolve", "--pop", "2", "--gens", "1", "--map", "serial"),
    "search": ("search", "imp:cycles=2"),
    "imp": ("imp", "--cycles", "2"),
    "random": ("random",),
    "weedout": (
        "weedout",
        "--pop",
        "2",
        "--gens",
        "1",
        "--steps",
        "2",
        "--sparsity",
        "0.5",
        "--map",
        "serial",
    ),
    "es": ("es", "--pop", "4", "--gens", "2", "--rounds", "1", "--batch", "0", *XOR[:4], "--quiet"),
    "train": ("train", "ticket"),
    "verify": ("verify", "ticket", "--seeds", "2", "--map", "serial"),
    "transfer": ("transfer", "ticket", "--to", "sgd", "--lr", "0.1", "--seeds", "1", "--map", "serial"),
    "connectivity": ("connectivity", "ticket", "--points", "3", "--seeds", "1", "--map", "serial"),
    "compare": ("compare", "--methods", "random,snip", "--seeds", "1", "--map", "serial"),
    "table1": TABLE,
}


def told(folder: str) -> dict[str, str]:
    """The tables in a folder and below, without times."""
    found = {}
    for path in sorted(Path(folder).rglob("*.csv")):
        rows = tables.read_csv(path)
        kept = [{k: v for k, v in row.items() if "seconds" not in k and "elapsed" not in k} for row in rows]
        found[str(path.relative_to(folder))] = str(kept)
    return found


SLOW = [pytest.param(name, marks=pytest.mark.slow) if name == "table1" else name for name in COMMANDS]


@pytest.mark.parametrize("name", SLOW)
def test_fresh_begins_anew_and_keeps_what_was_there(name: str, cli: Callable[..., Any]) -> None:
    if "ticket" in COMMANDS[name]:
        assert cli("random", *XOR, "--out", "ticket").code == 0
    short = () if name in ("es", "table1") else XOR
    again = (*COMMANDS[name], *short, "--out", "run", "--fresh")
    first = cli(*again)
    assert (first.code, "earlier run" in first.err, Path("run-before-1").exists()) == (0, False, False)
    result = told("run")
    Path("run/notes.txt").write_text("mine", encoding="utf-8")
    ran = cli(*again)
    inside = name == "table1"  # each of its problems has a folder
    aside = Path("run/xor-corners-mlp-10-before-1" if inside else "run-before-1")
    assert (ran.code, f"the earlier run is now in {aside}" in ran.err) == (0, True), ran.err
    assert aside.is_dir()
    if not inside:
        assert told(str(aside)) == result
        assert (aside / "notes.txt").read_text() == "mine"
        assert told("run") == result
        assert not Path("run/notes.txt").exists()
    assert cli(*again).code == 0
    assert aside.with_name(aside.name[:-1] + "2").is_dir()


def test_fresh_moves_no_folder_that_is_none_of_such_a_run(cli: Callable[..., Any]) -> None:
    Path("thesis").mkdir()
    Path("thesis/thesis.tex").touch()
    assert cli("random", *XOR, "--out", "ticket").code == 0
    before = sorted(Path().rglob("*"))
    for place in ("thesis", "ticket", "."):
        for words in (COMMANDS["train"], COMMANDS["evolve"], COMMANDS["compare"]):
            ran = cli(*words, *XOR, "--out", place, "--fresh")
            assert (ran.code, len(ran.err.splitlines())) == (2, 1), (place, words, ran)
            assert "choose another" in ran.err
    assert sorted(Path().rglob("*")) == before


def test_fresh_renames_no_link_and_not_where_the_user_is(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli(*COMMANDS["random"], *XOR, "--out", "a/run").code == 0
    Path("link").symlink_to("a/run")
    Path("a/run/deeper").mkdir()
    before = sorted(Path().rglob("*"))
    ran = cli(*COMMANDS["random"], *XOR, "--out", "link", "--fresh")
    assert (ran.code, "is a symbolic link" in ran.err) == (2, True)
    for place, out in (("a/run", "."), ("a/run/deeper", "..")):
        with monkeypatch.context() as patch:
            patch.chdir(place)
            ran = cli(*COMMANDS["random"], *XOR, "--out", out, "--fresh")
        assert (ran.code, "is where you are" in ran.err, len(ran.err.splitlines())) == (2, True, 1)
    assert sorted(Path().rglob("*")) == before


def test_fresh_goes_where_the_system_says_and_not_where_the_text_does(cli: Callable[..., Any]) -> None:
    Path("elsewhere/sub").mkdir(parents=True)
    Path("run").mkdir()
    Path("run/thesis.tex").touch()
    Path("link").symlink_to("elsewhere/sub")
    for _ in range(2):
        assert cli(*COMMANDS["random"], *XOR, "--out", "link/../run", "--fresh").code == 0
    assert Path("run/thesis.tex").exists()
    assert sorted(path.name for path in Path("elsewhere").iterdir()) == ["run", "run-before-1", "sub"]


def test_fresh_renames_nothing_for_a_run_that_cannot_begin(cli: Callable[..., Any]) -> None:
    assert cli("random", *XOR, "--out", "ticket").code == 0
    for name in ("evolve", "imp", "train", "verify", "compare"):
        assert cli(*COMMANDS[name], *XOR, "--out", name).code == 0
        ran = cli(
            *COMMANDS[name], *XOR, "--dataset", "mnist", "--data-dir", "nowhere", "--out", name, "--fresh"
        )
        assert (ran.code, Path(f"{name}-before-1").exists()) == (2, False), name


def test_what_is_said_after_an_interruption_leaves_fresh_out() -> None:
    for words, said in ((["train"], "continues"), (["train", "--fresh"], "continues, without --fresh")):
        with click.Context(click.Command("train"), obj=words):
            assert again.same() == f"the same command {said}"


def test_advice_goes_on_with_the_run() -> None:
    context = click.Context(click.Command("verify"), obj=["verify", "t", "--fresh", "--seeds", "3"])
    with context:
        assert again.command(seeds=9) == "nets-deap verify t --seeds 9"


def test_fresh_and_a_cycle_to_go_on_from_exclude_each_other(cli: Callable[..., Any]) -> None:
    ran = cli("imp", *XOR, "--out", "run2", "--fresh", "--from-cycle", 1)
    assert (ran.code, "give one of them" in ran.err, Path("run2").exists()) == (2, True, False)


def stopping(
    monkeypatch: pytest.MonkeyPatch, after: int, place: Any = Kept, name: str = "note"
) -> list[None]:
    """From now on Ctrl-C comes after so many evaluations of a training; never if 0. The list counts them."""
    function, seen = getattr(place, name), []

    def interrupted(*arguments: Any, **options: Any) -> None:
        seen.append(None)
        function(*arguments, **options)
        if len(seen) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(place, name, interrupted)
    return seen


@pytest.mark.parametrize("name", ["weedout", "compare", "verify", "transfer", "connectivity"])
def test_the_same_command_goes_on_in_the_middle(name: str, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seldom, "OFTEN", -1.0)  # all is saved, however short the work is
    monkeypatch.setattr(seldom, "SHARE", 1e9)
    assert cli("random", *XOR, "--out", "ticket").code == 0
    command = (*COMMANDS[name], *XOR, "--epochs", "3", "--out")
    assert cli(*command, "whole").code == 0
    with monkeypatch.context() as patch:
        counted = stopping(patch, 5)  # in the second training
        if name == "weedout":
            counted = stopping(patch, 1, going_on, "save")
        ran = cli(*command, "run")
    assert (ran.code, ran.err.endswith(": the same command continues\n")) == (130, True), ran.err
    with monkeypatch.context() as patch:
        rest = stopping(patch, 0, *((going_on, "save") if name == "weedout" else ()))
        assert cli(*command, "run").code == 0
    with monkeypatch.context() as patch:
        both = stopping(patch, 0, *((going_on, "save") if name == "weedout" else ()))
        assert cli(*command, "whole", "--fresh").code == 0
    assert len(counted) + len(rest) == len(both)  # nothing twice
    assert told("run") == told("whole")
    assert contents("run") == contents("whole")


def contents(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def training(epochs: int, random: int) -> tuple[object, ...]:
    """A command without the name of its folder."""
    controls = ("--random", random, "--map", "serial")
    return ("train", "ticket", "--dataset", "xor", "--epochs", epochs, *controls, "--out")


def trained(folder: str) -> tuple[dict[str, str], Any, bytes]:
    values = json.loads(Path(folder, "summary.json").read_text(encoding="utf-8"))
    weights = Path(folder, "trained.safetensors").read_bytes()
    return told(folder), (values["ticket"], values["random"]), weights


def test_train_goes_on_after_its_last_evaluation(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("random", *XOR, "--out", "ticket").code == 0
    command = training(epochs=9, random=2)
    assert cli(*command, "whole").code == 0
    with monkeypatch.context() as patch:
        stopping(patch, 4)
        ran = cli(*command, "run")
    assert (ran.code, ran.err) == (
        130,
        "interrupted; what is trained is saved: the same command continues\n",
    )
    (listed,) = json.loads(cli("runs", "run", "--json").out)
    assert (listed["command"], listed["state"]) == ("train", "unfinished")
    other = cli(*command, "run", "--seed", 7)
    assert (other.code, "another training, which is unfinished" in other.err) == (2, True), other.err
    ran = cli(*command, "run")
    assert (ran.code, "goes on after iteration" in ran.err) == (0, True)
    assert "epoch" not in ran.err
    assert trained("run") == trained("whole")
    assert {path.name for path in Path("run").iterdir()} == {path.name for path in Path("whole").iterdir()}


def test_controls_that_are_trained_are_not_trained_again(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from nets_deap.experiments import trained as module

    assert cli("random", *XOR, "--out", "ticket").code == 0
    command = training(epochs=3, random=3)
    assert cli(*command, "whole").code == 0
    count, train = [], module.train_ticket

    def limited(*arguments: Any, **options: Any) -> Any:
        if len(count) == 3:  # the ticket and two controls
            raise KeyboardInterrupt
        count.append(None)
        return train(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, "train_ticket", limited)
        assert cli(*command, "run").code == 130
    assert sorted(path.name for path in Path("run/trials").iterdir()) == ["random-1.json", "random-2.json"]
    Path("run/trials/random-2.json").write_text("{}", encoding="utf-8")  # damaged: it is trained again
    Path("run/trials/.DS_Store").touch()
    count.clear()
    with monkeypatch.context() as patch:
        patch.setattr(module, "train_ticket", limited)
        assert cli(*command, "run").code == 0
    assert len(count) == 3  # the ticket, which is only read out, and two controls
    assert trained("run") == trained("whole")


def test_a_damaged_standing_says_what_to_do(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("random", *XOR, "--out", "ticket").code == 0
    command = (*training(epochs=9, random=0), "run")
    with monkeypatch.context() as patch:
        stopping(patch, 4)
        assert cli(*command).code == 130
    path = Path("run/checkpoint.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    ran = cli(*command)
    assert (ran.code, "begin anew by --fresh, or remove the file" in ran.err) == (2, True), ran.err
    assert cli(*command, "--fresh", "--quiet").code == 0
