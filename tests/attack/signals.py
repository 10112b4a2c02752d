"""Ctrl-C, SIGTERM and SIGKILL at any moment of any command: `python -m tests.attack.signals --shots 1000`.

After a signal a command ends within DEADLINE seconds with the right exit code and without a traceback, and
the same command (with --resume for `evolve`) then ends well, with nothing left but its results.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

DEADLINE = 5.0  # seconds
UNGUARDED = 0.3  # seconds in which Python itself starts, and treats signals as it does in any program
LONGEST = 8.0  # seconds after the start in which a signal comes
SMALL = "--dataset digits --data-limit 300 --arch mlp-10 --epochs 2"
COMMANDS = {
    "evolve": f"evolve {SMALL} --pop 4 --gens 12 --map serial --resume --out OUT",
    "evolve by workers": f"evolve {SMALL} --pop 4 --gens 12 --workers 2 --resume --out OUT",
    "imp": f"imp {SMALL} --out OUT",
    "es": f"es {SMALL.replace(' --epochs 2', '')} --pop 8 --gens 60 --out OUT",
    "weedout": f"weedout {SMALL} --pop 4 --gens 4 --workers 2 --out OUT",
    "compare": f"compare {SMALL} --methods imp,random,snip --seeds 2 --workers 2 --out OUT",
    "train": "train TICKET --epochs 4 --random 1 --workers 2 --out OUT",
    "verify": "verify TICKET --epochs 2 --seeds 2 --workers 2 --out OUT",
    "connectivity": "connectivity TICKET --epochs 2 --seeds 2 --workers 2 --out OUT",
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}


class Shot(NamedTuple):
    """One signal: to which command, which one, after how many seconds."""

    command: str
    number: signal.Signals
    after: float


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    """A command in a process group of its own, which heeds Ctrl-C even where this process ignores it."""
    return subprocess.Popen(
        [sys.executable, "-m", "nets_deap_cli.main", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def fire(shot: Shot, ticket: Path) -> list[str]:
    """What went wrong; nothing if the list is empty."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = COMMANDS[shot.command].replace("TICKET", str(ticket)).replace("OUT", "run").split()
        process = start(words, folder)
        found = []
        try:
            _, told = process.communicate(timeout=shot.after)
            found += judge(process.returncode, told, {0})
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, shot.number)
            asked = time.monotonic()
            try:
                _, told = process.communicate(timeout=10 * DEADLINE)
                took = time.monotonic() - asked
                if shot.after > UNGUARDED:
                    found += judge(process.returncode, told, {0, CODES[shot.number]})
                    found += [f"took {took:.1f} s to end"] if took > DEADLINE else []
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return ["did not end"]
        again = start(words, folder)
        _, told = again.communicate(timeout=120)
        found += [f"then: {fault}" for fault in judge(again.returncode, told, {0})]
        left = [str(path) for path in folder.rglob("*nets-deap-tmp*") if path.name != ".lock.nets-deap-tmp"]
        return found + ([f"left {left}"] if left else [])


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
        shot = Shot(rng.choice(list(COMMANDS)), rng.choice(list(CODES)), LONGEST * rng.random() ** 1.5)
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
