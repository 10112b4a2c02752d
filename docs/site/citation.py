"""The directive `citation`: CITATION.cff as BibTeX."""

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CFF = Path(__file__).parents[2] / "CITATION.cff"
KINDS = {"software": "software", "conference-paper": "inproceedings", "unpublished": "unpublished"}


def person(author: dict[str, str]) -> str:
    return (
        f"{author['family-names']}, {author['given-names']}"
        if "family-names" in author
        else f"{{{author['name']}}}"
    )


def bibtex(entry: dict[str, Any], key: str) -> str:
    fields = {
        "title": f"{{{entry['title']}}}",
        "author": " and ".join(map(person, entry["authors"])),
        "booktitle": entry.get("conference", {}).get("name"),
        "year": entry.get("year"),
        "version": entry.get("version"),
        "note": entry.get("notes"),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{KINDS[entry['type']]}{{{key},", *lines, "}"])


class Citation(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(CFF))
        cff = yaml.safe_load(CFF.read_text(encoding="utf-8"))
        keys = ["nets-deap", *(f"reference-{number}" for number in range(1, len(cff["references"]) + 1))]
        text = "\n\n".join(map(bibtex, [cff, *cff["references"]], keys))
        return [nodes.literal_block(text, text, language="bibtex")]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("citation", Citation)
    return {"parallel_read_safe": True}
