"""`python -m tests.attack [READER …] --cases N --seed N`: read mutated files, and tell what is found."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from tests.attack.attacking import attack
from tests.attack.readers import READERS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files that show a finding")
    options = parser.parse_args()
    found, keep = 0, options.keep and options.keep.absolute()
    for name in options.readers or READERS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            findings = attack(READERS[name], options.cases, options.seed)
        found += len(findings)
        seconds = time.monotonic() - start
        told = [f"{name}: {options.cases:,} cases, {len(findings)} findings ({seconds:.0f} s)", *findings]
        print(*told, sep="\n    ", flush=True)
        for i, content in enumerate(findings.values() if keep else []):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}-{i}").write_bytes(content)
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
