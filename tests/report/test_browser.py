"""The page in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nets_deap.problem.budget import Cost
from nets_deap.report import page as report
from nets_deap.report.held import EVOLUTION, Found, Held
from tests.report.conftest import ALWAYS, PAGES

FILL = "one => getComputedStyle(one).fill"
CHANGED = f"was => ({FILL})(document.querySelector('#training .plot text')) !== was"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


@contextmanager
def opened(browser: Any, path: Path, **context: Any) -> Iterator[Any]:
    """The page, with its first chart drawn. In the end no network was asked, and no error was told."""
    errors: list[str] = []
    asked: list[str] = []
    made = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce"} | context)
    page = made.new_page()
    page.on("console", lambda told: errors.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector(".plot[data-drawn]", timeout=60_000)
    yield page
    made.close()
    assert errors == []
    assert asked == [path.as_uri()]


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in PAGES if name != "several"]


@pytest.mark.parametrize("name", ["several", *SLOW])
def test_all_sections_are_there_and_drawn_and_fit(browser: Any, pages: Any, name: str) -> None:
    with opened(browser, pages[name]) as page:
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        sections = page.locator("main > section").evaluate_all("all => all.map(one => one.id)")
        assert set(sections) == PAGES[name][1] | ALWAYS
        assert page.locator("nav a").evaluate_all("all => all.map(one => one.hash.slice(1))") == sections
        empty = "all => all.filter(one => !one.querySelector('.chart, table, .card, pre')).length"
        assert page.locator("main > section").evaluate_all(empty) == 0
        waiting = "all => all.filter(one => one.offsetParent && !one.querySelector('svg.main-svg')).length"
        assert page.locator(".plot").evaluate_all(waiting) == 0
        assert page.locator("#trouble").is_hidden()
        page.set_viewport_size(NARROW)
        page.wait_for_function("() => document.querySelector('.plot .main-svg').clientWidth < innerWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        beyond = (
            "all => all.filter(one => one.offsetParent && one.getBoundingClientRect().right > innerWidth + 1)"
            ".map(one => one.className)"
        )
        parts = "section, .chart, .plot, .scroll, .card, details, h1, h2, h3"
        assert page.locator(parts).evaluate_all(beyond) == []


def test_hover_shows_values_and_a_drag_zooms(browser: Any, pages: Any) -> None:
    with opened(browser, pages["imp"]) as page:
        page.wait_for_selector("#evolution .plot[data-drawn]")
        plot = page.locator("#evolution .plot").first
        plot.scroll_into_view_if_needed()
        area = plot.locator(".nsewdrag").first.bounding_box()
        x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        page.mouse.move(x, y)
        page.wait_for_function(
            "one => /\\d\\.\\d/.test(one.querySelector('.hoverlayer').textContent)", arg=plot.element_handle()
        )
        whole = plot.evaluate("one => [...one.layout.xaxis.range]")
        page.mouse.move(x - area["width"] / 4, y)
        page.mouse.down()
        page.mouse.move(x, y, steps=5)
        page.mouse.up()
        page.wait_for_function(
            "([one, end]) => one.layout.xaxis.range[1] < end", arg=[plot.element_handle(), whole[1]]
        )


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_scheme_is_the_systems_and_the_button_changes_it(browser: Any, pages: Any) -> None:
    def seen() -> tuple[str, str]:
        """The colours of the page and, once they have settled, of a chart's text."""
        return background(page), page.locator("#training .plot text").first.evaluate(FILL)

    with opened(browser, pages["training"], color_scheme="light") as page:
        light = seen()
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(CHANGED, arg=light[1])
        dark = seen()
        assert light[0] != dark[0]
        page.locator("#scheme").click()
        page.wait_for_function(CHANGED, arg=dark[1])
        assert seen() == light


def test_the_keyboard_reaches_navigation_and_data(browser: Any, pages: Any) -> None:
    with opened(browser, pages["training"]) as page:
        reached = []
        for _ in range(60):
            page.keyboard.press("Tab")
            told = "(one => [one.tagName, one.id || one.className || one.hash || ''])(document.activeElement)"
            reached.append(tuple(page.evaluate(told)))
            if reached[-1][0] == "SUMMARY":
                break
        assert reached[0] == ("A", "skip")
        assert ("BUTTON", "scheme") in reached
        assert [hash_ for tag, hash_ in reached if tag == "A"][1:] == page.locator("nav a").evaluate_all(
            "all => all.map(one => one.hash)"
        )
        assert reached[-1][0] == "SUMMARY"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open")
        assert page.locator("details[open] table tbody tr").count() > 0


def test_a_point_of_the_front_shows_its_ticket(browser: Any, pages: Any) -> None:
    with opened(browser, pages["front"]) as page:
        picks = page.locator("#front-pick option").all_text_contents()
        assert len(picks) > 1
        last = len(picks) - 1
        page.locator("#front .plot").first.evaluate(
            "(one, place) => one.emit('plotly_click', {points: [{customdata: place}]})", last
        )
        shown = page.locator("#front .group:not([hidden])")
        assert shown.count() == 1
        assert shown.locator("h3").text_content() == picks[last]
        page.locator("#front-pick").select_option("0")
        assert page.locator("#front .group:not([hidden]) h3").text_content() == picks[0]
        page.wait_for_function(
            "() => document.querySelectorAll('#front .group:not([hidden]) svg.main-svg').length > 0"
        )


HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\"'&{{7*7}}$\\beta$"


def found(generations: int, text: str, columns: tuple[str, ...] = ()) -> Found:
    """An evolution that nobody has run."""
    rows = [
        {"gen": i, "nevals": 20, "gradient_steps": 440, "fitness_min": 1 / (i + 1), "elapsed_s": 0.7 * i}
        | {name: 1 / (i + place + 2) for place, name in enumerate(columns)}
        for i in range(generations + 1)
    ]
    figures = {"fitness": 0.5, "val_loss": 0.5, "density": 0.5, "mate": 0}
    numbers = ({"generation": i, "number": i, "parent": i - 1} for i in range(len(rows)))
    births = [{**number, "by": text, **figures} for number in numbers]
    survival = [{"operator": text, "born": 20_000, "survived": 9_000}]
    return Found(text, rows, text, Cost(), births=births, survival=survival)


def test_hostile_names_and_settings_are_text(browser: Any, tmp_path: Path) -> None:
    settings = {"dataset": HOSTILE}
    helds = [Held(Path(), f"{HOSTILE}{i}", EVOLUTION, settings, found=found(3, HOSTILE)) for i in (1, 2)]
    path = tmp_path / "page.html"
    path.write_text(report.rendered(helds, lambda *_: HOSTILE), encoding="utf-8")
    with opened(browser, path) as page:
        assert HOSTILE in page.locator("h1").text_content()
        assert HOSTILE in page.locator("pre").first.text_content()
        assert json.loads(page.locator("pre").nth(1).text_content()) == settings
        assert page.locator("img").count() == 0
        page.locator("#evolution .plot").first.scroll_into_view_if_needed()
        assert HOSTILE in page.locator("#evolution .legendtext").first.text_content()


def test_a_thousand_generations_fit(browser: Any, tmp_path: Path) -> None:
    columns = ("fitness_avg", "fitness_std", "fitness_max", "density_best", "density_avg", "val_loss_best")
    long = found(1000, "flip, swap", (*columns, "val_acc_best", "test_acc_best"))
    path = tmp_path / "page.html"
    page_ = report.rendered([Held(Path(), "long", EVOLUTION, {}, found=long)], lambda *_: "")
    path.write_text(page_, encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    with opened(browser, path) as page:
        page.locator("#evolution .plot").first.scroll_into_view_if_needed()
        page.wait_for_selector("#evolution .plot[data-drawn]")
        assert page.locator("#evolution .plot").first.evaluate("one => one.calcdata[0].length") == 1001
        assert "200 of 1,001 rows" in page.locator("#evolution .note").first.text_content()
