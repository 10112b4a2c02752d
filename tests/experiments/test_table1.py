from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from nets_deap.experiments import comparison
from nets_deap.experiments.table1 import (
    CSV,
    LATEX,
    MARKDOWN,
    PAPER,
    PROBLEMS,
    config_of,
    lines_of,
    table1,
)
from nets_deap.parallel.serial import SerialMap
from nets_deap.util import typeset
from nets_deap.util.errors import NetsError

PART = "xor-corners-mlp-10"
COMMITTED = Path(__file__).parents[2] / "results" / "table1"


def test_every_part_is_the_papers_protocol() -> None:
    for name in PROBLEMS:
        config = config_of(name, data_dir="somewhere")
        assert (config.seeds, config.densities, config.init) == (5, [0.2], "normal")
        methods = [str(spec) for spec in config.methods]
        assert {method for _, method in PAPER} <= set(methods)
    mnist = config_of("mnist")
    assert (mnist.optimizer, mnist.lr, mnist.batch_size, mnist.epochs) == ("sgd", 1e-3, 60, 50)
    assert (config_of("xor-mlp-100").optimizer, config_of("xor-mlp-100").epochs) == ("adam", 3000)
    with pytest.raises(NetsError, match="unknown part of table 1 'minst'"):
        config_of("minst")


@pytest.mark.slow
def test_the_table_comes_again_from_its_trials_byte_for_byte(cli: Any) -> None:
    words = ("table1", "--out", "t", "--parts", PART, "--seeds", 1, "--epochs", 5, "--map", "serial")
    ran = cli(*words)
    assert ran.code == 0
    assert "nets-paper" in ran.out
    texts = [Path("t", name).read_text(encoding="utf-8") for name in (CSV, MARKDOWN, LATEX)]
    assert "nan" not in texts[1]
    for name in ("trials", "tickets"):
        shutil.rmtree(Path("t", PART, name))
    for name in (CSV, MARKDOWN, LATEX):
        Path("t", name).unlink()
    assert cli(*words).code == 0
    assert [Path("t", name).read_text(encoding="utf-8") for name in (CSV, MARKDOWN, LATEX)] == texts
    assert not list(Path("t", PART).glob("trials/*"))  # nothing was run


def test_the_committed_table_comes_from_the_committed_trials_without_data(cli: Any) -> None:
    shutil.copytree(COMMITTED, "t")
    ran = cli("table1", "--out", "t", "--data-dir", "nowhere", "--map", "serial", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    for name in (CSV, MARKDOWN, LATEX):
        assert rounded(Path("t") / name) == rounded(COMMITTED / name)


def rounded(path: Path) -> str:
    """The text of a table to ten digits: versions of pandas differ in the last ones of a mean."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"\d+\.\d{9,}", lambda number: f"{float(number[0]):.10g}", text)


def test_a_part_alone_leaves_the_others_in_the_table() -> None:
    for part in (PART, "xor-corners-mlp-100"):
        shutil.copytree(COMMITTED / part, Path("t", part))
        table1(Path("t"), SerialMap(), [part])
    text = (Path("t") / MARKDOWN).read_text(encoding="utf-8")
    assert text.count("xor-corners-mlp-10 ") == text.count("xor-corners-mlp-100 ") > 0


def test_a_row_as_text() -> None:
    row: dict[str, Any] = {"problem": "mnist", "method": "nets-paper", "trials": 5}
    numbers = {"density": 29.71, "val_loss": 0.3019, "test_loss": 0.263, "val_acc": 91, "test_acc": 92.3}
    for key, value in numbers.items():
        row |= {key: value, f"{key}_half_width": 0.5, f"{key}_paper": None if key == "val_acc" else 1}
    assert typeset.markdown(lines_of([row])).splitlines()[2] == (
        "| mnist | nets-paper | 29.7 ± 0.5<br>1 | 0.302 ± 0.500<br>1 | 0.263 ± 0.500<br>1 "
        "| 91.00 ± 0.50<br>– | 92.30 ± 0.50<br>1 |"
    )
    assert r"\makecell[r]{91.00 $\pm$ 0.50\\--}" in typeset.latex(lines_of([row]))


def test_a_table_whose_trials_all_fail_tells_why(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise NetsError("as it happens")

    monkeypatch.setattr(comparison, "find", failing)
    monkeypatch.setattr(comparison, "run_trial", failing)
    ran = cli("table1", "--parts", PART, "--seeds", 1, "--epochs", 5, "--map", "serial", "--out", "t")
    assert (ran.code, "as it happens" in ran.err) == (1, True)


def test_an_unknown_part_is_refused(cli: Any) -> None:
    wrong = cli("table1", "--parts", "minst")
    assert (wrong.code, wrong.out) == (2, "")
