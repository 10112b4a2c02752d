"""How to go on: the command that was typed, with other options, or the one that began a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import joined, quoted

if TYPE_CHECKING:
    from nets_deap.runs import Held


SAME = "the command that began it, once more"
SEARCHES = ("evolve", "search")  # commands whose folders get a ticket


def command(**options: object) -> str:
    """The command line that is running, with these options in place of those it has; without --fresh."""
    typed = click.get_current_context().find_root().obj or []
    words: list[str] = [word for word in typed if word != "--fresh"]
    end = words.index("--") if "--" in words else len(words)
    words, arguments = words[:end], words[end:]
    for name, value in options.items():
        dash = f"--{name.replace('_', '-')}"
        words = [
            word
            for i, word in enumerate(words)
            if word != dash and not word.startswith(f"{dash}=") and (i == 0 or words[i - 1] != dash)
        ]
        words += [dash, str(value)]
    return joined(["nets-deap", *words, *arguments])


def same() -> str:
    """How to go on after an interruption."""
    typed = click.get_current_context().find_root().obj or []
    return "the same command continues" + ", without --fresh" * ("--fresh" in typed)


def of(run: Held) -> str:
    """How to go on with the run of a folder; "" if it is finished, running or damaged. A search whose ticket
    is missing is not finished: it writes the ticket again.
    """
    from nets_deap.config.run_folder import TICKET

    lost = run.state == "finished" and run.command in SEARCHES and not (run.folder / TICKET).exists()
    if run.state not in ("unfinished", "empty") and not lost:
        return ""
    return f"nets-deap evolve --out {quoted(run.folder)}" if run.command == "evolve" else SAME
