"""What comes from somebody else: code is not run, writing is not redirected, text stays text."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nets_deap.config.layers import configure
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.experiments.config import CompareConfig
from nets_deap.problem.ticket import load_ticket
from nets_deap.util.errors import NetsError

TINY = ("evolve", "--dataset", "xor-corners", "--pop", 4, "--gens", 1, "--epochs", 2, "--map", "serial")
COMPARE = (
    "compare",
    "--dataset",
    "xor-corners",
    "--arch",
    "mlp-10",
    "--epochs",
    3,
    "--seeds",
    1,
    "--map",
    "serial",
)


@pytest.fixture(autouse=True)
def evil() -> Path:
    """A module that leaves a trace when it is imported."""
    sys.modules.pop("evil", None)
    Path("evil.py").write_text(
        "open('pwned', 'w').close()\ndef f(evaluation, genome):\n    return evaluation.val_loss\n",
        encoding="utf-8",
    )
    return Path("pwned")


def stored(path: str, **changes: Any) -> None:
    values = json.loads(Path(path).read_text(encoding="utf-8")) if Path(path).exists() else {}
    Path(path).write_text(json.dumps(values | changes), encoding="utf-8")


def test_code_in_a_stored_config_is_not_imported(cli: Callable[..., Any], evil: Path) -> None:
    assert cli(*TINY, "--out", "run").code == 0
    stored("run/config.json", fitness="evil:f")
    calls = {
        "resumed": ("evolve", "--out", "run", "--resume", "--gens", 3),
        "a config": (*TINY, "--config", "run/config.json", "--out", "new"),
        "finished": ("evolve", "--out", "run"),
    }
    for words in calls.values():
        told = cli(*words)
        assert (told.code, told.err.count("\n"), "--trust" in told.err) == (2, 1, True), words
        assert not evil.exists()
    assert cli("info", "run").code == 0
    assert cli("plot", "run").code == 0
    assert cli("train", "run", "--epochs", 2).code == 0
    assert not evil.exists()
    assert cli(*calls["a config"], "--trust").code == 0
    assert evil.exists()


def test_merge_imports_nothing_that_a_config_names(cli: Callable[..., Any]) -> None:
    Path("shared_data.py").write_text(
        "import numpy as np\nopen('pwned', 'w').close()\n"
        "def data():\n    x = np.random.default_rng(1).random((80, 4), np.float32)\n"
        "    return x, x.sum(axis=1)\n",
        encoding="utf-8",
    )
    own = (
        "--dataset",
        "shared_data:data",
        "--arch",
        "mlp:4-8-1",
        "--methods",
        "random,snip",
        "--density",
        0.5,
    )
    for shard in (1, 2):
        words = (*COMPARE[:1], *own, *COMPARE[5:], "--shard", f"{shard}/2", "--out", f"part-{shard}")
        assert cli(*words).code == 0
    Path("pwned").unlink()
    sys.modules.pop("shared_data")
    told = cli("merge", "part-1", "part-2", "--out", "whole")
    assert (told.code, "test r2" in told.out) == (0, True), told.err
    assert "Test r2 at early stop" in Path("whole/table.md").read_text(encoding="utf-8")
    assert not Path("pwned").exists()


def test_code_named_on_the_command_line_runs(cli: Callable[..., Any], evil: Path) -> None:
    assert cli(*TINY, "--fitness", "evil:f", "--out", "run").code == 0
    evil.unlink()
    told = cli("evolve", "--out", "run", "--resume", "--gens", 3)
    assert (told.code, "--trust" in told.err) == (2, True)
    assert cli("evolve", "--out", "run", "--resume", "--gens", 3, "--fitness", "evil:f").code == 0


@pytest.mark.parametrize(
    "spaces", ["nets:fitness=evil:f", "nets: fitness = evil:f", "random,nets:pop=2,fitness=evil:f"]
)
@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_code_in_methods_of_a_config_is_not_imported(
    spaces: str, suffix: str, cli: Callable[..., Any], evil: Path
) -> None:
    for key in ("methods", "reference"):
        value = spaces if key == "methods" else spaces.rpartition("random,")[2]
        Path(f"c.{suffix}").write_text(
            json.dumps({key: value}) if suffix == "json" else f'{key} = "{value}"\n', encoding="utf-8"
        )
        told = cli(*COMPARE, "--config", f"c.{suffix}", "--out", "c")
        assert (told.code, told.err.count("\n"), "--trust" in told.err) == (2, 1, True)
    Path("list.json").write_text(json.dumps({"methods": spaces.split(",", 1)}), encoding="utf-8")
    assert "--trust" in cli(*COMPARE, "--config", "list.json", "--out", "c").err
    assert not evil.exists()


def test_methods_of_a_stored_comparison_run_nothing(cli: Callable[..., Any], evil: Path) -> None:
    assert cli(*COMPARE, "--methods", "random", "--out", "c").code == 0
    stored("c/config.json", methods="random,nets:fitness=evil:f", reference="nets:fitness=evil:f")
    cli(*COMPARE, "--methods", "random,dense", "--out", "c")
    cli("plot", "c")
    cli("info", "c")
    assert not evil.exists()


def test_code_in_a_config_of_a_search_is_not_imported(cli: Callable[..., Any], evil: Path) -> None:
    Path("c.json").write_text(json.dumps({"method": "nets:fitness=evil:f"}), encoding="utf-8")
    for words in (("search", "random"), ("imp", "--cycles", 1), ("random",)):
        cli(
            *words,
            "--dataset",
            "xor-corners",
            "--arch",
            "mlp-10",
            "--epochs",
            2,
            "--config",
            "c.json",
            "--out",
            words[0],
        )
    assert not evil.exists()


def test_the_library_imports_no_code_of_a_config_either(evil: Path) -> None:
    stored("c.json", fitness="evil:f")
    with pytest.raises(NetsError, match="`trust`"):
        configure(EvolveConfig, config="c.json")
    assert configure(EvolveConfig, config="c.json", trust=True).fitness == "evil:f"
    assert configure(EvolveConfig, config="c.json", fitness="mine:f").fitness == "mine:f"
    stored("d.json", methods="nets:fitness=evil:f")
    with pytest.raises(NetsError, match="`trust`"):
        configure(CompareConfig, config="d.json")
    assert not evil.exists()


def test_a_config_or_a_ticket_does_not_say_where_to_write(cli: Callable[..., Any]) -> None:
    assert cli(*TINY, "--out", "run").code == 0
    elsewhere = str(Path("elsewhere").absolute())
    stored("run/config.json", out=elsewhere, time_limit=1e-9)
    assert cli("evolve", "--out", "run", "--resume", "--gens", 3).code == 0
    assert cli("evolve", "--config", "run/config.json", "--seed", 5, "--map", "serial").code == 0
    ticket = load_ticket("run/ticket.safetensors")
    replace(ticket, config=ticket.config | {"out": elsewhere, "device": "cuda", "download": True}).save(
        "run/t"
    )
    assert cli("train", "run/t", "--epochs", 2).code == 0
    assert not Path(elsewhere).exists()


def test_no_config_starts_a_download(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download"))
    stored("c.json", dataset="kmnist", data_dir="chosen", download=True, arch="mlp-10")
    Path("c.toml").write_text('dataset = "kmnist"\ndownload = true\n', encoding="utf-8")
    for name in ("c.json", "c.toml"):
        refused = cli("random", "--config", name, "--density", 0.3, "--out", "run")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert not Path("chosen").exists()


def test_the_question_for_trust_shows_the_code(cli: Callable[..., Any]) -> None:
    long = (
        "nets:pop=1,gens=160,algorithm=mu-plus-one,select=best,mutate=flip,fitness=evil:f,seeding=random-erk"
    )
    stored("c.json", methods=f"random,{long}+dense")
    assert "fitness evil:f: if it is yours" in cli(*COMPARE, "--config", "c.json", "--out", "c").err


def test_the_hint_how_to_go_on_works_with_code_of_ones_own(cli: Callable[..., Any]) -> None:
    told = cli(
        *TINY[:-4], "--epochs", 2, "--gens", 3, "--fitness", "evil:f", "--time-limit", 1e-9, "--out", "r"
    )
    hint = told.err.strip().rpartition("to continue: nets-deap ")[2]
    assert cli(*hint.split()).code == 0


ESCAPES = "\x1b[2J\x1b]0;title\x07[red]x[/red][/]"


def test_text_from_files_moves_no_cursor(cli: Callable[..., Any]) -> None:
    assert cli(*TINY, "--out", "run").code == 0
    ticket = load_ticket("run/ticket.safetensors")
    architecture = replace(ticket.architecture, name=ESCAPES)
    changed = replace(ticket, architecture=architecture, info={ESCAPES: ESCAPES}, config={"dataset": ESCAPES})
    changed.save("t")
    shown = [cli("info", "t"), cli("train", "t", "--epochs", 2), cli("export", "t")]
    Path("c.toml").write_text(f"{json.dumps(ESCAPES)} = 1\n", encoding="utf-8")
    stored("c.json", dataset=ESCAPES, arch=ESCAPES)
    shown += [cli(*TINY[:1], "--config", name) for name in ("c.toml", "c.json")]
    Path("c").mkdir()
    Path("c/trials.csv").write_text(f"method,asked,seed\n{ESCAPES},0.2,1\n", encoding="utf-8")
    shown += [cli(*COMPARE, "--out", "c"), cli("plot", "c"), cli("evlove" + ESCAPES)]
    assert shown[0].code == 0
    for ran in shown:
        text = ran.out + ran.err
        assert text
        assert "\x1b" not in text
        assert "\x07" not in text


def test_tables_and_progress_show_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    from nets_deap_cli import table

    table.show(["[/]", "b"], [["[red]x[/]", ":smile: [/x]"]])
    out = capsys.readouterr().out
    assert "[red]x[/]" in out
    assert ":smile: [/x]" in out


def test_a_folder_whose_name_moves_the_cursor_is_shown_escaped(cli) -> None:
    place = "a\x1b[31m b"
    cli(
        "evolve",
        "--dataset",
        "xor",
        "--arch",
        "mlp-10",
        "--epochs",
        1,
        "--pop",
        2,
        "--gens",
        1,
        "--out",
        "run",
    )
    Path("run").rename(place)
    on = ("--map", "serial", "--seeds", 2, "--epochs", 1)
    commands = {
        "info": (place,), "watch": (place,), "runs": (".",), "plot": (place,), "report": (place,),
        "export": (place, "--python"), "train": (place, "--epochs", 1), "verify": (place, *on),
        "transfer": (place, "--to", "adam", "--lr", 0.1, *on), "connectivity": (place, "--points", 3, *on),
        "evolve": ("--out", place), "merge": (place, place, "--out", "m"),
    }  # fmt: skip
    for name, words in commands.items():
        for ran in (cli(name, *words), cli(name, f"{place}/nowhere")):
            assert ran.out + ran.err
            assert "\x1b" not in ran.out + ran.err, name
