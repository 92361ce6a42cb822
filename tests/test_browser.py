"""The page in a real browser: what a reader sees, filters, sorts, opens and reaches by keyboard."""

import contextlib
import csv
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest

from compare_fixtures import write_log
from emotiw.corpora import manifest
from emotiw.demo import design
from emotiw.jobs import store
from emotiw.report import contact_page, contact_sheet
from emotiw.workflow import ending as run_end
from evaluation_fixtures import evaluate, fuse_all, make_run, write_report
from media_fixtures import talking

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (requirements.lock)")

WIDTHS = {"phone": 390, "desktop": 1280}
N_CLIPS = 56


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("browser") / "report", n_clips=N_CLIPS, n_folds=3)
    fuse_all(run)
    evaluate(run)
    write_log(run.folder.parent, "faces.log", "INFO x: took 7.25 s of CPU time and 300 MB of memory")
    run_end.record(run.folder.parent, datetime.now(UTC), succeeded=True)
    return write_report(run).as_uri()


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs a browser: install chromium (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


class Heard:
    """What a page says on its console, throws and asks the network for."""

    def __init__(self, page):
        self.faults, self.requests = [], []
        page.on("console", lambda it: self.faults.append(it.text) if it.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture(params=WIDTHS)
def opened(request, browser, address):
    """The page at a phone's and at a desktop's width, and what is heard of it."""
    page = browser.new_page(viewport={"width": WIDTHS[request.param], "height": 900})
    heard = Heard(page)
    page.goto(address, wait_until="load")
    yield page, heard
    page.close()


@pytest.fixture
def page(browser, address):
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(address, wait_until="load")
    yield opened
    opened.close()


def shown(page):
    """Clips in the list, from top to bottom."""
    return page.eval_on_selector_all("#table tr[data-i]:not([hidden])", "rows => rows.map((row) => row.dataset.clip)")


def await_true(page, condition):
    for _ in range(100):  # the page's policy forbids what `wait_for_function` does
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("the page did not get there in 5 s")


def open_all(page):
    page.locator(".clip").first.click()
    page.evaluate("for (const it of document.querySelectorAll('details:not(:has(iframe))')) it.open = true")


def test_it_opens_from_a_file_without_a_fault_or_a_request(opened, address):
    page, heard = opened
    open_all(page)
    page.locator(".player button").click()
    assert heard.faults == []
    assert [url for url in heard.requests if not url.startswith("data:")] == [address]


def test_the_costs_of_the_run_open_in_the_page(page, address):
    heard = Heard(page)
    page.locator("#cost-by-stage summary").click()
    page.frame_locator("iframe.costs").get_by_text("1 job took").wait_for()
    assert heard.faults == []
    assert heard.requests == [address.replace("report/report.html", "logs/costs.html")]


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """The address of a page below whose folder two clips lie: a film, and a file that is none."""
    folder = tmp_path_factory.mktemp("beside")
    with contextlib.chdir(folder):
        run = make_run(Path("run"), n_clips=N_CLIPS, n_folds=3)
        fuse_all(run)
        evaluate(run)
        first, second, *_ = run.corpus.rows
        (folder / first.path).write_bytes(talking(design.Design(), 1.0))
        (folder / second.path).write_bytes(b"no film")
        write_report(run)
    return (folder / "run/report.html").as_uri(), first, second


def opened_clip(browser, address, row):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}#clips?clip={row.clip}", wait_until="load")
    page.locator(".player").wait_for()
    return page


def test_a_clip_beside_the_page_plays_and_moves_its_scores(browser, beside):
    address, film, _ = beside
    page = opened_clip(browser, address, film)
    heard = Heard(page)
    await_true(page, lambda: page.locator("video").is_visible())
    assert page.locator("video").evaluate("it => it.getAttribute('src')") == f"../{film.path}"
    page.locator(".player button").click()
    await_true(page, lambda: float(page.locator(".player input").input_value()) > 0.2)
    page.locator(".player input").fill("0.5")
    await_true(page, lambda: abs(page.locator("video").evaluate("it => it.currentTime") - 0.5) < 0.01)
    assert page.locator("video").evaluate("it => it.paused")
    assert heard.faults == []
    page.close()


def test_a_file_that_is_missing_or_no_film_leaves_the_faces(browser, beside):
    address, film, spoilt = beside
    missing = next(row for row in manifest.read(Path(url2pathname(urlparse(address).path)).parent / "manifest.csv").rows
                   if row.clip not in (film.clip, spoilt.clip))  # fmt: skip
    for row in (spoilt, missing):
        page = opened_clip(browser, address, row)
        await_true(page, lambda page=page: page.locator("video").count() == 0)
        assert page.locator(".player button").is_visible()
        page.close()


def test_the_contact_sheets_open_without_a_fault(browser, address):
    folder = Path(url2pathname(urlparse(address).path)).parent
    corpus = manifest.read(folder / "manifest.csv")
    where = folder / "sheets" / "contact_sheets.html"
    where.parent.mkdir()
    where.write_text(contact_page.render(corpus, folder / "faces"))
    (where.parent / "contact_sheets").mkdir()
    for job in sorted({row.job for row in corpus.rows}):
        entries = list(store.read(folder / "faces" / f"{job}.h5", "faces").entries.values())
        (where.parent / "contact_sheets" / f"{job}.png").write_bytes(contact_sheet.sheet(entries))
    page = browser.new_page()
    heard = Heard(page)
    page.goto(where.as_uri(), wait_until="load")
    assert heard.faults == []
    page.close()


def test_nothing_is_wider_than_the_screen(opened):
    page, _ = opened
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_column_of_a_phone_is_narrower_than_a_word(opened):
    page, _ = opened
    open_all(page)
    narrow = page.evaluate("""[...document.querySelectorAll("table:not(#table) td, table:not(#table) th")]
        .filter((it) => it.textContent.trim().length > 12 && it.clientWidth && it.clientWidth < 40)
        .map((it) => `${it.closest("table").dataset.name}: ${it.textContent.trim()}`)""")
    assert narrow == []


def test_the_page_prints_on_six_pages_without_what_is_for_the_screen(page):
    pages = re.findall(rb"/Type\s*/Page[^s]", page.pdf(format="A4"))
    assert 3 <= len(pages) <= 6
    page.emulate_media(media="print")
    for selector in ("nav", ".controls", ".exports", "details:not([open])", "#methods-text"):
        assert not page.locator(f"{selector}:visible").count(), selector
    assert page.locator("#table tr[data-i]:visible").count() == 10
    assert page.locator("figure.chart svg:visible").count() == 4  # the tables hold the values of the other two


def test_a_dark_screen_has_a_dark_page_and_light_text(browser, address):
    page = browser.new_page(color_scheme="dark")
    page.goto(address)
    look = "getComputedStyle(document.querySelector('{}')).{}"
    assert page.evaluate(look.format("body", "backgroundColor")) == "rgb(22, 22, 22)"
    assert page.evaluate(look.format(".chart svg text", "fill")) == "rgb(236, 236, 236)"
    assert page.evaluate(look.format(".chart svg > rect", "fill")) == "none"
    page.close()


def test_without_scripts_the_charts_and_the_first_clips_are_there(browser, address):
    page = browser.new_page(java_script_enabled=False)
    page.goto(address)
    assert page.locator("figure.chart svg:visible").count() == 6
    assert page.locator("#table tbody tr").count() == 50
    page.close()


def test_the_list_has_pages(page):
    assert page.locator("#table tr[data-i]").count() == 50
    assert page.locator("#range").inner_text() == f"1 to 50 of {N_CLIPS}"
    page.locator("#next").click()
    assert page.locator("#range").inner_text() == f"51 to {N_CLIPS} of {N_CLIPS}"
    assert page.locator("#next").is_disabled()
    page.locator("#previous").click()
    assert page.locator("#previous").is_disabled()


def test_confident_errors_come_first(page):
    rows = page.eval_on_selector_all(
        "#table tr[data-i]",
        "rows => rows.map((row) => [!!row.querySelector('.wrong'), row.querySelector('.bar').innerText])",
    )
    wrong = [float(value) for is_wrong, value in rows if is_wrong]
    assert [is_wrong for is_wrong, _ in rows] == [True] * len(wrong) + [False] * (len(rows) - len(wrong))
    assert wrong == sorted(wrong, reverse=True)


def test_a_cell_of_a_confusion_matrix_lists_its_clips(page):
    cell = page.locator('figure.confusion [data-go*="by=video"]:not(.diagonal)').first
    wanted = dict(pair.split("=") for pair in cell.get_attribute("data-go").split("&"))
    n = int(re.search(r": (\d+);", cell.text_content())[1])
    cell.dispatch_event("click", {"bubbles": True})
    await_true(page, lambda: page.input_value("#by") == "video")
    assert len(shown(page)) == n
    assert {row[0] for row in cells(page, "truth", "video")} == {wanted["truth"]}
    assert {row[1] for row in cells(page, "truth", "video")} == {wanted["predicted"]}


def cells(page, *names):
    selectors = ", ".join(f"row.querySelector('td[data-label={name}]').innerText" for name in names)
    return page.eval_on_selector_all("#table tr[data-i]", f"rows => rows.map((row) => [{selectors}])")


def test_the_address_holds_the_filters_and_the_open_clip(page, browser):
    page.select_option("#truth", "fear")
    page.fill("#find", "clip0")
    page.locator(".clip").first.click()
    opened = page.locator('.clip[aria-expanded="true"]').inner_text()
    assert page.url.endswith(f"#clips?find=clip0&truth=fear&clip={opened}")
    other = browser.new_page()
    other.goto(page.url)
    assert shown(other) == shown(page)
    assert other.locator('.clip[aria-expanded="true"]').inner_text() == opened
    other.close()


def test_a_link_to_a_clip_opens_it(browser, address):
    page = browser.new_page()
    page.goto(f"{address}#clip=clip055")
    assert page.locator('.clip[aria-expanded="true"]').inner_text() == "clip055"
    assert page.locator(".detail table").count() == 1
    page.close()


def test_the_faces_of_a_clip_play_beside_its_scores(page):
    page.fill("#find", "clip000")
    page.locator("tr[data-clip=clip000] .clip").click()
    place = page.locator(".player input")
    face = "getComputedStyle(document.querySelector('.face')).backgroundPositionX"
    look = f"[{face}, document.querySelector('.cursor').getAttribute('x1')]"
    before = page.evaluate(look)
    page.locator(".player button").click()
    await_true(page, lambda: float(place.input_value()) > 0.2)
    page.locator(".player button").click()
    assert float(place.input_value()) > 0.2
    assert all(a != b for a, b in zip(before, page.evaluate(look), strict=True))
    assert page.locator(".player button").inner_text() == "Play"


def test_every_table_is_saved_as_csv_and_latex(page):
    for label, ending in (("CSV", "csv"), ("LaTeX", "tex")):
        with page.expect_download() as download:
            page.locator(f'button[aria-label="{label} of systems_test"]').click()
        assert download.value.suggested_filename == f"systems_test.{ending}"
        text = download.value.path().read_text()
        assert "baseline: LBP-TOP + SVM" in text
        if ending == "csv":
            rows = list(csv.reader(text.splitlines()))
            assert {len(row) for row in rows} == {6}
            assert rows[0][:2] == ["system", "accuracy (95 % interval)"]
        else:
            assert "\\toprule" in text
            assert "%" not in text.partition("\n")[2].replace("\\%", "")


@pytest.mark.parametrize(
    ("name", "part"), [("methods.tex", "cite{ding2016}"), ("references.bib", "@inproceedings{ding2016")]
)
def test_methods_and_references_are_saved(page, name, part):
    page.evaluate("for (const it of document.querySelectorAll('details')) it.open = true")
    with page.expect_download() as download:
        page.locator(f'button[aria-label="Save of {name}"]').click()
    assert part in download.value.path().read_text()


@pytest.mark.parametrize(("control", "value"), [("judged", "a1 v0"), ("truth", "fear"), ("source", "audio")])
def test_filters_leave_the_clips_that_they_name(page, control, value):
    page.select_option(f"#{control}", value)
    clips = page.evaluate("JSON.parse(document.getElementById('clip-data').textContent)")
    keys = {
        "judged": lambda it: it["m"].split(),
        "truth": lambda it: [clips["classes"][it["l"]]],
        "source": lambda it: [it["o"]],
    }
    expected = {it["n"] for it in clips["clips"] if set(value.split()) <= set(keys[control](it))}
    assert set(shown(page)) == expected
    assert page.locator("#shown").inner_text() == f"{len(expected)} of {N_CLIPS} clips"


def test_the_search_finds_clips_and_subjects(page):
    page.select_option("#sort", "clip")
    page.fill("#find", "CLIP00")
    assert shown(page) == [f"clip{i:03d}" for i in range(10)]
    page.fill("#find", "s05")
    assert shown(page) == ["clip001", "clip014", "clip027", "clip040", "clip053"]


@pytest.mark.parametrize(("key", "label"), [("truth", "truth"), ("predicted", "fusion"), ("confidence", "confidence")])
def test_the_list_is_sorted_by_its_field(page, key, label):
    page.select_option("#sort", key)
    values = [value.rstrip(" ✓✗") for (value,) in cells(page, label)]
    assert values == sorted(values, reverse=key == "confidence")


def test_a_click_opens_the_scores_of_a_clip_and_another_closes_them(page):
    page.fill("#find", "clip001")
    clip = page.locator(".clip").first
    clip.click()
    detail = page.locator(".detail")
    assert detail.locator("table tbody tr").count() == 7
    assert detail.locator("svg").count() == 1
    assert clip.get_attribute("aria-expanded") == "true"
    clip.click()
    assert not detail.count()


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ("clip003", "video could not judge"),
        ("clip010", "Audio over time: not available"),
        ("clip017", "video and audio could"),
    ],
)
def test_what_is_missing_is_said(page, clip, said):
    page.fill("#find", clip)
    page.locator(f"tr[data-clip={clip}] .clip").click()
    assert said in page.locator(".detail").inner_text()


def focused(page):
    return page.evaluate("document.activeElement.textContent")


def test_the_keyboard_moves_opens_and_closes_with_the_focus_visible(page):
    page.select_option("#sort", "clip")
    page.locator("#sort").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.clip')"):
            break
    assert focused(page) == "clip000"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "clip002"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    page.keyboard.press("Enter")
    assert page.locator(".detail svg").count() == 1
    page.keyboard.press("ArrowUp")
    assert focused(page) == "clip001"
    assert page.evaluate("document.querySelector('.detail').previousElementSibling.dataset.clip") == "clip001"
    page.keyboard.press("Escape")
    assert not page.locator(".detail").count()
    page.keyboard.press("End")
    assert focused(page) == "clip055"
    assert page.locator("#range").inner_text() == f"51 to {N_CLIPS} of {N_CLIPS}"
    page.keyboard.press("PageUp")
    page.keyboard.press("Home")
    assert focused(page) == "clip000"


def test_one_press_of_tab_leaves_the_list(page):
    page.locator(".clip").first.focus()
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('.clip')")


def test_a_filter_closes_the_scores_of_a_clip_that_it_hides(page):
    page.select_option("#sort", "clip")
    page.locator("tr[data-clip=clip000] .clip").click()
    page.fill("#find", "clip001")
    assert not page.locator(".detail").count()
    assert page.locator('.clip[tabindex="0"]').inner_text() == "clip001"
