"""The page of predictions in a real browser: what a reader sees and sorts, on a phone and on a desktop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotiw.prediction.bundle import Bundle
from emotiw.prediction.output_files import PredictionFolder
from emotiw.prediction.prediction import Prediction
from test_browser import WIDTHS, browser, playwright

__all__ = ["browser", "playwright"]

ABOUT = {
    "run": "mine",
    "sha256": "0" * 64,
    "classes": ["anger", "happiness"],
    "trained_on": {"synthetic": False, "corpus": "csv", "n_clips": 9, "n_subjects": 3, "note": "read with care"},
    "licences": {"corpus": "unknown"},
    "averaging": "one member a fold",
    "members": [{"fold": "fold1"}],
}


def judged(name, share):
    values = np.array([share, 1 - share])
    posteriors = {"fusion": values, "video": values, "audio": None}
    face = np.full((128, 128, 3), 90, np.uint8)
    found = Prediction(Path(name), ("anger", "happiness"), posteriors, {"video": "ok", "audio": "no_audio"})
    return replace(found, strip=((0.0, face),), min_confidence=0.6)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = PredictionFolder(tmp_path_factory.mktemp("predictions"), Bundle(Path(), ABOUT))
    for name, share in ((f"{'long_' * 30}a.mp4", 0.855), ("b.mp4", 0.9), ("c.mp4", 0.55), ("d.mp4", 0.0996)):
        folder.add(judged(name, share))
    folder.finish()
    return (folder.folder / "predictions.html").as_uri()


@pytest.fixture(params=WIDTHS)
def page(request, browser, address):
    opened = browser.new_page(viewport={"width": WIDTHS[request.param], "height": 900})
    opened.goto(address, wait_until="load")
    yield opened
    opened.close()


def column(page, i):
    return page.eval_on_selector_all("#clips tbody tr", f"rows => rows.map((row) => row.cells[{i}].textContent.trim())")


def test_nothing_is_wider_than_the_screen(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_row_shows_the_face_the_winner_and_its_probability(page):
    assert page.locator("#clips img.face:visible").count() == 4
    assert page.evaluate("[...document.querySelectorAll('#clips img')].every((it) => it.naturalWidth === 64)")
    assert column(page, 2) == ["anger", "anger", "uncertain (anger)", "happiness"]
    assert column(page, 3) == ["86 %", "90 %", "55 %", "90 %"]
    assert "trained on 9 clips of 3 subjects of csv; it was not tested" in page.inner_text("body")


@pytest.mark.parametrize(
    ("i", "expected"),
    [(3, ["55 %", "86 %", "90 %", "90 %"]), (2, ["anger", "anger", "happiness", "uncertain (anger)"])],
)
def test_a_head_sorts_up_and_down_and_says_so(page, i, expected):
    head = page.locator("#clips th").nth(i)
    head.locator("button").click()
    assert column(page, i) == expected
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert column(page, i) == expected[::-1]
    assert head.get_attribute("aria-sort") == "descending"
