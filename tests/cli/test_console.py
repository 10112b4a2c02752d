"""Consoles that lack characters show something in their place, and no line is lost."""

from __future__ import annotations

import ast
import codecs
import io
from pathlib import Path
from types import SimpleNamespace

import nets_deap_cli
import pytest
from nets_deap_cli import console, options

import nets_deap

INTO_FILES = ("report", "figures")  # packages whose text is in UTF-8 whatever the console


def test_what_a_console_lacks_is_spelt_and_what_nobody_has_spelt_has_a_number() -> None:
    text = "95.1 ± 0.2 → θ₀ … 中 x²"
    assert text.encode("ascii", console.ERRORS) == b"95.1 +/- 0.2 -> theta0 ... \\u4e2d x^2"
    assert text.encode("cp1252", console.ERRORS).decode("cp1252") == "95.1 ± 0.2 -> theta0 … \\u4e2d x²"
    assert text.encode("utf-8", console.ERRORS).decode("utf-8") == text
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    console.prepare(stream)
    stream.write("→")
    stream.flush()
    assert stream.buffer.getvalue() == b"->"  # type: ignore[attr-defined]
    assert codecs.lookup_error(console.ERRORS) is console.spelt


@pytest.mark.parametrize(("system", "wanted"), [("posix", "'a b' c"), ("nt", '"a b" c')])
def test_advice_is_quoted_for_the_systems_shells(
    system: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "os", SimpleNamespace(name=system))
    assert options.joined(["a b", "c"]) == wanted


def signs(path: Path) -> set[str]:
    """The signs in the text of a module that its user may see; a command's docstring is its help."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0], ast.Expr)
        and not (isinstance(node, ast.FunctionDef) and node.decorator_list and path.parent.name == "cli")
    }
    texts = (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in unseen
    )
    return {c for text in texts if isinstance(text, str) for c in text if not c.isascii()}


def test_every_sign_in_a_message_has_a_spelling() -> None:
    lacking = {
        (path.name, sign)
        for package in (nets_deap, nets_deap_cli)
        for path in Path(package.__path__[0]).rglob("*.py")
        if path.parent.name not in INTO_FILES and path.name != "console.py"
        for sign in signs(path) - console.SPELT.keys()
    }
    assert not lacking
    assert "".join(console.SPELT.values()).isascii()
