"""`nets-deap compare --list-methods`: what each search method needs, gives and does, in 80 columns."""

from __future__ import annotations

import textwrap

import click

WIDTH = 80


def show() -> int:
    """A table of all methods, what its columns mean, and then each with its description and options."""
    from nets_deap.search.controls import CONTROLS
    from nets_deap.search.method import NEEDS
    from nets_deap.search.registry import METHODS, gpu, needs

    rows = [["method", *NEEDS, "GPU", "gives"]]
    for name, entry in METHODS.items():
        marks = ["yes" if need in needs(name) else "-" for need in NEEDS]
        gives = "a ticket" if entry.kind.gives_ticket else "a trained network"
        rows.append([name, *marks, gpu(name) or "-", gives])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    click.echo()
    for need, means in NEEDS.items():
        _say(f"{need}: {means}")
    _say("GPU: none needs one; the search of some can use it, and at the size of some it is advised")
    _say("a ticket: initial weights and a mask, to be trained; it has controls, and can be verified")
    _say("a trained network: weights that were trained before or while they were pruned")
    click.echo()
    for name, entry in METHODS.items():
        click.echo(name)
        _say(entry.says, "    ")
        if name not in ("nets", "nets-paper") and (options := entry.kind.option_types()):
            _say(f"options: {', '.join(options)}", "    ")
    click.echo()
    _say("Options: NAME:OPTION=VALUE,…  nets and nets-paper take those of `nets-deap evolve`.")
    _say(f"Controls of a ticket: NAME+CONTROL, of {', '.join(CONTROLS)}.")
    return 0


def _say(text: str, indent: str = "") -> None:
    hanging = indent or "  "
    lines = textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=hanging, break_on_hyphens=False
    )
    click.echo(lines)
