"""`python -m tests.golden`: run the golden cases and compare them with what is recorded, or record them."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile

from nets_deap_cli.commands import cli

from .cases import CASES
from .record import RECORDED, differences, machine, run


def in_process(words: list[str]) -> None:
    """`nets-deap` with these words, in the current folder."""
    with contextlib.redirect_stdout(io.StringIO()):
        cli.main(words, standalone_mode=False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    os.environ.pop("NETS_DATA_DIR", None)
    here, found = RECORDED / "machine.json", 0
    if options.record:
        here.write_text(json.dumps(machine(), indent=1) + "\n")
    exact = json.loads(here.read_text(encoding="utf-8")) == machine()
    print("to the last bit" if exact else "on another machine: to a tolerance")
    for name in options.names or CASES:
        path = RECORDED / f"{name}.json"
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            now = run(name, in_process)
        if options.record:
            path.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        different = list(differences(json.loads(path.read_text(encoding="utf-8")), now, exact))
        found += len(different)
        print(f"{name}: {'differs' if different else 'the same'}", *different, sep="\n    ", flush=True)
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
