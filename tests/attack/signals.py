"""Ctrl-C, SIGTERM and SIGKILL at any moment of any command: `python -m tests.attack.signals --shots 1000`.

After a signal a command ends within DEADLINE seconds with the right exit code and without a traceback, and
the same command (with --resume for `evolve`) then ends well, with nothing left but its results, which are
those of a run that nothing has disturbed.
"""

from __future__ import annotations

import argparse
import csv
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click
from nets_deap_cli.commands import cli
from nets_deap_cli.completion import names

from nets_deap.util.tensors import read_safetensors

DEADLINE = 5.0  # seconds
UNGUARDED = 0.3  # seconds in which Python itself starts, and treats signals as it does in any program
LONGEST = 8.0  # seconds after the start in which a signal comes
SMALL = "--dataset digits --data-limit 300 --arch mlp-10"
BRIEF = ("merge", "plot", "report", "info", "runs", "watch", "export", "doctor")  # they compute no results
AT_ONCE = ("random",)  # they may have ended before the signal comes
WORK = {
    "evolve": f"evolve {SMALL} --epochs 10 --lr 0.01 --pop 4 --gens 20 --resume --out OUT",
    "search": f"search weedout:pop=4,gens=300 {SMALL} --out OUT",
    "imp": f"imp {SMALL} --epochs 300 --out OUT",
    "random": f"random {SMALL} --out OUT",
    "es": f"es {SMALL} --pop 8 --gens 300 --out OUT",
    "weedout": f"weedout {SMALL} --pop 4 --gens 300 --out OUT",
    "compare": f"compare {SMALL} --epochs 200 --methods imp,random,snip --seeds 2 --out OUT",
    "table1": "table1 --parts xor-corners-mlp-10 --data-limit 60 --epochs 20 --seeds 2 --out OUT",
    "train": "train TICKET --epochs 150 --random 2 --out OUT",
    "verify": "verify TICKET --epochs 200 --seeds 2 --out OUT",
    "transfer": "transfer TICKET --to momentum --lr 0.05 --epochs 200 --seeds 2 --out OUT",
    "connectivity": "connectivity TICKET --epochs 60 --seeds 2 --out OUT",
}


def on_maps() -> dict[str, str]:
    """Each command of WORK, on each of its maps."""
    found = {}
    for name, words in WORK.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        maps = names("map", name) if any("--map" in option.opts for option in command.params) else ()
        found |= {f"{name} by {each}": f"{words} --map {each} --workers 2" for each in maps}
        found |= {} if maps else {name: words}
    return found


COMMANDS = on_maps()
CODES = {
    signal.SIGINT: 130,
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
    signal.SIGKILL: -signal.SIGKILL,
}
logger = logging.getLogger(__name__)
OF_TIME = re.compile(r"(^|_)(seconds|s|version)(_|$)")  # columns that differ between two runs


class Shot(NamedTuple):
    """One signal: to which command, which one, after how many seconds."""

    command: str
    number: signal.Signals
    after: float
    at_work: bool = False  # count them from when the command has its folder
    times: int = 1  # in a row, as `timeout` and SLURM do
    to_all: bool = False  # to its workers too, as SLURM does


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    """A command in a session of its own, which heeds signals even where this process ignores them."""

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    return subprocess.Popen(
        [sys.executable, "-m", "nets_deap_cli.main", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed,  # noqa: PLW1509
    )


def of_session(leader: int) -> list[int]:
    """The processes of a session that live."""
    listing = ["ps", "-o", "pid=,stat=", "-s", str(leader)]
    found = subprocess.run(listing, capture_output=True, text=True, check=False)
    rows = [line.split() for line in found.stdout.splitlines()]
    return [int(pid) for pid, state in rows if not state.startswith("Z")]


def wait_for_work(process: subprocess.Popen[str], folder: Path) -> None:
    while process.poll() is None and not any(folder.rglob("log.txt")):
        time.sleep(0.02)


def send(shot: Shot, leader: int) -> None:
    for _ in range(shot.times):
        for pid in of_session(leader) if shot.to_all else [leader]:
            with suppress(ProcessLookupError):
                os.kill(pid, shot.number)


def words_of(command: str, ticket: Path) -> list[str]:
    return COMMANDS[command].replace("TICKET", str(ticket)).replace("OUT", "run").split()


def fire(shot: Shot, ticket: Path, expected: dict[str, str] | None = None) -> list[str]:
    """What went wrong; nothing if the list is empty. expected: the results of `undisturbed`"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = words_of(shot.command, ticket)
        process = start(words, folder)
        found = []
        if shot.at_work:
            wait_for_work(process, folder)
        try:
            _, told = process.communicate(timeout=shot.after)
            found += judge(process.returncode, told, {0})
        except subprocess.TimeoutExpired:
            asked = time.monotonic()
            send(shot, process.pid)
            try:
                _, told = process.communicate(timeout=10 * DEADLINE)
                while of_session(process.pid) and time.monotonic() < asked + 10 * DEADLINE:
                    time.sleep(0.02)
                took = time.monotonic() - asked
                if shot.at_work or shot.after > UNGUARDED:
                    surely = shot.at_work and shot.command not in AT_ONCE
                    codes = {CODES[shot.number]} | (set() if surely else {0})
                    found += judge(process.returncode, told, codes)
                    found += [f"took {took:.1f} s to end"] if took > DEADLINE else []
                    found += [f"told {told!r}"] if "\n" in told.strip() else []
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return ["did not end"]
            logger.info("%s | %.1f s | %d | %s", shot.command, took, process.returncode, told.strip())
        again = start(words, folder)
        _, told = again.communicate(timeout=300)
        found += [f"then: {fault}" for fault in judge(again.returncode, told, {0})]
        left = [str(path) for path in folder.rglob("*nets-deap-tmp*") if path.name != ".lock.nets-deap-tmp"]
        if expected is not None and (now := results(folder)) != expected:
            found += [f"other results: {sorted(k for k in expected if now.get(k) != expected[k])}"]
        return found + ([f"left {left}"] if left else [])


def undisturbed(command: str, ticket: Path) -> dict[str, str]:
    """The results of a command that ends by itself."""
    with tempfile.TemporaryDirectory() as name:
        process = start(words_of(command, ticket), Path(name))
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
        return results(Path(name))


def results(folder: Path) -> dict[str, str]:
    """Tables and tickets below a folder, without what depends on time."""
    found = {}
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found[path.relative_to(folder).as_posix()] = str(
            [[(key, value) for key, value in row.items() if not OF_TIME.search(key)] for row in rows]
        )
    for path in sorted(folder.rglob("ticket*.safetensors")):
        _, content = read_safetensors(path)
        text = {key: value.tolist() for key, value in sorted(content.items())}
        found[path.relative_to(folder).as_posix()] = str(text)
    return found


def judge(code: int, told: str, expected: set[int]) -> list[str]:
    """Compare the exit code, and look for a traceback in what was told on stderr."""
    found = [] if code in expected else [f"exit code {code}: {told.strip()[-200:]}"]
    return found + (["traceback: " + told.strip()[-300:]] if "Traceback" in told else [])


def make_ticket(folder: Path) -> Path:
    words = f"random {SMALL} --density 0.2 --out {folder / 'random'}".split()
    subprocess.run([sys.executable, "-m", "nets_deap_cli.main", *words], check=True, capture_output=True)
    return folder / "random" / "ticket.safetensors"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shots", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--first", type=int, default=0)
    given = arguments.parse_args()
    faults = Counter[str]()
    home = Path(tempfile.mkdtemp())
    ticket = make_ticket(home)
    for number in range(given.first, given.first + given.shots):
        rng = random.Random(f"{given.seed}-{number}")
        moment = LONGEST * rng.random() ** 1.5
        how = {"times": rng.choice((1, 2)), "to_all": rng.random() < 0.5}
        shot = Shot(rng.choice(list(COMMANDS)), rng.choice(list(CODES)), moment, **how)
        for fault in fire(shot, ticket):
            faults[fault[:30]] += 1
            print(
                f"{number}: {shot.command}, {shot.number.name} after {shot.after:.3f} s: {fault}", flush=True
            )
    print(f"{given.shots} signals, {sum(faults.values())} faults")
    shutil.rmtree(home)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
