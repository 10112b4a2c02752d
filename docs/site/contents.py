"""The contents of the site, at the side of every page. On a forge README's table of pages serves for them."""

from typing import Any

CONTENTS = {
    "Tutorial": ["docs/tutorial", "docs/notebooks/own_network", "docs/notebooks/own_operator"],
    "How to": [
        "docs/cli",
        "docs/own",
        "docs/presets",
        "docs/methods",
        "docs/training",
        "docs/operators",
        "docs/deap",
        "docs/node-space-and-es",
        "docs/files",
        "docs/cluster",
    ],
    "Explanation": ["docs/explanation", "docs/performance", "docs/decisions"],
    "Reference": ["docs/commands", "docs/api", "docs/promises", "SECURITY", "CHANGELOG"],
    "Results": ["docs/results", "results/README"],
    "More": ["docs/cite", "CONTRIBUTING"],
}


def add_contents(app: Any, page: str, source: list[str]) -> None:
    """Append the contents to the front page, hidden there."""
    if page == app.config.root_doc:
        for heading, pages in CONTENTS.items():
            source[0] += "\n".join(
                ["\n```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```\n"]
            )


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", add_contents)
    return {"parallel_read_safe": True}
