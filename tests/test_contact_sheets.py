"""Contact sheets: the strip of a clip, and the page that shows all of them, suspicious tracks first."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.corpora.manifest import Manifest
from emotiw.jobs import store
from emotiw.jobs.store import Entry
from emotiw.report import contact_page, contact_sheet
from evaluation_fixtures import FACES_FACTS, faces_arrays, make_run, rows, start
from test_page import Page

PAPER = (0xF2,) * 3


def entry(name="clip", *, n=9, facts=(), **arrays):
    found = {key: values[:n] for key, values in faces_arrays(np.random.default_rng(0)).items()}
    return Entry(name, found | arrays, facts=FACES_FACTS | dict(facts))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)), np.uint8)


def cells(strip):
    """The places of the chips in a strip, those that hold one."""
    top = contact_sheet.HEAD_PX
    lefts = [contact_sheet.GAP_PX + i * (contact_sheet.CHIP_PX + contact_sheet.GAP_PX) for i in range(12)]
    found = [strip[top : top + contact_sheet.CHIP_PX, x : x + contact_sheet.CHIP_PX] for x in lefts]
    return [cell for cell in found if (cell != PAPER).any()]


# --- the strip ---------------------------------------------------------------------------------------------------


def test_a_strip_shows_at_most_twelve_chips():
    chips = np.full((30, 64, 64, 3), np.arange(30)[:, None, None, None], np.uint8)
    strip = pixels(contact_sheet.sheet([entry(chips=chips, time=np.arange(30) / 25)]))
    assert strip.shape == (contact_sheet.HEIGHT, contact_sheet.WIDTH, 3)
    assert [int(cell.mean()) for cell in cells(strip)] == [0, 3, 5, 8, 11, 13, 16, 18, 21, 24, 26, 29]


def test_fewer_chips_are_all_shown():
    assert len(cells(pixels(contact_sheet.sheet([entry(n=5)])))) == 5


def test_chips_are_evenly_spaced_in_time_and_not_in_number():
    times = np.array([0.0, 0.1, 0.2, 0.3, 5.0, 10.0])
    assert contact_sheet.evenly_spaced(times, 3) == [0, 4, 5]
    assert contact_sheet.evenly_spaced(times, 12) == [0, 3, 4, 5]
    assert contact_sheet.evenly_spaced(times[:1], 12) == [0]


def test_the_strips_of_a_job_stand_under_one_another():
    one, two = entry("one"), entry("two", n=4)
    both = pixels(contact_sheet.sheet([one, two]))
    np.testing.assert_array_equal(both[: contact_sheet.HEIGHT], pixels(contact_sheet.sheet([one])))
    np.testing.assert_array_equal(both[contact_sheet.HEIGHT :], pixels(contact_sheet.sheet([two])))


def test_the_time_of_each_frame_stands_under_its_chip():
    early, late = (pixels(contact_sheet.sheet([entry(time=np.arange(9) + start)])) for start in (0, 100))
    below = contact_sheet.HEAD_PX + contact_sheet.CHIP_PX
    assert (early[below:] != late[below:]).any()
    np.testing.assert_array_equal(early[:below], late[:below])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (entry(), "ok, a face in 90% of 10 frames"),
        (entry(facts={"n_kept": 4, "kept_fraction": 0.4}), "ok, a face in 90% of 10 frames, kept in 40%"),
        (Entry("x", status=Status.NO_VIDEO), "no_video"),
    ],
)
def test_a_summary_says_status_and_fraction(given, expected):
    assert contact_sheet.summary(given) == expected


@pytest.mark.parametrize("facts", [{}, {"reason": "ends early; " * 40}])
def test_a_clip_without_faces_gets_a_strip_that_says_its_status(facts):
    strips = [
        pixels(contact_sheet.sheet([Entry("clip", status=status, facts=facts)]))
        for status in (Status.NO_FACE, Status.UNDECODABLE)
    ]
    middle = slice(contact_sheet.HEAD_PX + 2, contact_sheet.HEAD_PX + contact_sheet.CHIP_PX - 2)
    assert all(1 < len(np.unique(strip[middle, 5:-5])) for strip in strips)
    assert (strips[0][middle] != strips[1][middle]).any()


def test_a_long_id_leaves_room_for_the_summary():
    long, short = (pixels(contact_sheet.sheet([entry(name)])) for name in ("W" * 128, "W"))
    right = slice(contact_sheet.WIDTH - 150, None)
    np.testing.assert_array_equal(long[: contact_sheet.HEAD_PX, right], short[: contact_sheet.HEAD_PX, right])
    assert (long != short).any()


def test_a_sheet_is_the_same_twice_and_holds_no_metadata():
    png = contact_sheet.sheet([entry(), Entry("none", status=Status.NO_FACE)])
    assert png == contact_sheet.sheet([entry(), Entry("none", status=Status.NO_FACE)])
    chunks, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        chunks.append(png[place + 4 : place + 8])
        place += 12 + length
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}


# --- what is suspicious ------------------------------------------------------------------------------------------


def boxes(*lefts):
    return np.array([(left, 0, left + 9, 9) for left in lefts], np.int32)


@pytest.mark.parametrize(
    ("given", "reasons", "suspicion"),
    [
        (entry(), [], 0.1),
        (entry(facts={"kept_fraction": 0.6}), ["no face kept in 40% of the frames"], 0.4),
        (entry(n=3, box=boxes(0, 50, 50), facts={"kept_fraction": 1}), ["1 jump"], 1 / 3),
        (entry(n=5, box=boxes(0, 50, 0, 50, 0), facts={"kept_fraction": 1}), ["4 jumps"], 1),
        (entry(facts={"n_cuts": 9, "n_scenes": 3, "kept_fraction": 1}), ["3 scenes"], 2 / 3),
        (entry(n=4, score=np.float32([0.1, 0.2, 1, 1]), facts={"kept_fraction": 1}), ["faint in 50%"], 0.5),
        (entry(facts={"n_faces_max": 2, "kept_fraction": 1}), ["2 faces at once"], 0.25),
        (entry(facts={"n_faces_max": 40, "kept_fraction": 1}), ["40 faces at once"], 1),
    ],
)
def test_reasons_and_suspicion_of_a_track(given, reasons, suspicion):
    found = contact_page.track_quality(given)
    assert found.reasons == reasons
    assert found.suspicion == pytest.approx(suspicion)


def item(clip, status=Status.OK, reasons=(), suspicion=0.0):
    return contact_page.ClipStrip(clip, "s", "job", 0.0, "ok", status, reasons, suspicion)


def test_the_most_suspicious_come_first_then_clips_without_a_track_then_the_rest():
    clips = [
        item("b", suspicion=0.1),
        item("a", suspicion=0.1),
        item("none", Status.NO_FACE),
        item("odd", reasons=["1 jump"], suspicion=0.5),
        item("odder", reasons=["2 jumps"], suspicion=0.7),
    ]
    found = {name: [it.clip for it in group] for name, group in contact_page.groups(clips).items()}
    assert found == {"Suspicious": ["odder", "odd"], "Without a track": ["none"], "Unremarkable": ["a", "b"]}


# --- the page ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("contact"), n_clips=20)


@pytest.fixture(scope="module")
def text(run):
    return contact_page.render(run.corpus, run.folder / "faces")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_clip_has_one_picture_that_loads_late_and_a_text_instead(page, run):
    pictures = page.of("img")
    assert sorted(it["src"] for it in pictures) == [f"contact_sheets/clip{i:03d}.png" for i in range(20)]
    assert all(it["loading"] == "lazy" and it["alt"] for it in pictures)
    assert {(it["width"], it["height"]) for it in pictures} == {(str(contact_sheet.WIDTH), str(contact_sheet.HEIGHT))}


def test_nothing_but_the_sheets_is_loaded(page, text):
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert attrs.get(name, "#").startswith(("contact_sheets/", "#", "data:,")), (tag, attrs)
    assert "://" not in text
    assert any("default-src 'none'" in attrs.get("content", "") for attrs in page.of("meta"))


def test_jobs_whose_clips_are_sound_alone_have_no_sheet(run):
    spoken = replace(run.corpus.rows[0], clip="spoken", job="spoken", format="flac", rate_hz="16000", channels="1")
    spoken = replace(spoken, width="", height="", fps="")
    text = contact_page.render(replace(run.corpus, rows=(*run.corpus.rows, spoken)), run.folder / "faces")
    assert len(Page(text).of("img")) == 20
    assert "spoken" not in text


def test_clips_without_faces_are_named_with_their_status(page):
    texts = {figure["data-text"].split()[0]: figure["data-text"] for figure in page.of("figure")}
    assert "no_face" in texts["clip003"]
    assert "undecodable" in texts["clip017"]
    assert "Without a track (2)" in page.text


def test_a_synthetic_corpus_is_announced(page, run):
    assert "SYNTHETIC CORPUS" in page.text
    real = replace(run.corpus, synthetic=False)
    assert "SYNTHETIC" not in contact_page.render(real, run.folder / "faces")


def test_a_clip_of_a_batch_is_shown_by_its_place_in_the_sheet(tmp_path):
    clips = [replace(row, job="batch-0") for row in rows(3, 0)]
    entries = [entry(row.clip) for row in clips]
    store.write(tmp_path / "batch-0.h5", "faces", entries, stage={})
    page = Page(contact_page.render(Manifest(tuple(clips), ("anger",), "x"), tmp_path))
    styles = {it["alt"].split()[2]: it.get("style") for it in page.of("img")}
    assert styles == {
        "clip000:": None,
        "clip001:": "object-position: 0 50.0000%",
        "clip002:": "object-position: 0 100.0000%",
    }
    assert {it["src"] for it in page.of("img")} == {"contact_sheets/batch-0.png"}


def test_a_missing_artefact_is_an_error(run, tmp_path):
    with pytest.raises(StoreError, match=r"clip000\.h5: missing; run the workflow"):
        contact_page.render(run.corpus, tmp_path)


def test_the_programs_write_sheet_and_page(run, tmp_path):
    start("contact_sheet", {"settings": {}}, faces=run.folder / "faces/clip000.h5", output=tmp_path / "clip000.png")
    assert pixels((tmp_path / "clip000.png").read_bytes()).shape[0] == contact_sheet.HEIGHT
    start(
        "contact_page",
        {"settings": {}},
        manifest=run.table,
        faces=run.folder / "faces",
        output=tmp_path / "page.html",
    )
    expected = contact_page.render(manifest.read(run.table), run.folder / "faces")
    assert (tmp_path / "page.html").read_text() == expected
