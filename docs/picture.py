"""Draws the report on four of the seeds as README.md shows it: `python docs/picture.py docs/report.png`."""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from detector import Article, Detector, page

SEEDS = ("bridge-hearing", "morning-briefing", "mine-reopening-brief", "bridge-feed")

root = Path(__file__).resolve().parents[1]
judge = Detector.load()
articles = [Article((root / "seeds" / f"{s}.txt").read_text("utf-8"), f"seeds/{s}.txt") for s in SEEDS]
with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
    report = Path(folder, "report.html")
    with report.open("wb") as sink:
        page.write(((a, judge.score(a)) for a in articles), sink)
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    view = browser.new_page(viewport={"width": 1200, "height": 1180})
    view.goto(report.as_uri())
    view.locator("li.entry summary").nth(len(SEEDS) - 1).click()
    view.mouse.move(0, 0)
    picture = Image.open(io.BytesIO(view.screenshot()))
    picture.quantize(256, dither=Image.Dither.NONE).save(sys.argv[1], optimize=True)
    browser.close()
