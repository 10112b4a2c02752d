"""`python -m tests.docs`: count the blocks, commands and cells of README, docs/ and the notebooks."""

from __future__ import annotations

from collections import Counter

from tests.docs import setting
from tests.docs.blocks import NOTEBOOKS, PAGES, blocks_of, cells_of


def main() -> None:
    total: Counter[str] = Counter()
    for page in PAGES:
        counted: Counter[str] = Counter()
        for block in blocks_of(page):
            counted[block.kind] += 1
            counted["commands"] += len(block.commands)
            if block.kind == "not run":
                print(f"{block.place} is not run: {block.says}")
            for line in block.commands:
                for why in setting.reasons(line):
                    print(f"{block.place} runs shortened only, as it {why}: {line.split('#')[0].strip()}")
        total += counted
        if counted:
            print(f"{page}: " + ", ".join(f"{number} {kind}" for kind, number in counted.items() if number))
    total["cells of notebooks"] = sum(len(cells_of(path)) for path in NOTEBOOKS)
    print("all: " + ", ".join(f"{number} {kind}" for kind, number in total.items()))


if __name__ == "__main__":
    main()
