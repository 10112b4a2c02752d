"""What a page says, without a browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from nets_deap.problem.ticket import load_ticket
from nets_deap.report import charts
from nets_deap.report import page as report
from nets_deap.report.charts import Line
from nets_deap.report.reading import read
from nets_deap.report.sections import Section
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import read_csv
from tests.report.conftest import ALWAYS, PAGES


def sections(results: Path, *folders: str) -> dict[str, Section]:
    helds = read([results / folder for folder in folders])
    return {section.key: section for section in report.sections(helds, lambda *_: "a command")}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_sections_that_apply_and_no_others(results: Path, name: str) -> None:
    folders, expected = PAGES[name]
    told = sections(results, *folders)
    assert set(told) == expected | ALWAYS
    for section in told.values():
        assert any((section.cards, section.charts, section.groups, section.tables, section.listings))
        for chart in (*section.charts, *(chart for group in section.groups for chart in group.charts)):
            assert re.search(r"\d", chart.says), chart.title
            assert {len(row) for row in chart.rows} == {len(chart.head)}, chart.title
            json.loads(chart.figure)


def test_gradient_steps_do_not_share_an_axis_with_cycles(results: Path) -> None:
    alone = sections(results, "learned")["evolution"]
    assert alone.intro.startswith("Each gradient step")
    beside, imp = (sections(results, *names)["evolution"] for names in (("imp", "learned"), ("imp",)))
    assert beside.intro.startswith("Each cycle ")
    assert beside.intro.endswith("Not shown, for they count gradient steps: learned.")
    assert [len(chart.rows) for chart in beside.charts] == [len(chart.rows) for chart in imp.charts]


def test_the_tables_hold_what_the_files_say(results: Path) -> None:
    told = sections(results, "run")
    rows = read_csv(results / "run" / "logbook.csv")
    loss = next(chart for chart in told["evolution"].charts if chart.title == "Validation loss")
    shown = [float(row[1]) for row in loss.rows]
    assert shown == pytest.approx([row["val_loss_best"] for row in rows], rel=1e-4)
    assert len(told["lineage"].charts[0].rows) == len(read_csv(results / "run" / "lineage.csv"))
    (card, training, verdict) = told["summary"].cards
    big = {name: figure for name, figure, _ in (*card.big, *training.big)}
    ticket = load_ticket(results / "run" / "ticket.safetensors")
    summary = json.loads((results / "run" / "trained" / "summary.json").read_text(encoding="utf-8"))
    assert big["density"] == f"{100 * ticket.density:.3g} %"
    assert big["test accuracy"] == f"{100 * summary['ticket']['test_acc']:.2f} %"
    judged = json.loads((results / "run" / "verdict" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict.state == judged["verdict"]
    pixels = told["pixels"].groups[0].charts[0]
    assert sum(float(cell) for row in pixels.rows for cell in row[1:]) == sum(
        mask.sum() for name, mask in ticket.layout.split(ticket.mask) if name == ticket.layout.names[0]
    )


def test_fronts_of_two_kinds_have_a_chart_each(results: Path) -> None:
    section = sections(results, "front", "rare")["front"]
    titles = ["Validation loss against density", "Validation loss against untrained loss"]
    assert [chart.title for chart in section.charts] == titles
    rows = read_csv(results / "rare" / "front.csv")
    told = section.charts[1]
    assert told.head[1] == "validation loss, untrained"
    assert [row[1] for row in told.rows] == [f"{row['untrained_loss']:.5g}" for row in rows]
    places = [p for chart in section.charts for p in json.loads(chart.figure)["data"][0]["customdata"]]
    assert places == list(range(len(section.groups)))
    assert [group.name for group in section.groups][-len(rows) :] == [f"rare/{row['ticket']}" for row in rows]


def test_the_dense_network_is_a_line_across(results: Path) -> None:
    told = sections(results, "comparison")["comparison"].charts[0]
    assert told.title == "Test accuracy against density"
    drawn = {each.get("name", "band"): each for each in json.loads(told.figure)["data"]}
    dense, imp, band = drawn["dense"], drawn["imp"], drawn["band"]
    assert (dense["mode"], imp["mode"], band["fill"]) == ("lines", "lines+markers", "toself")
    (row,) = [row for row in told.rows if row[0] == "dense"]
    assert row[1] == "100"
    heights = np.frombuffer(base64.b64decode(band["y"]["bdata"]), band["y"]["dtype"])
    assert np.ptp(heights) == pytest.approx(2 * float(row[3]), rel=1e-3)
    assert told.note.endswith("; one that prunes nothing is a line across.")


def test_a_training_of_another_ticket_is_not_the_runs(results: Path, tmp_path: Path) -> None:
    for name in ("run", "front"):
        shutil.copytree(results / name, tmp_path / name)
    shutil.copytree(results / "run" / "trained", tmp_path / "front" / "trained")
    assert [held.label for held in read([tmp_path / "front"])] == ["front"]
    labels = [held.label for held in read([tmp_path / "run"])]
    assert labels == ["run", "run/trained", "run/verdict"]
    asked = [tmp_path / "run", tmp_path / "run" / "trained"]
    assert sorted(held.label for held in read(asked)) == ["run", "run/verdict", "trained"]
    with pytest.raises(NetsError, match="twice"):
        read([tmp_path / "run", tmp_path / "run"])


def test_the_page_allows_its_two_scripts_and_nothing_else(results: Path) -> None:
    page = report.rendered(read([results / "imp"]), lambda *_: "")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    packed = re.search(r'id="library">([^<]*)<', page)
    script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    assert packed
    scripts = (script, gzip.decompress(base64.b64decode(packed[1])).decode())
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"script-src {allowed}" in policy[1].replace("&#39;", "'")
    assert policy[1].startswith("default-src ")
    outside = page[: packed.start()] + page[packed.end() :]
    assert re.findall(r"""(?:src|href|action)="(?!#|data:,)[^"]*""", outside) == []


def test_the_same_folders_give_the_same_page(results: Path) -> None:
    pages = {report.rendered(read([results / "comparison"]), lambda *_: "") for _ in range(2)}
    assert len(pages) == 1


@pytest.mark.parametrize(("length", "most"), [(0, 5), (1, 5), (5, 5), (1001, 200)])
def test_thinning_keeps_both_ends(length: int, most: int) -> None:
    chosen = charts.thinned(length, most).tolist() if length else []
    assert len(chosen) == min(length, most)
    assert chosen == sorted(set(chosen))
    assert not length or (chosen[0], chosen[-1]) == (0, length - 1)


def test_a_chart_says_in_words_where_its_lines_begin_and_end() -> None:
    chart = charts.lines("Loss", "epoch", "loss", [Line("test", [0, 1, 2], [4.0, 1.0, 2.0])])
    assert "test: from 4 to 2, least 1, greatest 4" in chart.says
    assert chart.rows == [["0", "4"], ["1", "1"], ["2", "2"]]


def test_lines_of_other_lengths_share_a_table() -> None:
    chart = charts.lines("L", "x", "y", [Line("a", [0, 1], [1.0, 2.0]), Line("b", [1, 2], [3.0, np.nan])])
    assert chart.rows == [["0", "1", ""], ["1", "2", "3"], ["2", "", ""]]


def luminance(color: str) -> float:
    """Of #rrggbb, by WCAG 2.1."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_text_stands_out_in_both_schemes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    style = (Path(report.__file__).parent / "assets" / "page.css").read_text(encoding="utf-8")
    parts = re.findall(r"\{[^{}]*--page:[^{}]*\}", style)
    schemes = [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", part)) for part in parts]
    assert len(schemes) == 3
    assert schemes[1] == schemes[2]  # dark by the system's wish, and by the button
    for scheme in schemes:
        for text in ("text", "faint", "link", "good", "bad"):
            for ground in ("page", "panel", "soft"):
                assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)


def test_the_first_colours_of_series_stand_out() -> None:
    assert len(set(charts.COLORS)) == len(charts.COLORS)
    for color in charts.COLORS[:3]:
        assert contrast(color, "#ffffff") >= 3


def test_names_that_plotly_would_read_are_escaped() -> None:
    chart = charts.bars("t", ["<b>a</b> & $x$"], {"v": [1.0]}, "unit")
    assert json.loads(chart.figure)["data"][0]["y"] == ["&lt;b&gt;a&lt;/b&gt; &amp; &#36;x&#36;"]
    assert chart.rows[0][0] == "<b>a</b> & $x$"
