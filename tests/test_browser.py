"""The page in a real browser: what a reader sees, filters, sorts, opens and reaches by keyboard."""

import shutil

import pytest

from evaluation_fixtures import evaluate, fuse_all, make_run, write_report

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (requirements.lock)")

WIDTHS = {"phone": 390, "desktop": 1280}
N_CLIPS = 56


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("browser"), n_clips=N_CLIPS, n_folds=3)
    fuse_all(run)
    evaluate(run)
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


def draw_all(page):
    for figure in page.query_selector_all("figure.chart"):
        figure.scroll_into_view_if_needed()
        page.wait_for_selector(f"#{figure.get_attribute('id')}.drawn")


def test_it_opens_from_a_file_without_a_fault_or_a_request(opened, address):
    page, heard = opened
    draw_all(page)
    page.locator(".clip").first.click()
    assert heard.faults == []
    assert [url for url in heard.requests if not url.startswith("data:")] == [address]


def test_nothing_is_wider_than_the_screen(opened):
    page, _ = opened
    draw_all(page)
    page.locator(".clip").first.click()
    for name in page.query_selector_all("#paper details, #data details"):
        name.evaluate("it => { it.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_charts_are_drawn_live_and_their_stills_give_way(page):
    assert page.locator("figure.chart").count() == 6
    draw_all(page)
    assert page.locator("figure.chart .live svg").count() == 6
    assert not page.locator("figure.chart .still:visible").count()
    assert "anger" in page.locator("#chart-recall .live svg").text_content()


def test_on_paper_stills_stand_for_the_live_charts(page):
    draw_all(page)
    page.emulate_media(media="print")
    assert page.locator("figure.chart .still:visible").count() == 6
    assert not page.locator("figure.chart .live:visible").count()


def test_without_scripts_the_stills_and_every_clip_are_there(browser, address):
    page = browser.new_page(java_script_enabled=False)
    page.goto(address)
    assert page.locator("figure.chart .still:visible").count() == 6
    assert page.locator("#table tr[data-i]").count() == N_CLIPS
    page.close()


def test_pictures_are_made_only_near_the_screen(page):
    page.locator("#list").scroll_into_view_if_needed()
    page.wait_for_selector("#table .faces img")
    assert 0 < page.locator("#table .faces img").count() < N_CLIPS - 2
    page.locator("#list").evaluate("it => it.scrollTo(0, it.scrollHeight)")
    page.wait_for_selector('#table tr[data-clip="clip055"] img')


@pytest.mark.parametrize(("control", "value"), [("errors-of", "a1 v0"), ("truth", "fear"), ("source", "audio")])
def test_filters_leave_the_clips_that_they_name(page, control, value):
    page.select_option(f"#{control}", value)
    key = {"errors-of": "marks"}.get(control, control)
    rows = page.eval_on_selector_all(
        "#table tr[data-i]", f"rows => rows.map((row) => [row.dataset.clip, row.dataset.{key}.split(' '), row.hidden])"
    )
    assert {name for name, marks, hidden in rows if not hidden} == {
        name for name, marks, _ in rows if set(value.split()) <= set(marks)
    }
    assert page.locator("#shown").inner_text() == f"{len(shown(page))} of {N_CLIPS} clips"


def test_the_search_finds_clips_and_subjects(page):
    page.fill("#find", "CLIP00")
    assert shown(page) == [f"clip{i:03d}" for i in range(10)]
    page.fill("#find", "s05")
    assert shown(page) == ["clip001", "clip014", "clip027", "clip040", "clip053"]


def test_a_head_sorts_up_and_down_and_says_so(page):
    head = page.locator("#table th[data-key='confidence']")
    for expected in ("ascending", "descending"):
        head.locator("button").click()
        values = page.eval_on_selector_all("#table tr[data-i]", "rows => rows.map((row) => +row.dataset.confidence)")
        assert values == sorted(values, reverse=expected == "descending")
        assert head.get_attribute("aria-sort") == expected
    assert page.input_value("#sort") == "confidence"


def test_the_list_of_a_phone_sorts_by_its_field(page):
    page.select_option("#sort", "truth")
    truths = page.eval_on_selector_all("#table tr[data-i]", "rows => rows.map((row) => row.dataset.truth)")
    assert truths == sorted(truths)


def test_a_click_opens_the_scores_of_a_clip_and_another_closes_them(page):
    clip = page.locator(".clip").nth(1)
    clip.click()
    detail = page.locator(".detail")
    assert detail.locator("table tbody tr").count() == 7
    assert detail.locator("svg").count() == 2
    assert "constant" in detail.inner_text()
    assert clip.get_attribute("aria-expanded") == "true"
    clip.click()
    assert not detail.count()


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ("clip003", "video could not predict"),
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
    page.locator("#sort").focus()
    for _ in range(12):  # the link, the list and the heads that sort lie between
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.clip')"):
            break
    assert focused(page) == "clip000"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "clip002"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    page.keyboard.press("Enter")
    assert page.locator(".detail svg").count() == 2
    page.keyboard.press("ArrowUp")
    assert focused(page) == "clip001"
    assert page.evaluate("document.querySelector('.detail').previousElementSibling.dataset.clip") == "clip001"
    page.keyboard.press("Escape")
    assert not page.locator(".detail").count()
    page.keyboard.press("End")
    assert focused(page) == "clip055"
    page.keyboard.press("PageUp")
    page.keyboard.press("Home")
    assert focused(page) == "clip000"


def test_one_press_of_tab_leaves_the_list(page):
    page.locator(".clip").first.focus()
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('.clip')")


def test_a_filter_closes_the_scores_of_a_clip_that_it_hides(page):
    page.locator("tr[data-clip=clip000] .clip").click()
    page.fill("#find", "clip001")
    assert not page.locator(".detail").count()
    assert page.locator('.clip[tabindex="0"]').inner_text() == "clip001"
