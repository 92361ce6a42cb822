"""Comparison of finished runs: what differs, paired tests, refusals, cost, and its four forms."""

import csv
import json
import shutil
import zipfile

import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from compare_fixtures import finished, write_feature
from emotiw import cli
from emotiw.compare import content, run_files, wording
from emotiw.core.errors import StoreError


@pytest.fixture(scope="module")
def folders(tmp_path_factory, root):
    """A run, one with other scores and larger faces, and one with another fusion."""
    made = tmp_path_factory.mktemp("runs")
    finished(made / "first", root)
    finished(made / "second", root, name="second", seed=1, over={"faces": {"chip_size": 160}})
    finished(made / "third", root, name="third", seed=2, crate=False, scheme="shared")
    return made


@pytest.fixture
def copy(folders, tmp_path):
    """A copy of the first run that a test may alter."""
    return shutil.copytree(folders / "first", tmp_path / "copy")


def read(*places):
    return run_files.read_all(places)


def compared(*places, **options):
    return content.compare(read(*places), **options)


def rows(folder, part="test"):
    with (folder / "report/predictions.csv").open(newline="") as stream:
        return {row["clip"]: row for row in csv.DictReader(stream) if row["part"] == part}


def rewrite(folder, change):
    """Change the rows of `predictions.csv`."""
    path = folder / "report/predictions.csv"
    with path.open(newline="") as stream:
        table = [change(row) for row in csv.DictReader(stream)]
    table = [row for row in table if row]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def command(*arguments):
    return CliRunner().invoke(cli.app, ["compare", *map(str, arguments)])


# differences


def test_settings_versions_and_weights_come_from_the_crates(folders):
    (found,) = compared(folders / "first", folders / "second")["differences"]
    assert found["settings"] == [["faces.chip_size", 128, 160]]
    assert (found["versions"], found["weights"]) == ([], [])
    assert found["clips"] == {"common": 56, "only_base": 0, "only_other": 0, "other_content": 0}


def test_stages_that_differ_say_why_and_the_others_are_equal(folders):
    (found,) = compared(folders / "first", folders / "second")["differences"]
    of_stage = {stage["stage"]: stage for stage in found["stages"]}
    assert (of_stage["faces"]["n_different"], of_stage["faces"]["n_equal"]) == (56, 0)
    assert of_stage["faces"]["reasons"] == [["faces.chip_size 128 -> 160", 56]]
    assert of_stage["hog"]["reasons"] == [["faces changed", 56]]
    assert wording.equal_stages(found) == ["waveform", "fusion"]
    assert [title for title, _, _ in wording.changed_stages(found)] == ["faces", "HOG"]


def test_a_clip_of_other_content_and_a_missing_stage_are_counted(folders, copy):
    shutil.rmtree(copy / "features/hog")
    stage = {"settings": {"audio": 1}, "code": "c0de", "distributions": {"numpy": "2.0"}, "above": {}}
    write_feature(copy, "audio", [("clip000", "0" * 64), ("new", "1" * 64)], stage)
    (found,) = compared(folders / "first", copy)["differences"]
    of_stage = {stage["stage"]: stage for stage in found["stages"]}
    assert of_stage["audio"]["reasons"] == [["content of the clip changed", 1]]
    assert [of_stage["audio"][key] for key in ("n_equal", "n_only_a", "n_only_b")] == [0, 55, 1]
    assert of_stage["hog"]["n_only_a"] == 56
    assert "1 of 57 clips differ, 55 in the base only, 1 in this run only" in str(wording.changed_stages(found))


def test_the_fusions_settings_are_named(folders):
    (found,) = compared(folders / "first", folders / "third")["differences"]
    assert found["settings"] is None  # the third has no crate
    fused = next(stage for stage in found["stages"] if stage["stage"] == "fusion")
    assert fused["reasons"] == [["fusion.scheme joint -> shared", 1]]


# paired tests


def test_paired_tests_are_those_of_the_predictions(folders):
    found = compared(folders / "first", folders / "second")["paired"]
    before, now = rows(folders / "first"), rows(folders / "second")
    assert found["n_clips"] == len(before)
    for line in found["tests"]:
        column = f"predicted_{line['system']}"
        right = [(before[clip][column] == row["label"], row[column] == row["label"]) for clip, row in now.items()]
        won, lost = right.count((False, True)), right.count((True, False))
        assert (line["a_only"], line["b_only"]) == (won, lost)
        assert line["difference"] == pytest.approx((won - lost) / len(right))
        assert line["mcnemar_p"] == pytest.approx(binomtest(won, won + lost, 0.5).pvalue if won + lost else 1)
    smallest = min(line["mcnemar_p"] for line in found["tests"])
    assert min(line["mcnemar_holm"] for line in found["tests"]) == pytest.approx(min(1, 3 * smallest))


def test_all_runs_are_one_family(folders):
    found = compared(folders / "first", folders / "second", folders / "third")["paired"]
    assert [(line["run"], line["system"]) for line in found["tests"]] == [
        (run, system) for run in ("second", "third") for system in ("video", "audio", "fusion")
    ]
    smallest = min(line["permutation_p"] for line in found["tests"])
    assert min(line["permutation_holm"] for line in found["tests"]) == pytest.approx(min(1, 6 * smallest))


def test_classes_and_subjects_sum_to_the_whole(folders):
    found = compared(folders / "first", folders / "second")["paired"]
    for test in found["tests"]:
        lines = [line for line in found["classes"] if line["system"] == test["system"]]
        assert sum(line["n_right"] for line in lines) == test["n_right"]
        assert sum(line["n"] for line in lines) == test["n"]
    assert [sum(line["right"][i] for line in found["subjects"]) for i in (0, 1)] == [
        found["tests"][-1]["n_right_base"],
        found["tests"][-1]["n_right"],
    ]


def test_clips_that_changed_sides_are_listed(folders):
    found = compared(folders / "first", folders / "second")["paired"]
    assert found["changed"]
    before, now = rows(folders / "first"), rows(folders / "second")
    for line in found["changed"]:
        column = f"predicted_{line['system']}"
        assert line["won"] == (now[line["clip"]][column] == line["label"])
        assert line["won"] != (before[line["clip"]][column] == line["label"])
        assert line["p"] == float(now[line["clip"]][f"p_{line['label']}"])
    assert len(found["changed"]) == sum(line["a_only"] + line["b_only"] for line in found["tests"])


def test_a_run_equals_itself(folders):
    found = compared(folders / "first", folders / "first")
    (difference,) = found["differences"]
    assert wording.changed_stages(difference) == []
    assert [text for _, text in wording.facts(difference)] == ["the same"] * 3 + ["the same 56"]
    assert found["paired"]["changed"] == []
    (line,) = wording.verdict(found)
    assert line.endswith("both are right on the same clips.")


def test_few_subjects_are_said_to_be_too_few(folders):
    found = compared(folders / "first", folders / "second")
    assert found["paired"]["n_subjects"] == 4
    assert "4 subjects are too few to tell it from chance" in wording.verdict(found)[0]


def test_validation_clips_can_be_compared(folders):
    found = compared(folders / "first", folders / "second", part="val")
    assert found["paired"]["n_clips"] == len(rows(folders / "first", "val"))


# refusals


def refusal(folders, copy, **options):
    found = compared(folders / "first", copy, **options)
    (refused,) = found["refused"]
    assert found["paired"] is None
    return refused["reason"]


def test_other_classes_are_refused(folders, copy):
    path = copy / "report/metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"classes": ["anger", "fear"]}))
    assert refusal(folders, copy).startswith("other classes: anger, disgust, fear")


def test_other_labels_are_refused(folders, copy):
    chosen = next(iter(rows(copy)))
    rewrite(copy, lambda row: row | {"label": "fear"} if row["clip"] == chosen else row)
    before = rows(folders / "first")[chosen]["label"]
    assert f"other labels for {chosen} (the first: {before!r} against 'fear')" in refusal(folders, copy)


def test_other_contents_of_a_clip_are_refused(folders, copy):
    path, chosen = copy / "manifest.csv", next(iter(rows(copy)))
    sha256 = read(copy)[0].clips[chosen]
    path.write_text(path.read_text().replace(sha256, "0" * 64))
    assert refusal(folders, copy).startswith(f"other files for {chosen}: the same ids name other contents")


def test_other_test_clips_are_refused_unless_the_common_ones_are_wanted(folders, copy):
    gone = list(rows(copy))[:2]
    rewrite(copy, lambda row: None if row["clip"] in gone else row)
    assert refusal(folders, copy).startswith(f"other test clips: {gone[0]}, {gone[1]} are scored by one only")
    found = compared(folders / "first", copy, common=True)
    assert (found["refused"], found["paired"]["n_clips"]) == ([], len(rows(folders / "first")) - 2)


def test_runs_of_other_corpora_have_no_clip_in_common(folders, copy):
    rewrite(copy, lambda row: row | {"clip": f"other_{row['clip']}"})
    assert "no test clip is common to both" in refusal(folders, copy, common=True)


def test_one_run_is_refused(folders):
    with pytest.raises(StoreError, match="1 run was named, expected two or more"):
        compared(folders / "first")


# crates and damaged runs


def test_a_crate_is_compared_as_its_folder_is(folders):
    crate = folders / "first/report/run_crate.zip"
    found = compared(crate, folders / "second")
    whole = compared(folders / "first", folders / "second")
    assert found["paired"] == whole["paired"]
    assert found["differences"][0]["settings"] == whole["differences"][0]["settings"]
    assert found["differences"][0]["stages"] is None
    assert found["costs"][0]["cpu_hours"] is None


def test_runs_of_one_name_are_called_by_their_places(folders, copy):
    assert [run.name for run in read(folders / "first", copy)] == [str(folders / "first"), str(copy)]
    assert [run.name for run in read(copy, copy)] == [f"{copy} (1)", f"{copy} (2)"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "missing; expected the folder of a run"),
        (lambda place: (place / "report/metrics.json").unlink(), "metrics.json: missing, so the run has not ended"),
        (lambda place: (place / "report/metrics.json").write_text("["), "metrics.json: not readable as JSON"),
        (lambda place: (place / "report/run_crate.zip").write_text("?"), "run_crate.zip: is no crate"),
        (lambda place: (place / "features/hog/all.h5").write_text("?"), "all.h5: unreadable"),
    ],
)
def test_a_damaged_run_is_refused_with_what_is_wrong(copy, spoil, message):
    spoil(copy)
    with pytest.raises(StoreError, match=message):
        read(copy)


def test_a_zip_that_is_no_crate_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("hello", "")
    with pytest.raises(StoreError, match=r"holds no report/metrics\.json, so it is no crate of a run"):
        read(tmp_path / "other.zip")


# cost


def test_cost_is_that_of_the_logs_and_files(folders):
    cost = compared(folders / "first", folders / "second")["costs"][0]
    assert cost["cpu_hours"] * 3600 == pytest.approx(8.0)
    assert (cost["n_jobs"], cost["peak_mb"], cost["n_cached"]) == (2, 300, 3)
    files = [path for path in (folders / "first").rglob("*") if path.is_file() and "logs" not in path.parts]
    assert cost["bytes"] == sum(path.stat().st_size for path in files)
    assert cost["stages"]["faces"]["n_bytes"] > 0


# forms


def test_the_command_writes_page_json_and_latex(folders, tmp_path):
    (folders / "second/report/report.html").write_text("a report")
    written = [tmp_path / name for name in ("c.html", "c.json", "c.tex")]
    options = [it for pair in zip(("--page", "--json", "--latex"), written, strict=True) for it in pair]
    done = command(folders / "first", folders / "second", *options)
    assert done.exit_code == cli.OK, done.output
    assert "SYNTHETIC" in done.output
    assert "B  second" in done.output
    page = written[0].read_text()
    assert 'src="http' not in page
    assert "<script" not in page
    found = json.loads(written[1].read_text())
    clip = found["paired"]["changed"][0]["clip"]
    assert f"second/report/report.html#clips?clip={clip}" in page
    assert "faces.chip_size 128 -&gt; 160" in page
    assert written[2].read_text().count(r"\\") == 4  # a head and three systems
    assert "second & fusion &" in written[2].read_text()
    (folders / "second/report/report.html").unlink()


def test_the_command_says_why_runs_are_not_paired_and_ends_with_1(folders, copy, tmp_path):
    rewrite(copy, lambda row: row | {"clip": f"other_{row['clip']}"})
    done = command(folders / "first", copy, "--page", tmp_path / "c.html", "--latex", tmp_path / "c.tex")
    assert done.exit_code == cli.NEGATIVE
    assert "no test clip is common to both" in " ".join(done.output.split())
    assert "No run can be paired with the base." in (tmp_path / "c.html").read_text()
    assert (tmp_path / "c.tex").read_text().startswith("% No run can be paired with the base.")


# wording


def stage_difference(title, of="", **counts):
    """A stage of `made.differences` with these numbers of results."""
    counts = {"n_equal": 0, "n_different": 0, "n_only_a": 0, "n_only_b": 0} | counts
    reasons = [["faces changed", counts["n_different"]]] if counts["n_different"] else []
    return {"stage": title, "title": f"{title}: {of}", "unit": "folds", "reasons": reasons, **counts}


def test_features_and_networks_that_differ_alike_stand_in_one_line():
    stages = [
        stage_difference("pca", "CNN", n_different=4),
        stage_difference("pca", "HOG", n_different=3, n_equal=1),
        stage_difference("pca", "Dense SIFT", n_only_a=4),
        stage_difference("kernels", "CNN", n_equal=4),
        stage_difference("kernels", "HOG", n_equal=4),
        stage_difference("fusion", "all", n_equal=4),
    ]
    assert wording.changed_stages({"stages": stages}) == [
        ("principal components (2)", "7 of 8 results differ", "faces changed"),
        ("pca: Dense SIFT", "4 in the base only", ""),
    ]
    assert wording.equal_stages({"stages": stages}) == ["kernels (2)", "fusion: all"]


def test_hashes_are_cut_and_paths_of_their_length_are_not():
    path = "/data/weights/expressions_of.safetensors"
    assert len(path) == 40
    clips = {"common": 2, "only_base": 0, "only_other": 0, "other_content": 0}
    difference = {
        "settings": [["weights.expression.path", None, path]],
        "versions": [["commit", "a" * 40, "b" * 40]],
        "weights": [],
        "clips": clips,
    }
    facts = dict(wording.facts(difference))
    assert facts["settings"] == f"weights.expression.path null -> {path}"
    assert facts["versions"] == f"commit {'a' * 12} -> {'b' * 12}"
