"""What was flipped, edited or cut is noticed; files of earlier versions have no digest and are read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets_deap.evolution import checkpoint
from nets_deap.individuals.evaluation import MinimisedFitness
from nets_deap.problem.ticket import load_ticket
from nets_deap.util import digests
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.tables import as_csv, read_csv, write_csv
from nets_deap.util.tensors import read_safetensors, write_safetensors
from tests.evolution.test_checkpoint import state
from tests.problem.test_ticket import ticket


def content(path: Path) -> Any:
    metadata, tensors = read_safetensors(path)
    told = {key: value for key, value in metadata.items() if len(value) != 64}  # the digest, by any name
    return told, {name: array.tobytes() for name, array in tensors.items()}


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda: ticket().save("f"), lambda: load_ticket("f")),
        (
            lambda: checkpoint.save_state(Path("f"), state(2, 100)),
            lambda: checkpoint.load_state(Path("f"), MinimisedFitness),
        ),
    ],
)
def test_a_flipped_bit_is_noticed(write: Callable[[], Any], read: Callable[[], Any]) -> None:
    write()
    whole, before = Path("f").read_bytes(), content(Path("f"))
    rng, noticed = random.Random(0), 0
    for _ in range(400):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        Path("f").write_bytes(flipped)
        try:
            read()
        except NetsError:
            noticed += 1
        else:
            assert content(Path("f")) == before  # the name of the digest was hit
    assert noticed > 390


def test_files_without_a_digest_are_read() -> None:
    write_safetensors(Path("f"), {"a": np.arange(3.0)}, {"x": "y"})
    whole = Path("f").read_bytes()
    assert b'"digest"' in whole
    Path("f").write_bytes(whole.replace(b'"digest"', b'"former"'))
    assert read_safetensors(Path("f"))[1]["a"].tolist() == [0, 1, 2]


def test_an_edited_figure_is_noticed_and_rows_may_go() -> None:
    rows = [{"n": i, "acc": 0.5 + i} for i in range(3)]
    path = Path("t.csv")
    digests.write_text(path, as_csv(rows))
    whole = path.read_text(encoding="utf-8")
    path.write_text("".join(whole.splitlines(keepends=True)[:2]), encoding="utf-8")  # computed again
    assert digests.read_text(path)
    path.write_text(whole.replace("1.5", "1.9"), encoding="utf-8")
    with pytest.raises(DamagedError, match="is not what was written here"):
        digests.read_text(path)
    Path(digests.DIGESTS).unlink()
    assert "1.9" in digests.read_text(path)


def test_a_kill_between_a_table_and_its_digests_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = Path("t.csv"), digests.files.write_text
    digests.write_text(path, "a\n1\n")

    def dying(target: Path, text: str) -> None:
        if target == path:
            raise SystemExit("killed")
        write(target, text)

    monkeypatch.setattr(digests.files, "write_text", dying)
    with pytest.raises(SystemExit):
        digests.write_text(path, "a\n2\n")
    assert digests.read_text(path) == "a\n1\n"


def test_sealed_values_come_back_or_are_refused() -> None:
    path, values = Path("s.json"), {"a": 1.5, "b": [float("nan"), 10**20], "c": {"é": None}}
    path.write_text(digests.sealed(values), encoding="utf-8")
    assert repr(digests.opened(path)) == repr(values)
    path.write_text(path.read_text(encoding="utf-8").replace("1.5", "1.6"), encoding="utf-8")
    with pytest.raises(DamagedError):
        digests.opened(path)
    path.write_text(json.dumps({"a": 1}), encoding="utf-8")
    assert digests.opened(path) == {"a": 1}


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_row_cut_within_its_last_number_is_not_taken_for_whole(cut: int) -> None:
    write_csv(Path("t.csv"), [{"n": 1, "acc": 0.123456789}])
    Path("t.csv").write_bytes(Path("t.csv").read_bytes()[:-cut])
    with pytest.raises(DamagedError, match="ends within a row"):
        read_csv(Path("t.csv"))


@pytest.mark.parametrize("text", ["=1+1", "@x", "+cmd", "-2+3", "\x1b[2J", "a\tb", "\r"])
def test_a_table_holds_plain_text_and_nothing_that_a_program_would_run(text: str) -> None:
    for row in ({"name": text}, {text: 1}):
        with pytest.raises(NetsError, match="plain text"):
            write_csv(Path("t.csv"), [row])
    Path("t.csv").write_text(f'name\n"{text}"\n', encoding="utf-8", newline="")
    with pytest.raises(DamagedError):
        read_csv(Path("t.csv"))
    write_csv(Path("t.csv"), [{"name": "a", "x": -0.5}])  # numbers
    assert read_csv(Path("t.csv"))[0]["x"] == -0.5


def test_a_damaged_table_can_be_written_anew_and_edited_lines_stay_unknown() -> None:
    path = Path("t.csv")
    digests.write_text(path, "a\n1\n2\n")
    path.write_bytes(b"\xff\xfe")
    digests.write_text(path, "a\n1\n2\n")
    path.write_text("a\n1\n9\n", encoding="utf-8")
    digests.write_text(path, "a\n1\n2\n3\n")
    path.write_text("a\n9\n", encoding="utf-8")
    with pytest.raises(DamagedError):
        digests.read_text(path)


def test_damaged_digests_say_what_to_do() -> None:
    digests.write_text(Path("t.csv"), "a\n1\n")
    Path(digests.DIGESTS).write_text("{", encoding="utf-8")
    with pytest.raises(DamagedError, match="move it away"):
        digests.read_text(Path("t.csv"))
