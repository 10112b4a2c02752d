"""What the folder of each command holds, and the commands that show it: info, runs, watch."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nets_deap_cli.runs import age
from nets_deap_cli.watch import sparkline

from nets_deap.runs import Held, held, runs_in
from nets_deap.runs.readers import split_methods
from nets_deap.util import files, locks
from nets_deap.util.errors import NetsError

XOR = ("--dataset", "xor", "--arch", "mlp-10", "--epochs", 1, "--quiet")
ON = ("--map", "serial", "--seeds", 2)
# folder -> the command line, and what is expected of it
COMMANDS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "evolved": (
        ("evolve", *XOR, "--pop", 2, "--gens", 3, "--map", "serial"),
        {"method": "nets", "done": 3, "total": 3, "unit": "generation", "of": "validation"},
    ),
    "patient": (
        ("evolve", *XOR, "--pop", 2, "--gens", 30, "--map", "serial", "--patience", 1, "--lr", 1e-9),
        {"method": "nets", "total": 30},
    ),
    "pruned": (("search", "imp", *XOR, "--density", 0.5), {"method": "imp", "unit": "cycle", "density": 0.5}),
    "drawn": (("random", *XOR, "--density", 0.5), {"method": "random", "density": 0.5}),
    "weeded": (("weedout", *XOR, "--density", 0.5), {"method": "weedout"}),
    "es": (("es", *XOR[:4], "--quiet", "--pop", 4, "--gens", 2), {"unit": "cycle"}),
    "trained": (("train", "drawn", "--epochs", 2, "--quiet"), {"method": "train", "density": 0.5, "done": 2}),
    "judged": (("verify", "drawn", *XOR[4:], *ON), {"method": "verify", "density": 0.5, "done": 12}),
    "transferred": (
        ("transfer", "drawn", "--to", "adam", "--lr", 0.1, *XOR[4:], *ON),
        {"method": "transfer to adam", "density": 0.5, "done": 2, "total": 2},
    ),
    "connected": (("connectivity", "drawn", "--points", 3, *XOR[4:], *ON), {"done": 2, "total": 2}),
    "compared": (
        ("compare", "--methods", "imp:cycles=2,scope=global,random", "--density", "0.5,0.3", *XOR, *ON),
        {"method": "imp:cycles=2,scope=global, random", "done": 8, "total": 8, "density": None},
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each command."""
    from nets_deap_cli.commands import run

    place, before = tmp_path_factory.mktemp("runs"), Path.cwd()
    os.chdir(place)
    try:
        for name, (words, _) in COMMANDS.items():
            assert run([*map(str, words), "--out", name]) == 0, name
    finally:
        os.chdir(before)
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_leaves_a_folder_that_says_what_it_is(name: str, place: Path) -> None:
    told = held(place / name)
    words, expected = COMMANDS[name]
    assert told.command == {"random": "search", "weedout": "search", "es": "search"}.get(words[0], words[0])
    assert (told.state, told.dataset, told.arch, told.seed) == ("finished", "xor", "mlp-10", 1)
    assert {key: getattr(told, key) for key in expected} == expected
    assert told.changed == pytest.approx(time.time(), abs=600)
    if name not in ("connected", "drawn", "weeded"):
        assert told.score is not None
        assert 0 <= told.score <= 1
    json.dumps(told.values(), allow_nan=False)


def test_every_run_is_found_once(place: Path) -> None:
    assert [run.folder.name for run in runs_in(place)] == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_info_on_each(name: str, place: Path, cli) -> None:
    ran = cli("info", place / name)
    assert (ran.code, ran.err) == (0, "")
    assert f"made by:             nets-deap {held(place / name).command}" in ran.out
    told = json.loads(cli("info", place / name, "--json").out)
    assert told["state"] == "finished"
    assert [key for key in told if not re.fullmatch(r"[a-z0-9_]+", key)] == []
    assert bool(told["layers"]) == (place / name / "ticket.safetensors").exists()
    assert "finished" in cli("watch", place / name).out


def test_nothing_that_shows_runs_imports_torch(place: Path) -> None:
    code = (
        "import sys\n"
        "from nets_deap_cli.commands import run\n"
        "for words in (['runs', '.'], ['info', 'compared'], ['watch', 'evolved'], ['info', 'judged']):\n"
        "    assert run(words) == 0\n"
        "slow = {'torch', 'pandas', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), set(COMMANDS)),
        (("--method", "imp"), {"pruned", "compared"}),
        (
            ("--method", "imp", "--state", "finished", "--dataset", "xo", "--arch", "mlp"),
            {"pruned", "compared"},
        ),
        (("--state", "running"), set()),
        (("--dataset", "mnist"), set()),
    ],
)
def test_filters(options: tuple[str, ...], names: set[str], place: Path, cli) -> None:
    told = json.loads(cli("runs", place, *options, "--json").out)
    assert {Path(run["folder"]).name for run in told} == names
    shown = cli("runs", place, *options)
    assert shown.code == 0
    assert all(name in shown.out for name in names)


def test_states(tmp_path: Path, place: Path, cli) -> None:
    cli("evolve", *XOR, "--pop", 2, "--gens", 2, "--map", "serial", "--out", "a")
    config = Path("a/config.json").read_text(encoding="utf-8")
    files.write_text(Path("a/config.json"), config.replace('"gens": 2', '"gens": 9'))
    told = held("a")
    assert (told.state, told.progress) == ("unfinished", "2 of 9")
    assert "to go on:            nets-deap evolve --out a" in cli("info", "a").out
    with files.claimed_folder(Path("a")):
        assert held("a").state == "running"
        assert locks.is_held(Path("a") / files.LOCK)
    assert held("a").state == "unfinished"
    Path("a/logbook.csv").unlink()
    assert held("a").state == "unfinished"
    for path in Path("a").glob("*.safetensors"):
        path.unlink()
    assert held("a").state == "empty"
    Path("a/logbook.csv").write_text("gen,nevals\n1,x,3\n", encoding="utf-8")
    assert held("a").state == "damaged"
    assert "damaged" in cli("runs", ".").out
    Path("a/config.json").write_text("{", encoding="utf-8")
    assert [run.state for run in runs_in(".")] == ["damaged"]
    ran = cli("info", "a")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)


DAMAGES = {  # folder, file, a text in it, what stands there instead
    "no seed": ("pruned", "config.json", '"seed": 1', '"seed": null'),
    "a text for a seed": ("pruned", "config.json", '"seed": 1', '"seed": "abc"'),
    "an endless seed": ("pruned", "config.json", '"seed": 1', '"seed": 1e400'),
    "half a seed": ("pruned", "config.json", '"seed": 1', '"seed": 1.5'),
    "a list for a method": ("pruned", "config.json", '"method": "imp"', '"method": ["imp"]'),
    "a list of methods": ("compared", "config.json", '"methods": "', '"methods": ["a"], "was": "'),
    "a text for generations": ("evolved", "config.json", '"gens": 3', '"gens": "x"'),
    "generations in a list": ("evolved", "config.json", '"gens": 3', '"gens": [3]'),
    "another cost": ("pruned", "cost.json", "{", "[1] {"),
    "a cost that is a list": ("pruned", "cost.json", None, "[1, 2]"),
    "an endless generation": ("evolved", "logbook.csv", "\n3,", "\ninf,"),
    "a text for a figure": ("evolved", "logbook.csv", None, "gen,fitness_min,val_acc_best\n3,1,abc\n"),
    "no column": ("judged", "verify.csv", "test_acc", "acc"),
    "a verdict that is a list": ("judged", "verdict.json", None, "[]"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_files_are_told_and_stop_no_list(name: str, place: Path, cli) -> None:
    folder, file, old, new = DAMAGES[name]
    shutil.copytree(place / folder, "a")
    shutil.copytree(place / "drawn", "b")
    Path("a/digests.json").unlink(missing_ok=True)
    text = Path("a", file).read_text(encoding="utf-8")
    assert old is None or old in text
    Path("a", file).write_text(new if old is None else text.replace(old, new, 1), encoding="utf-8")
    listed = cli("runs", ".", "--json")
    assert listed.code == 0
    states = {run["folder"]: run["state"] for run in json.loads(listed.out)}
    assert states == {"a": "damaged", "b": "finished"}
    assert "damaged" in cli("runs", ".").out
    for words in (("info", "a"), ("info", "a", "--json"), ("watch", "a")):
        told = cli(*words)
        assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 1), words
        assert told.err.startswith("Error: a"), words


def test_what_diverged_is_told_in_words(place: Path, cli) -> None:
    shutil.copytree(place / "evolved", "a")
    rows = Path("a/logbook.csv").read_text(encoding="utf-8").splitlines()
    at = rows[0].split(",").index("val_acc_best")
    last = rows[-1].split(",")
    Path("a/logbook.csv").write_text(
        "\n".join([*rows[:-1], ",".join([*last[:at], "nan", *last[at + 1 :]])]) + "\n", encoding="utf-8"
    )
    for words in (("runs", "."), ("info", "a"), ("watch", "a")):
        ran = cli(*words)
        assert (ran.code, "diverged" in ran.out, "nan" in ran.out) == (0, True, False), words


def test_a_ticket_of_another_run_in_a_folder_is_noted(place: Path, cli) -> None:
    shutil.copytree(place / "drawn", "a")
    cli("random", "--density", 0.1, "--out", "other", "--quiet")
    shutil.copy("other/ticket.safetensors", "a")
    told = cli("info", "a")
    assert "the ticket here is for lenet-300-100, and the run for mlp-10" in told.err
    assert json.loads(cli("info", "a", "--json").out)["density"] == pytest.approx(0.1, abs=1e-4)


def test_a_run_that_has_just_begun(cli) -> None:
    with files.claimed_folder(Path("a")):
        assert held("a").state == "running"
        assert "running" in cli("info", "a").out


def test_a_smaller_verdict_in_the_same_folder_tells_its_own_seeds(place: Path, cli) -> None:
    words = ("verify", place / "drawn", *XOR[4:], "--map", "serial", "--out", "v")
    cli(*words, "--seeds", 3)
    cli(*words, "--seeds", 2)
    told = held("v")
    assert (told.state, told.done, told.total) == ("finished", 12, 12)


def test_a_lock_of_another_process_counts_and_stays(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom nets_deap.util import files\n"
        f"with files.claimed_folder(Path({str(tmp_path)!r})):\n"
        "    print('held', flush=True)\n    sys.stdin.readline()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    lock = tmp_path / files.LOCK
    assert locks.is_held(lock)
    with pytest.raises(NetsError, match="is at work"), files.claimed_folder(tmp_path):
        pass
    holder.kill()
    holder.wait()
    assert lock.exists()
    assert not locks.is_held(lock)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("info", "."), "is not the folder of a run"),
        (("watch", "nowhere"), "is not the folder of a run"),
        (("runs", "nowhere"), "is no folder"),
        (("runs", ".", "--state", "finishd"), "did you mean 'finished'?"),
        (("info", "stranger"), "is not the config of a run of ours"),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], message: str, cli) -> None:
    Path("stranger").mkdir()
    Path("stranger/config.json").write_text('{"pop": 3}', encoding="utf-8")
    ran = cli(*words)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert message in ran.err
    assert list(runs_in(".")) == []
    assert "no runs" in cli("runs", ".").out


def test_watch_tells_each_change_until_the_run_ends(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Held(
        Path("a"), "evolve", "nets", "xor", "mlp-10", 1, "running", 0.0, unit="generation", total=4, seconds=8
    )
    course = [
        replace(base, done=done, score=done / 10, state=state)
        for done, state in ((1, "running"), (1, "running"), (2, "running"), (4, "finished"))
    ]
    monkeypatch.setattr("nets_deap.runs.held", lambda folder: course.pop(0))
    told = cli("watch", "a", "--every", 0.1).out.splitlines()
    assert told == [
        "running  generation 1 of 4  test accuracy 10.00 %  about 24 s left",
        "running  generation 2 of 4  test accuracy 20.00 %  about 8 s left",
        "finished  generation 4 of 4  test accuracy 40.00 %",
    ]


def test_known_answers() -> None:
    assert [age(seconds) for seconds in (0, 59, 60, 7300, 200_000, 4e8)] == [
        "0 s", "59 s", "1 min", "2 h", "2 d", "12 y",
    ]  # fmt: skip
    assert sparkline((0.0, 0.5, 1.0)) == "▁▅█"
    assert sparkline((1.0, float("nan"), 1.0)) == "▁▁"
    assert sparkline((float("inf"),)) == ""
    assert len(sparkline(tuple(map(float, range(1000))))) == 60
    assert split_methods("imp:cycles=2,scope=global,snip,nets:optimizer=sgd:momentum=0.9,gens=3,random") == [
        "imp:cycles=2,scope=global", "snip", "nets:optimizer=sgd:momentum=0.9,gens=3", "random",
    ]  # fmt: skip
