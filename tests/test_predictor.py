"""Prediction of clips: statuses and reasons, segments, timelines, files, the command and its exit status."""

import csv
import html
import json
import os
import re
import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import threadpoolctl
import torch
from typer.testing import CliRunner

import bundle_fixtures as tiny
import media_fixtures as made
from emotiw import cli
from emotiw.audio.sound import TooShortError
from emotiw.core.clip_suffixes import CLIPS
from emotiw.core.errors import BundleError, ConfigError, FeatureError, MediaError
from emotiw.core.status import Status
from emotiw.corpora import interface
from emotiw.demo import design
from emotiw.fusion import fused_posteriors, schemes
from emotiw.media import soundtrack, video_frames
from emotiw.prediction import batch, card, clip_files, console, output_files, probes, records, segments, timeline
from emotiw.prediction import bundle as bundles
from emotiw.prediction import prediction as predictions
from emotiw.prediction import predictor as predictors
from emotiw.prediction.predictor import Predictor

pytestmark = pytest.mark.usefixtures("one_process")

DESIGN = design.Design(n_subjects=7, n_train=3, n_val=2)


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    """A rendered clip of two seconds with a face and a voice."""
    path = tmp_path_factory.mktemp("clips") / "talking.mp4"
    path.write_bytes(made.talking(DESIGN, 1.6))
    return path


@pytest.fixture(scope="module")
def judged(predictor, talking):
    (found,) = predictor.predict([talking])
    return found


def one(predictor, path):
    (found,) = predictor.predict([path])
    return found


def test_a_clip_gets_posteriors_of_all_classes(judged):
    assert judged.status == {"video": "ok", "audio": "ok"}
    assert judged.emotion in tiny.CLASSES
    assert judged.source == "fusion"
    assert judged.reason == ""
    for values in judged.posteriors.values():
        assert values.shape == (3,)
        assert values.sum() == pytest.approx(1, rel=0, abs=1e-12)
    assert judged.duration_s == pytest.approx(1.6, abs=0.1)
    assert len(judged.parts) == 1
    assert 1 < len(judged.strip) <= predictors.STRIP


def test_the_timeline_is_of_windows_that_are_judged_as_clips_are(judged, predictor):
    track = judged.timeline
    np.testing.assert_allclose(np.diff(track.time_s), predictions.STEP_S)
    for values in track.posteriors.values():
        known = ~np.isnan(values).any(axis=1)
        assert known.all()
        np.testing.assert_allclose(values.sum(axis=1), 1, rtol=0, atol=1e-12)
    fusion = predictor.recogniser.members[0].fusion
    scores = schemes.weighted_sum(track.posteriors["audio"], track.posteriors["video"], fusion.weights["joint"])
    np.testing.assert_array_equal(track.posteriors["fusion"].argmax(axis=1), scores.argmax(axis=1))
    expected = fused_posteriors.posteriors(scores, fusion.fused_scales["joint"])
    np.testing.assert_allclose(track.posteriors["fusion"], expected)


def test_a_window_as_long_as_the_clip_gets_the_clips_posteriors(judged, predictor, run):
    faces, sound = (run.entry(name, "clip04").arrays["features"] for name in ("dense_sift", "egemaps"))
    encoded = predictor.recogniser.encode({"dense_sift": faces}, {"egemaps": sound})
    whole = predictor.recogniser.predict(encoded).mean
    all_rows = [{"dense_sift": np.arange(len(faces))}], [{"egemaps": np.arange(len(sound))}]
    track = predictor.recogniser.timeline(encoded, *all_rows)
    for name, values in whole.items():
        np.testing.assert_allclose(track[name][0], values)


def test_windows_hold_each_features_own_frames():
    fine, coarse = np.arange(0, 2, 0.04), np.arange(0, 2, 0.5)
    windows = predictors.windows_of({"fine": fine, "coarse": coarse, "none": fine[:0]}, np.array([0.125, 1.0, 5.0]))
    for window, centre in zip(windows, (0.125, 1.0, 5.0), strict=True):
        for name, times in (("fine", fine), ("coarse", coarse)):
            np.testing.assert_array_equal(window[name], np.flatnonzero(abs(times - centre) <= 0.5))
        assert not len(window["none"])
    assert [len(window["coarse"]) for window in windows] == [2, 3, 0]
    fewest = predictors.windows_of({"coarse": coarse}, np.array([0.125, 1.0]), 3)
    assert [len(window["coarse"]) for window in fewest] == [0, 3]


def test_a_clip_is_judged_alike_whatever_was_judged_before(judged, predictor, talking, tmp_path):
    *_, again = predictor.predict([tmp_path / "none.mp4", talking])
    for name, values in judged.posteriors.items():
        np.testing.assert_array_equal(again.posteriors[name], values)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda p: made.clip(p, n=10, sound=0 * made.tone(1)),
            r"neither face nor voice: video no face \(0 faces in 5 fr",
        ),
        (lambda p: made.clip(p, n=10), r"audio no audio"),
        (lambda p: p.write_bytes(b""), r"video undecodable .* empty file"),
        (lambda p: p.write_text("hello"), r"Invalid data found"),
        (lambda p: p.write_text("ffconcat version 1.0\nfile /etc/hostname\n"), r"format not allowed"),
        (lambda p: made.halve(made.clip(p, n=20)), r"video undecodable"),
        (os.mkfifo, r"not a regular file"),
        (lambda p: None, r"No such file"),
    ],
)
def test_a_clip_that_cannot_be_judged_has_a_reason(predictor, tmp_path, make, reason):
    make(tmp_path / "x.mp4")
    found = one(predictor, tmp_path / "x.mp4")
    assert found.emotion is None
    assert found.source == "none"
    assert set(found.posteriors.values()) == {None}
    assert re.search(reason, found.reason), found.reason


def test_sound_alone_is_judged_by_the_voice(predictor, tmp_path):
    found = one(predictor, made.sound_file(tmp_path / "x.wav", made.tone(1)))
    assert found.source == "audio"
    assert found.status == {"video": "no_video", "audio": "ok"}
    np.testing.assert_array_equal(found.posteriors["fusion"], found.posteriors["audio"])
    assert np.isnan(found.timeline.posteriors["video"]).all()


def test_too_many_pixels_and_too_long_a_clip_are_refused(run, predictor, talking):
    short = replace(predictor, longest_s=0.5)
    assert "lasts 1." in one(short, talking).reason
    assert "at most 0.5 s" in one(short, talking).reason


def failing(predictor, error):
    """A predictor whose feature raises an error."""

    def fail(chips):
        raise error

    return replace(predictor, face_features={"dense_sift": fail})


@pytest.mark.parametrize(
    ("error", "reason", "status"),
    [
        (MemoryError("no more"), "not judged this time: MemoryError: no more", "not_judged"),
        (OSError(5, "I/O error"), "not judged this time: OSError: [Errno 5] I/O error", "not_judged"),
        (FeatureError("x is 1; expected 2"), "x is 1; expected 2", "undecodable"),
    ],
)
def test_a_clip_that_fails_has_a_reason(predictor, talking, error, reason, status):
    first, second = failing(predictor, error).predict([talking, talking])
    assert first.reason == second.reason == reason
    assert first.status == {"video": status, "audio": status}
    assert not first.is_internal_error


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), LookupError("a bug"), RuntimeError("a bug"), TypeError("a bug")]
)
def test_a_bug_is_logged_with_its_traceback_and_is_no_clip_failure(predictor, talking, tmp_path, caplog, error):
    first, second = failing(predictor, error).predict([talking, made.sound_file(tmp_path / "x.wav", made.tone(1))])
    assert first.is_internal_error
    assert first.status == {"video": "internal_error", "audio": "internal_error"}
    assert first.reason == f"not judged: internal error, see the log ({type(error).__name__})"
    assert "abstains" not in console.line(first) + console.block(first)
    assert second.source == "audio"
    (record,) = caplog.records
    assert (record.levelname, record.exc_info[1]) == ("ERROR", error)
    assert str(talking) in record.getMessage()


def host_settings():
    """Settings of the process that a host program may have chosen."""
    return {
        "threads": torch.get_num_threads(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "pools": sorted((pool["filepath"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()),
        "warnings": list(warnings.filters),
        "numpy": np.geterr(),
        "grad": torch.is_grad_enabled(),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
    }


@pytest.fixture
def host():
    """A host program with settings of its own, which are neither the defaults nor those of a prediction."""
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    with threadpoolctl.threadpool_limits(2):
        torch.set_num_threads(2)
        torch.set_deterministic_debug_mode("warn")
        torch.utils.deterministic.fill_uninitialized_memory = True
        yield host_settings()
    torch.utils.deterministic.fill_uninitialized_memory = fill
    torch.set_deterministic_debug_mode(before[1])
    torch.set_num_threads(before[0])


def test_the_host_program_keeps_its_settings(host, run, talking, tmp_path):
    loaded = Predictor.load(run.bundle)
    assert host_settings() == host
    paths = (assert_unchanged(path, host) for path in (talking, tmp_path / "none.mp4", talking))
    for _ in loaded.predict(paths):
        assert host_settings() == host
    assert host_settings() == host


def assert_unchanged(path, host):
    assert host_settings() == host
    return path


def test_the_host_program_keeps_its_settings_when_it_stops_midway(host, predictor, talking):
    results = predictor.predict([talking, talking])
    next(results)
    results.close()
    assert host_settings() == host


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_the_host_program_keeps_its_settings_after_an_exception(host, predictor, talking, error):
    with pytest.raises(KeyboardInterrupt) if isinstance(error, KeyboardInterrupt) else nullcontext():
        list(failing(predictor, error).predict([talking]))
    assert host_settings() == host


def test_the_host_program_keeps_its_settings_if_a_bundle_is_refused(host, tmp_path):
    with pytest.raises(BundleError):
        Predictor.load(tmp_path)
    assert host_settings() == host


def test_it_computes_alike_whatever_the_settings_of_the_host(host, predictor, talking, judged):
    seen = []

    def describe(chips):
        seen.append((torch.get_num_threads(), torch.get_deterministic_debug_mode()))
        return predictor.face_features["dense_sift"](chips)

    again = one(replace(predictor, face_features={"dense_sift": describe}), talking)
    assert seen == [(1, 2)]
    for name, values in judged.posteriors.items():
        np.testing.assert_array_equal(again.posteriors[name], values)


def test_a_long_clip_is_judged_in_segments(predictor, talking, judged):
    parts = one(replace(predictor, segment_s=0.8), talking)
    assert [part.start_s for part in parts.parts] == [0.0, 0.8]
    assert [part.n_frames for part in parts.parts] == [10, 10]
    known = [part.posteriors.mean["fusion"] for part in parts.parts]
    weights = [part.duration_s for part in parts.parts]
    np.testing.assert_allclose(parts.posteriors["fusion"], np.average(known, axis=0, weights=weights))
    assert (np.diff(parts.timeline.time_s) > 0).all()
    assert parts.timeline.time_s[-1] < 1.7


def test_faces_for_pictures_are_few_and_evenly_spread_however_long_the_clip_is():
    strip, most = [], 0
    for k in range(700):  # segments of 30 s
        strip = predictors.joined(strip, [(30.0 * k + 2.5 * i, None) for i in range(predictors.STRIP)])
        most = max(most, len(strip))
    times = [time_s for time_s, _ in predictors.spread(strip, predictors.STRIP)]
    assert most <= predictors.HELD + predictors.STRIP
    assert len(times) == predictors.STRIP
    assert np.ptp(np.diff(times)) < 0.2 * np.mean(np.diff(times))
    assert predictors.spread(strip[:5], predictors.STRIP) == strip[:5]


def test_segments_hold_the_whole_sound_and_no_more(talking, predictor):
    settings = predictor.bundle.about["settings"]
    whole, _ = soundtrack.waveform(talking, 16000, settings["limits"])
    found = list(segments.segments(talking, settings, segments.Finder(predictor.landmarks), 0.5, lambda n: None))
    pieces = [it.sound.arrays["waveform"] for it in found if it.sound.status == Status.OK]
    np.testing.assert_array_equal(np.concatenate(pieces), whole[: sum(map(len, pieces))])
    assert all(len(piece) == 8000 for piece in pieces[:-1])


def test_sound_that_outlasts_the_picture_and_a_picture_that_outlasts_the_sound(predictor, tmp_path):
    loud = made.clip(tmp_path / "a.mp4", n=10, sound=made.tone(2))
    found = one(replace(predictor, segment_s=1.0), loud)
    assert [part.status["video"] for part in found.parts] == [Status.NO_FACE, Status.NO_FACE]
    still = made.clip(tmp_path / "b.mp4", n=50, sound=made.tone(0.5))
    found = one(replace(predictor, segment_s=1.0), still)
    assert found.parts[0].status["audio"] == Status.OK
    assert found.parts[-1].status["audio"] == Status.SHORT_AUDIO


def test_a_defect_midway_ends_its_modality(predictor, tmp_path, monkeypatch):
    clip = made.clip(tmp_path / "a.mp4", n=50, sound=made.tone(2))
    frames = video_frames.read

    def failing(path, limits):
        found = frames(path, limits)
        found._reader = cut(found._reader)
        return found

    def cut(reader):
        for frame in reader:
            if frame.index == 30:
                raise MediaError(f"{clip}: torn; expected more")
            yield frame

    monkeypatch.setattr(segments.video_frames, "read", failing)
    found = one(replace(predictor, segment_s=1.0), clip)
    assert [part.status["video"] for part in found.parts] == [Status.NO_FACE, Status.UNDECODABLE]
    assert found.parts[1].reasons == ("torn; expected more",)
    assert found.source == "audio"


def test_frames_are_counted_as_they_are_searched(predictor, tmp_path):
    counted = []
    list(predictor.predict([made.clip(tmp_path / "a.mp4", n=12)], counted.append))
    assert sum(counted) == 12


def test_a_bundle_whose_parts_do_not_fit_is_refused(predictor):
    faces = {"dense_sift": lambda chips: np.zeros((len(chips), 7), np.float32)}
    with pytest.raises(BundleError, match="dense_sift has 7 values, its model of official takes 6272"):
        probes.check(predictor.bundle, predictor.recogniser, faces, {})
    sound = {"egemaps": lambda waveform: {"features": np.zeros((3, 7), np.float32), "time": np.arange(3.0)}}
    with pytest.raises(BundleError, match="egemaps has 7 values, its model of official takes 88"):
        probes.check(predictor.bundle, predictor.recogniser, {}, sound)


def test_a_bundle_whose_frames_are_longer_than_the_first_tone_is_tried_on_a_longer_one(predictor):
    tried = []

    def describe(waveform):
        tried.append(len(waveform) / 16000)
        if tried[-1] < 10:
            raise TooShortError("too short for a frame of 10 s; leave the clip out")
        return {"features": np.zeros((1, 88), np.float32), "time": np.zeros(1)}

    probes.check(predictor.bundle, predictor.recogniser, {}, {"egemaps": describe})
    assert tried == [1, 12]


def test_a_bundle_whose_networks_fail_is_refused(predictor):
    def fail(chips):
        raise MemoryError("no more")

    for probe, features in (("face", ({"dense_sift": fail}, {})), ("tone", ({}, {"egemaps": fail}))):
        with pytest.raises(BundleError, match=rf"fails on a {probe} \(no more\); copy the bundle anew"):
            probes.check(predictor.bundle, predictor.recogniser, *features)


def test_pictures_are_the_same_bytes_for_the_same_prediction(judged):
    first, second = timeline.pictures(judged, "a line"), timeline.pictures(judged, "a line")
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert b"posteriors of windows" in first["svg"]
    assert b"a line" in first["svg"]
    assert f"talking.mp4: {judged.emotion}" in first["svg"].decode()


def test_a_clip_without_anything_has_a_picture_that_says_so(predictor, tmp_path):
    found = one(predictor, tmp_path / "none.mp4")
    svg = timeline.pictures(found, "")["svg"].decode()
    assert "no face in sight" in svg
    assert "no voice" in svg


def test_a_long_timeline_is_thinned_to_means():
    values = np.arange(10.0)[:, None] * np.ones(2)
    values[8:] = np.nan
    edges, means = timeline.thinned(np.arange(10) * 0.25 + 0.125, values, columns=5)
    np.testing.assert_allclose(means[:, 0], [0.5, 2.5, 4.5, 6.5, np.nan])
    np.testing.assert_allclose(edges, [0, 0.5, 1, 1.5, 2, 2.5])


def test_a_folder_holds_json_csv_a_page_and_pictures(judged, predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(output_files, "PICTURED", 1)
    folder = output_files.PredictionFolder(tmp_path / "out", predictor.bundle)
    folder.add(replace(judged, path=Path("a <b>&.mp4")))
    folder.add(one(predictor, tmp_path / "none.mp4"))
    folder.finish()
    about = json.loads((tmp_path / "out/predictions.json").read_text())
    assert about["classes"] == list(tiny.CLASSES)
    assert about["bundle"]["sha256"] == predictor.bundle.identity
    assert about["clips"][0]["emotion"] == judged.emotion
    for label, values in about["clips"][0]["timeline"]["fusion"].items():
        assert label in tiny.CLASSES
        assert len(values) == len(about["clips"][0]["timeline"]["time_s"])
    assert set(about["clips"][0]["posteriors"]["fusion"]) == set(tiny.CLASSES)
    assert about["clips"][0]["most_probable"] == judged.emotion
    assert (tmp_path / "out" / about["clips"][0]["timeline_file"]).is_file()
    first, second = csv.DictReader((tmp_path / "out/predictions.csv").read_text().splitlines())
    assert float(first[f"fusion_{judged.emotion}"]) == pytest.approx(judged.posteriors["fusion"].max(), abs=1e-4)
    assert (second["emotion"], second["fusion_anger"]) == ("", "")
    assert "No such file" in second["reason"]
    page = (tmp_path / "out/predictions.html").read_text()
    assert "a &lt;b&gt;&amp;.mp4" in page
    assert page.count("data:image/png") == 1
    assert page.count("data:image/jpeg") == 1
    line = card.line(predictor.bundle.about)
    assert about["bundle"]["line"] == first["bundle"] == second["bundle"] == line
    assert line in html.unescape(page)
    assert 'href="timelines/0002_none.png"' in page
    assert "Synthetic" in page


def test_names_are_printable(tmp_path):
    assert records.shown(Path(os.fsdecode(b"a\xff\x1b[31m\n.mp4"))) == "a\\xff\\x1b[31m\\n.mp4"
    assert records.shown(Path("ü 😀.mp4")) == "ü 😀.mp4"


def test_folders_are_searched_for_clips(tmp_path):
    for name in ("b.mp4", "a.AVI", "sub/c.wav", ".hidden/d.mp4", ".e.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in clip_files.clips([tmp_path, tmp_path / "notes.txt"])]
    assert found == ["a.AVI", "b.mp4", "sub/c.wav", "notes.txt"]


@pytest.mark.parametrize("suffix", [".opus", ".wma", ".vob", ".mka", ".m2ts", ".OGV"])
def test_folders_and_corpora_know_the_same_suffixes(tmp_path, suffix):
    (tmp_path / f"a{suffix}").touch()
    assert list(clip_files.clips([tmp_path])) == list(interface.walk(tmp_path, CLIPS)) == [tmp_path / f"a{suffix}"]


def test_clips_with_other_names_are_found_by_their_headers_and_the_rest_is_told(tmp_path):
    made.sound_file(tmp_path / "voice.wav", made.tone(0.2)).rename(tmp_path / "voice.recording")
    for i in range(7):
        (tmp_path / f"notes{i}.txt").write_text("hello")
    said = []
    assert clip_files.named([tmp_path], said.append) == [tmp_path / "voice.recording"]
    (line,) = said
    assert line.startswith("skipped, because no clip: ")
    assert line.endswith("notes4.txt and 2 more")


def test_links_are_followed_and_each_folder_and_file_is_taken_once(tmp_path):
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "a.mp4").touch()
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").symlink_to(real)
    (root / "two").symlink_to(real)
    (root / "circle").symlink_to(root)
    (root / "z.mp4").symlink_to(real / "a.mp4")
    assert list(clip_files.clips([root])) == [root / "z.mp4"]


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "list.txt").write_text(f"\ufeff{tmp_path / 'a.mp4'}\r\n", encoding="utf-8")
    assert clip_files.listed(tmp_path / "list.txt") == [tmp_path / "a.mp4"]


def test_values_of_the_command_line_are_text():
    line = ["snakemake", "--config", "clips=2024_05", "name=1e3", "clips_per_job=5"]
    parsed = {"clips": 202405, "name": 1000.0, "clips_per_job": 5, "bundle": "there"}
    expected = {"clips": "2024_05", "bundle": "there", "name": "1e3"}
    assert clip_files.texts(parsed, ("clips", "bundle", "name"), line) == expected
    with pytest.raises(ConfigError, match=r"clips: 202405 is a int in YAML, expected text; put it in quotes"):
        clip_files.texts(parsed, ("clips",), ["snakemake"])


def test_texts_fit_eighty_columns(judged, predictor, tmp_path):
    long = replace(judged, path=Path("x" * 200 + "/" + "y" * 200 + ".mp4"))
    for text in (console.block(long), console.line(long), console.heading(), console.block(one(predictor, tmp_path))):
        assert max(map(len, text.splitlines())) <= console.WIDTH
    assert judged.emotion in console.block(long).splitlines()[-1]
    assert "face and voice" in console.block(long)


def test_a_decision_of_one_modality_says_what_the_other_lacks(predictor, tmp_path):
    found = one(predictor, made.sound_file(tmp_path / "x.wav", made.tone(1)))
    assert "by the voice alone (video no video)" in console.block(found)
    assert "no video" in console.line(found)


def invoke(*args):
    return CliRunner().invoke(cli.app, ["predict", "--self-test", *(str(arg) for arg in args)])


def test_the_command_prints_one_clip_in_full_and_succeeds(run, talking, judged):
    result = invoke(talking, "--bundle", run.bundle)
    assert result.exit_code == 0, result.output
    assert f"{judged.emotion} (" in result.output
    assert "1 of 1 clips judged" in result.output
    assert result.output.rstrip().endswith(console.note(bundles.read(run.bundle).about))


def test_the_command_goes_on_after_a_bad_clip_and_says_so_by_its_status(run, talking, tmp_path):
    (tmp_path / "bad.mp4").write_text("bad")
    result = invoke(tmp_path / "bad.mp4", talking, "--bundle", run.bundle, "--output", tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert "abstains: neither face nor voice" in result.output
    assert "1 of 2 clips judged" in result.output
    assert len(json.loads((tmp_path / "out/predictions.json").read_text())["clips"]) == 2


def test_the_command_logs_a_bug_and_says_so_by_its_status(run, talking, tmp_path, monkeypatch):
    def fail(self, sound):
        raise IndexError("a bug")

    monkeypatch.setattr(Predictor, "_sound", fail)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.mp4").write_text("bad")
    result = invoke(talking, tmp_path / "bad.mp4", "--bundle", run.bundle, "--output", "out")
    assert result.exit_code == cli.INTERNAL, result.output
    assert "not judged: internal error, see out/predict.log" in result.output
    assert "abstains" not in result.output
    assert "0 of 2 clips judged" in result.output
    text = (tmp_path / "out/predict.log").read_text()
    assert "Traceback (most recent call last)" in text
    assert "IndexError: a bug" in text
    assert f"{talking}: internal error" in text
    first = json.loads((tmp_path / "out/predictions.json").read_text())["clips"][0]
    assert first["status"] == {"video": "internal_error", "audio": "internal_error"}


def test_the_log_lies_where_it_is_named_and_only_where_it_is_needed(run, talking, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert invoke(talking, "--bundle", run.bundle).exit_code == cli.OK
    assert not (tmp_path / "predict.log").exists()
    monkeypatch.setattr(Predictor, "_sound", None)
    result = invoke(talking, "--bundle", run.bundle, "--log", "here.log")
    assert result.exit_code == cli.INTERNAL
    assert "see here.log" in result.output
    assert "TypeError" in (tmp_path / "here.log").read_text()


@pytest.mark.parametrize("bundle", ["none", "."])
def test_a_bundle_that_is_none_is_a_usage_error(tmp_path, talking, bundle):
    result = invoke(talking, "--bundle", tmp_path / bundle)
    assert result.exit_code == 2
    assert "BundleError" in result.stderr


def test_no_clip_is_a_usage_error(run, tmp_path):
    result = invoke(tmp_path, "--bundle", run.bundle)
    assert result.exit_code == 2
    assert "no clip in" in result.stderr


def test_the_bundle_of_the_package_is_the_default(run, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "PEOPLE", tmp_path / "people")
    with pytest.raises(BundleError, match="people: missing; install emotiw again, or name a bundle with --bundle"):
        bundles.default_folder()
    (tmp_path / "people").symlink_to(run.bundle)
    assert bundles.default_folder() == tmp_path / "people"


def test_progress_counts_clips_and_frames(monkeypatch):
    from rich.console import Console

    shown = Console(force_terminal=True, width=80)
    with batch._progress(shown, 2) as advance, shown.capture() as text:
        advance(50)
        advance(0, 2)
    assert "frames/s" in text.get() or text.get() == ""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda out: out.write_text(""), "out is a file, expected a folder"),
        (lambda out: (out / "predictions.csv").mkdir(parents=True), "predictions.csv is a folder, expected a file"),
        (lambda out: (out.mkdir(), (out / "timelines").write_text("")), "timelines is a file, expected a folder"),
    ],
)
def test_an_output_that_cannot_be_written_fails_before_the_bundle_is_loaded(tmp_path, talking, make, message):
    make(tmp_path / "out")
    result = invoke(talking, "--bundle", tmp_path / "none", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "--output" in result.stderr


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path, talking):
    (tmp_path / "file").write_text("")
    for option, name in (("--output", "out"), ("--log", "x.log")):
        result = invoke(talking, "--bundle", tmp_path, option, tmp_path / "file" / name)
        assert (result.exit_code, option in result.stderr) == (2, True)
        assert "cannot be written (" in result.stderr


def test_a_path_that_does_not_exist_is_a_usage_error(run, tmp_path, talking):
    result = invoke(talking, tmp_path / "none.mp4", "--bundle", run.bundle)
    assert result.exit_code == 2
    assert "none.mp4: no such file or folder" in result.stderr
    assert "talking.mp4" not in result.output


def test_a_bundle_of_synthetic_clips_judges_only_as_a_self_test(run, talking):
    result = CliRunner().invoke(cli.app, ["predict", str(talking), "--bundle", str(run.bundle)])
    assert result.exit_code == 2
    assert "trained on synthetic clips" in result.stderr
    assert "--self-test" in result.stderr


def test_a_class_that_is_not_probable_enough_is_uncertain(run, talking, judged, tmp_path):
    result = invoke(talking, "--bundle", run.bundle, "--min-confidence", 0.999, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert f"uncertain: {judged.emotion} (" in result.output
    assert "1 of 1 clips judged, 1 of them uncertain" in result.output
    (row,) = csv.DictReader((tmp_path / "predictions.csv").read_text().splitlines())
    assert row["emotion"] == "uncertain"
    assert float(row["probability"]) == pytest.approx(judged.confidence, abs=1e-4)
    (clip,) = json.loads((tmp_path / "predictions.json").read_text())["clips"]
    assert (clip["emotion"], clip["most_probable"]) == ("uncertain", judged.emotion)


def test_the_threshold_of_the_bundle_is_the_default(predictor):
    assert predictor.min_confidence == 0
    about = predictor.bundle.about | {"calibration": {"min_confidence": 0.4}}
    assert card.min_confidence(about) == 0.4


def test_the_line_on_a_bundle_is_that_of_its_card_or_made_of_its_metrics(predictor):
    about = predictor.bundle.about
    assert "15 synthetic clips" in card.line(about)  # those of training and validation
    assert card.line(about | {"card": {"line": "made for people"}}) == "made for people"
    test = {"fusion": {"accuracy": 0.741, "n": 1080}}
    real = about | {"trained_on": about["trained_on"] | {"synthetic": False}}
    assert "74% of 1080 test clips" in card.line(real | {"metrics": {"parts": {"test": test}}})
    assert "not tested" in card.line(real | {"metrics": {"parts": {}}})


@pytest.fixture(scope="module")
def transport(tmp_path_factory, talking):
    """The talking clip with its index at the start, so that its beginning can be decoded alone."""
    path = tmp_path_factory.mktemp("fast") / "fast.mp4"
    with av.open(str(talking)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        copies = {it.index: output.add_stream_from_template(it) for it in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    return path


def test_a_clip_that_is_cut_short_is_judged_by_what_there_is_of_it(predictor, transport, judged, tmp_path):
    content = transport.read_bytes()
    short = tmp_path / "short.mp4"
    short.write_bytes(content[: int(0.7 * len(content))])
    found = one(predictor, short)
    assert found.status["video"] == "ok"
    assert found.emotion in tiny.CLASSES
    assert 0 < found.parts[0].n_faces < judged.parts[0].n_faces
    assert "cut short or damaged, judged by what there is: ends after" in found.notes[0]
    assert "note: cut short" in console.block(found)
    assert records.record(found)["notes"] == list(found.notes)
    assert one(predictor, transport).notes == ()


def test_the_workflow_refuses_a_clip_that_is_cut_short(predictor, transport, tmp_path):
    content = transport.read_bytes()
    (tmp_path / "short.mp4").write_bytes(content[: int(0.7 * len(content))])
    with pytest.raises(MediaError, match="ends after"):
        video_frames.read(tmp_path / "short.mp4", predictor.bundle.about["settings"]["limits"])


def test_frames_before_a_defect_are_judged(predictor, talking, monkeypatch):
    read = video_frames.read

    def torn(path, limits):
        found = read(path, limits)
        found._reader = until(found._reader, 20)
        return found

    def until(reader, n):
        for frame in reader:
            if frame.index == n:
                raise MediaError(f"{talking}: torn; expected more")
            yield frame

    monkeypatch.setattr(segments.video_frames, "read", torn)
    found = one(predictor, talking)
    assert found.parts[0].n_frames == 10
    assert found.notes == ("cut short or damaged, judged by what there is: torn; expected more",)
    assert found.source == "fusion"
