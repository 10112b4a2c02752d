"""Random combinations of options, each a process of its own with little time and memory.

The processes are forked from one that has imported what a command does, so that a case takes no second.

    python -m tests.attack.options --cases 2000 [--seed 0] [--first 0]

Options and commands are those of the command line itself, so that new ones are attacked too. A case is good
if it ends in time with 0, with 1 (some trials failed) or with 2 and one line on stderr, and without a
traceback, without NaN in its JSON, and without anything left behind by 2.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import resource
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from tests.attack.values import BIG, NAMES, REAL, SHORT, TEXTS, TICKETS, WHOLE

SECONDS, MEMORY = 20, 6 * 2**30  # of each process of a case: of computing, and of addresses
PATIENCE = 120  # seconds until a case that computes nothing counts as hanging
IMPORTED = ["matplotlib.figure", "nets_deap.experiments.verdict", "nets_deap.search.registry"]
IMPORTED += ["nets_deap_cli.commands", "sklearn.datasets", "torch"]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(IMPORTED)
LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO ")  # a line of --verbose
CONTINUE = "; to continue: "  # a search that ran into a limit
LONGEST = 310  # characters of a message, with its "Error: "


@dataclass(frozen=True)
class Case:
    """The words of a command line."""

    words: tuple[str, ...]

    @property
    def long(self) -> bool:
        """Does it ask for so much that it may take long?"""
        return any(word in BIG or word in ("paper", "lth", "best", "mnist", "table1") for word in self.words)

    def __str__(self) -> str:
        return " ".join(shlex.quote(word if len(word) < 60 else f"{word[:20]}…") for word in self.words)


@dataclass(frozen=True)
class Ended:
    """How a case ended; `wrong` says what is not as it should be, or is empty."""

    case: Case
    code: int | None
    wrong: str
    seconds: float


def cases(seed: int, count: int, first: int = 0) -> Iterator[Case]:
    """`count` cases from number `first` on; each depends on the seed and its number alone."""
    from nets_deap_cli.commands import COMMANDS, cli

    context = click.Context(cli)
    for number in range(first, first + count):
        rng = random.Random(f"{seed}-{number}")
        name = rng.choice(list(COMMANDS))
        command = cli.get_command(context, name)
        assert command is not None
        yield _case(name, command, rng)


def _case(name: str, command: click.Command, rng: random.Random) -> Case:
    words = [name]
    options = [
        p
        for p in command.params
        if isinstance(p, click.Option) and p.name not in ("help_all", "out", "download")
    ]
    for argument in command.params:
        if isinstance(argument, click.Argument) and (argument.required or rng.random() < 0.3):
            odd = rng.random() < 0.1
            known = NAMES.get(str(argument.name), TICKETS[:2] if rng.random() < 0.8 else TICKETS)
            words.append(rng.choice(TEXTS if odd else known))
    drawn = rng.sample(options, min(len(options), rng.choice((0, 1, 1, 2, 2, 3, 5))))
    given = {str(option.name) for option in drawn}
    for option in options:
        if (
            option.name in SHORT
            and option.name not in given
            and not (option.name == "epochs" and "iterations" in given)
        ):
            words += [option.opts[0], SHORT[option.name]]
    for option in drawn:
        if option.is_flag:
            words.append(rng.choice([*option.opts, *option.secondary_opts]))
        else:
            words += [option.opts[0], _value(option, rng)]
    if any(option.name == "out" for option in command.params):
        words += ["--out", "out"]
    return Case(tuple(words))


def _value(option: click.Option, rng: random.Random) -> str:
    names = NAMES.get(str(option.name))
    if names and rng.random() < 0.85:
        return rng.choice(names)
    if isinstance(option.type, click.types.IntParamType):
        return rng.choice(WHOLE)
    if isinstance(option.type, click.types.FloatParamType):
        return rng.choice(REAL)
    return rng.choice(TEXTS)


def prepare(folder: Path) -> None:
    """A ticket and a training of it, for the commands that take one."""
    for words in (
        "random --arch mlp-10 --density 0.5 --data-limit 200 --out ticket --quiet",
        "train ticket --epochs 1 --out trained --quiet",
    ):
        with tempfile.TemporaryDirectory() as told:
            process = FORKS.Process(target=_command, args=(tuple(words.split()), str(folder), told))
            process.start()
            process.join()
            assert process.exitcode == 0, Path(told, "err").read_text("utf-8")


def run(case: Case, prepared: Path) -> Ended:
    """Run a case in a folder of its own, beside copies of the prepared ticket."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("ticket", "trained"):
            Path(place, name).symlink_to(prepared / name)
        before = _files(prepared) + _files(Path(place))
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as told:
            process = FORKS.Process(target=_command, args=(case.words, place, told))
            process.start()
            process.join(SECONDS if case.long else PATIENCE)
            code = None if process.exitcode == -signal.SIGXCPU else process.exitcode
            if process.is_alive():
                os.killpg(process.pid or 0, signal.SIGKILL)
                process.join()
            out, err = (Path(told, name).read_text("utf-8", "replace") for name in ("out", "err"))
        seconds = time.monotonic() - start
        left = _files(prepared) + _files(Path(place)) != before
        wrong = _wrong(code, out, err, left)
        if code is None and case.long:
            wrong = ""
        return Ended(case, code, wrong, seconds)


def _command(words: tuple[str, ...], folder: str, told: str) -> None:
    """In a process of its own: run a command in `folder`; files in the folder `told` take what it says."""
    from nets_deap_cli.main import main

    os.setsid()
    os.chdir(folder)
    os.environ.update(COLUMNS="80")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, name in ((1, "out"), (2, "err")):
        with open(Path(told, name), "wb") as file:
            os.dup2(file.fileno(), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    sys.argv = ["nets-deap", *words]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    main()


def _files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def _wrong(code: int | None, out: str, err: str, left: bool) -> str:
    """What is not as it should be; the first that holds."""
    lines = [line for line in err.splitlines() if not LOGGED.match(line)]
    errors = [line for line in lines if not (line.startswith(("Warning: ", "note: ")) or CONTINUE in line)]
    found = {
        "no end": code is None,
        f"traceback: {lines[-1][:200] if lines else ''}": "Traceback" in err + out,
        f"exit code {code}: {err[-200:]}": code not in (0, 1, 2),
        f"{len(errors)} lines: {err[:200]}": code == 2 and not re.fullmatch(r"Error: .+", "\n".join(errors)),
        f"a message of {max(map(len, lines), default=0)} characters": any(
            len(line) > LONGEST for line in lines
        ),
        "files are left behind": code == 2 and left,
        f"a line on stderr: {err[:200]}": code == 0 and bool(errors),
        f"no JSON: {out[:200]}": code == 0 and out.startswith("{") and not _is_json(out),
    }
    return next((what for what, holds in found.items() if holds), "")


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2)
    given = parser.parse_args()
    from concurrent.futures import ThreadPoolExecutor

    codes: Counter[str] = Counter()
    found = 0
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(given.at_once) as pool:
        prepare(Path(place))
        for ended in pool.map(
            lambda case: run(case, Path(place)), cases(given.seed, given.cases, given.first)
        ):
            codes["out of time" if ended.code is None else f"code {ended.code}"] += 1
            if ended.wrong:
                found += 1
                print(f"{ended.case}\n    {ended.wrong} ({ended.seconds:.1f} s)", flush=True)
    print(
        f"{given.cases} cases: {', '.join(f'{n} × {code}' for code, n in codes.items())}; {found} are wrong"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
