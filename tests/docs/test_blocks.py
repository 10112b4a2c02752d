"""Every block and command of README and docs/ runs: shortened always, as it is written in `make test-all`.

`python -m tests.docs` lists them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nets_deap.problem.ticket import load_ticket
from tests.docs import setting
from tests.docs.blocks import PAGES, PROGRAMS, blocks_of
from tests.docs.running import Reader, forget_modules, prepare

RUN = {page: [block for block in blocks_of(page) if block.kind in ("python", "sh", "file")] for page in PAGES}
Reads = Callable[[str, bool], Reader]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture
def reads(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    from deap import creator

    def begin(page: str, short: bool) -> Reader:
        if page in setting.DEMO:
            shutil.copytree(request.getfixturevalue("prepared"), tmp_path, dirs_exist_ok=True)
        return Reader(page, short)

    monkeypatch.syspath_prepend(tmp_path)
    known = {*vars(creator)}
    yield begin
    forget_modules(tmp_path)
    for name in {*vars(creator)} - known:
        delattr(creator, name)


def test_blocks_are_found() -> None:
    text = "a\n\n    make x\n    make y\n\nb\n\n<!-- not run: why -->\n```sh\nrm x\n```\n\n```ruby\n1\n```\n"
    from tests.docs import blocks

    found = [blocks._block("p", 0, one)[2:] for one in blocks.ANY.finditer(text)]
    assert found == [("sh", "", "make x\nmake y"), ("not run", "why", "rm x\n"), ("ruby", "", "1\n")]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    for block in blocks_of(page):
        assert block.kind in {"python", "sh", "file", "shown", "not run"}, block
        assert block.says or block.kind not in {"file", "not run"}, block
        assert all(line.split()[0] in PROGRAMS for line in block.commands), block


@pytest.mark.parametrize("page", [page for page in RUN if RUN[page]])
def test_the_blocks_of_a_page_run(page: str, reads: Reads, capfd: pytest.CaptureFixture[str]) -> None:
    reader = reads(page, True)
    for block in RUN[page]:
        reader.follow(block)
    for active in re.findall(r"^(\d+) weights are kept", capfd.readouterr().out, re.MULTILINE):
        assert int(active) == load_ticket("runs/demo/ticket.safetensors").mask.sum()


@pytest.mark.parametrize("page", setting.QUICKER)
def test_what_is_shortened_is_there(page: str) -> None:
    assert [
        text for text in setting.QUICKER[page] if text not in PAGES[page].read_text(encoding="utf-8")
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in RUN if RUN[page]])
def test_the_blocks_of_a_page_run_as_they_are_written(page: str, reads: Reads) -> None:
    reader = reads(page, False)
    for block in RUN[page]:
        reader.follow(block)
