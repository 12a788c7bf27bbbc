"""The report in a real browser: hostile articles do nothing, and a reader can find, sort, open and print.

Skips where no Chromium is (Debian: `apt-get install chromium`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import run
from test_page import HOSTILE, PROSE, SEEDS

from detector.page import _visible

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is on this machine (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (the dev extra has it)")
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root.
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def seeds_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("seeds") / "report.html", {p.stem: p.read_text("utf-8") for p in SEEDS})


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # the text as its name too: what stands in the list comes from there
    articles = {text[:200]: text for text in HOSTILE.values()}
    return write(tmp_path_factory.mktemp("hostile") / "report.html", articles)


def write(path: Path, articles: dict[str, str]) -> Path:
    records = path.with_suffix(".jsonl")
    records.write_text("".join(json.dumps({"id": k, "text": v}) + "\n" for k, v in articles.items()))
    assert run("report", records, "--output", path).code == 0
    return path


class Visit:
    """A page that is open, and what it tried that it should not have."""

    def __init__(self, browser: Browser, file: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("dialog", lambda d: self.complaints.append(f"dialog: {d.message}"))
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.goto(file.as_uri())


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def start(file: Path, **options: Any) -> Visit:
        visits.append(Visit(browser, file, **options))
        return visits[-1]

    yield start
    for v in visits:
        v.context.close()


def titles(page: Page) -> list[str]:
    shown: list[str] = page.eval_on_selector_all(
        "li.entry", "found => found.filter(li => !li.hidden).map(li => li.querySelector('.name small').textContent)"
    )
    return shown


# hostile articles


def test_hostile_articles_do_nothing(visit: Callable[..., Visit], hostile_report: Path) -> None:
    v = visit(hostile_report)
    assert v.page.locator("li.entry").count() == len(HOSTILE)
    v.page.click("#open")
    v.page.wait_for_timeout(200)
    assert v.page.evaluate("window.pwned") is None
    assert v.complaints == []
    assert v.requests == [hostile_report.as_uri()]
    assert v.page.url == hostile_report.as_uri()


def test_hostile_articles_read_as_they_are_written(visit: Callable[..., Visit], hostile_report: Path) -> None:
    v = visit(hostile_report)
    shown = v.page.eval_on_selector_all("li.entry .copy", "all => all.map(c => c.textContent)")
    for given, seen in zip(HOSTILE.values(), shown, strict=True):
        first = _visible(given).strip("\ufffd \n")[:25].strip()
        assert "<" not in first or first in seen
    # nothing but the page's own elements came of them
    assert v.page.evaluate("document.querySelectorAll('img, iframe, object, base, li.entry script, b > b').length") == 0


def test_hostile_articles_keep_the_page_in_its_width(visit: Callable[..., Visit], hostile_report: Path) -> None:
    v = visit(hostile_report, viewport={"width": 390, "height": 800})
    v.page.click("#open")
    assert v.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_policy_stops_a_script_that_got_in(visit: Callable[..., Visit], seeds_report: Path, tmp_path: Path) -> None:
    """If escaping failed, the policy would still hold: a script and a style put into the file are refused."""
    source = seeds_report.read_text("utf-8")
    holed = source.replace(
        "<footer>", "<script>window.pwned=1</script><p style='color:red' onclick='1'>x</p><footer>", 1
    )
    assert holed != source
    (tmp_path / "holed.html").write_text(holed, "utf-8")
    v = visit(tmp_path / "holed.html")
    assert v.page.evaluate("window.pwned") is None
    assert len([c for c in v.complaints if "Content Security Policy" in c]) >= 2


def test_policy_stops_requests(visit: Callable[..., Visit], seeds_report: Path, tmp_path: Path) -> None:
    holed = seeds_report.read_text("utf-8").replace("<footer>", "<img src='http://127.0.0.1:9/x.png'><footer>", 1)
    (tmp_path / "holed.html").write_text(holed, "utf-8")
    v = visit(tmp_path / "holed.html")
    assert any("Content Security Policy" in c for c in v.complaints)


# a reader


def test_find_narrows_the_list_and_tells(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.fill("#find", "hangers")
    page.locator("#status", has_text=" of ").wait_for()
    wanted = [p.stem for p in SEEDS if "hangers" in p.read_text("utf-8").lower()]
    assert titles(page) == wanted
    assert page.inner_text("#status") == f"{len(wanted)} of {len(SEEDS)} shown"


def test_labels_can_be_left_out(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.uncheck("#kinds input[value=original]")
    kinds = page.eval_on_selector_all("li.entry", "all => all.filter(li => !li.hidden).map(li => li.dataset.kind)")
    assert kinds
    assert "original" not in kinds


def test_least_probability(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.fill("#least", "90")
    shown = page.eval_on_selector_all("li.entry", "all => all.filter(li => !li.hidden).map(li => +li.dataset.ai)")
    assert 0 < len(shown) < len(SEEDS)
    assert min(shown) >= 0.9


def test_an_empty_list_says_so(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.fill("#find", "no article has these words")
    page.wait_for_selector("#none", state="visible")
    assert page.inner_text("#status") == f"0 of {len(SEEDS)} shown"


@pytest.mark.parametrize(
    ("order", "key", "reverse"), [("-ai", "ai", True), ("original", "original", False), ("-words", "words", True)]
)
def test_sort(order: str, key: str, reverse: bool, visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.select_option("#sort", order)
    values = page.eval_on_selector_all("li.entry", f"all => all.map(li => +li.dataset.{key})")
    assert values == sorted(values, reverse=reverse)
    page.select_option("#sort", "order")
    assert titles(page) == [p.stem for p in SEEDS]


def test_keyboard_alone_finds_opens_and_follows(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("bridge-feed")
    page.locator("#status", has_text="1 of").wait_for()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('li.entry > details > summary')"):
            break
    page.keyboard.press("Enter")
    assert page.locator("li.entry details[open] .copy").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('a.n')")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector(':target').matches('.passages li')")


def test_link_to_a_passage_opens_its_article(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    n = [p.stem for p in SEEDS].index("bridge-feed") + 1
    page.evaluate(f"location.hash = 'a{n}m2'")
    page.wait_for_selector(f"#a{n}m2", state="visible")


def test_long_list_holds_only_open_articles(visit: Callable[..., Visit], tmp_path: Path) -> None:
    report = write(tmp_path / "report.html", {f"{i:03}": f"{PROSE} Story number {i}." for i in range(100)})
    page = visit(report).page
    assert page.locator(".body").count() == 0
    page.locator("li.entry summary").nth(7).click()
    page.wait_for_selector(".copy")
    assert "Story number 7." in page.inner_text(".copy")
    page.fill("#find", "story number 42")
    page.locator("#status", has_text="1 of").wait_for()
    assert titles(page) == ["042"]
    page.goto(f"{report.as_uri()}#a10m1")
    page.wait_for_selector("#a10m1", state="visible")


def test_without_scripts_everything_can_be_read(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report, java_script_enabled=False).page
    page.locator("li.entry summary").nth(2).click()
    assert page.locator("li.entry").nth(2).locator(".copy").is_visible()
    assert not page.locator("#find").is_visible()


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_page_fits_its_window(width: int, visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report, viewport={"width": width, "height": 800}).page
    page.click("#open")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_dark_follows_the_reader(visit: Callable[..., Visit], seeds_report: Path) -> None:
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light, dark = (visit(seeds_report, color_scheme=c).page.evaluate(background) for c in ("light", "dark"))
    assert sum(map(int, light[4:-1].split(","))) > 600 > 150 > sum(map(int, dark[4:-1].split(",")))


def test_print_leaves_the_tools_out(visit: Callable[..., Visit], seeds_report: Path) -> None:
    page = visit(seeds_report).page
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()
    assert page.locator("li.entry").first.is_visible()
