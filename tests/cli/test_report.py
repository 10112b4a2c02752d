"""`nets-deap report`: where it writes, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import assert_refused
from tests.report.conftest import results  # noqa: F401 (a fixture)


@pytest.fixture
def run(results: Path) -> Path:  # noqa: F811
    return Path(shutil.copytree(results / "run", "run"))


def test_a_page_is_written_and_it_says_where(cli: Any, run: Path) -> None:
    told = cli("report", run)
    assert (told.code, told.out, told.err) == (0, "report: run/report.html\n", "")
    first = Path("run/report.html").read_bytes()
    assert cli("report", run).code == 0  # a page of ours is replaced
    assert Path("run/report.html").read_bytes() == first
    assert cli("report", run, "run/trained", "--out", "new/page.html").code == 0
    page = Path("new/page.html").read_text(encoding="utf-8")
    assert "nets-deap evolve --config run/config.json" in page
    assert "nets-deap train TICKET --config run/trained/config.json" in page
    assert cli("info", run).code == 0
    assert (
        "nothing to do"
        in cli("train", run, "--config", "run/trained/config.json", "--out", "run/trained").out
    )


def test_what_cannot_be_reported_on_is_one_line(cli: Any, run: Path) -> None:
    Path("empty").mkdir()
    Path("begun").mkdir()
    shutil.copy("run/config.json", "begun")
    Path("mine.html").write_text("mine", encoding="utf-8")
    Path("file").write_text("", encoding="utf-8")
    assert_refused(
        cli,
        {
            "nothing": ("report",),
            "nowhere": ("report", "nowhere"),
            "a file": ("report", "run/ticket.safetensors"),
            "an empty folder": ("report", "empty"),
            "a run that has only begun": ("report", "begun"),
            "one good and one bad": ("report", "run", "empty"),
            "twice": ("report", "run", "run"),
            "out is a folder": ("report", "run", "--out", "empty"),
            "out is another file": ("report", "run", "--out", "mine.html"),
            "out cannot be made": ("report", "run", "--out", "file/page.html"),
        },
    )
    assert Path("mine.html").read_text(encoding="utf-8") == "mine"


DAMAGE = {
    "config.json": "{",
    "logbook.csv": "gen,nevals\n0,4\n",
    "lineage.csv": "generation,by\n0,=1\n",
    "survival.csv": "operator,born,survived\nflip,0,0\n",
    "trained/training.csv": "epoch,val_loss\n1\n",
    "trained/random.csv": "ticket\nrandom-1\n",
    "trained/summary.json": "[]",
    "verdict/verdict.json": '{"verdict": 1}',
    "verdict/verify.csv": "network,seed\nticket,1\n",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_one_line(cli: Any, run: Path, name: str) -> None:
    (run / name).write_text(DAMAGE[name], encoding="utf-8")
    assert_refused(cli, {name: ("report", str(run))})


@pytest.mark.parametrize("name", ["ticket.safetensors", "trained/trained.safetensors"])
def test_a_damaged_tensor_is_one_line(cli: Any, run: Path, name: str) -> None:
    whole = bytearray((run / name).read_bytes())
    whole[-1] ^= 0xFF
    (run / name).write_bytes(whole)
    assert_refused(cli, {name: ("report", str(run))})


def test_a_run_of_an_earlier_version_has_no_lineage(cli: Any, run: Path) -> None:
    for name in ("lineage.csv", "survival.csv", "version.txt", "data.crc32"):
        (run / name).unlink()
    assert cli("report", run).code == 0
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert 'id="lineage"' not in page
    assert "not recorded" in page
