"""The firewall on the clips of a manifest, and the ledger on records of choices, by themselves and in `evaluate`."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emotiw.core.errors import ManifestError, StoreError
from emotiw.corpora import leakage, manifest, splits
from emotiw.corpora.manifest import Row
from emotiw.evaluation import ledger
from emotiw.fusion.score_tables import Table
from emotiw.jobs import store
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import LABELS, TRANSDUCTIVE, Record
from evaluation_fixtures import evaluate, fuse_all, make_run

ROWS = (
    Row("a", "a.mp4", "fear", "s1", "train", sha256="1" * 64, film="Alien"),
    Row("b", "b.mp4", "fear", "s2", "val", sha256="2" * 64, film="Brazil"),
    Row("c", "c.mp4", "fear", "s3", "test", sha256="3" * 64),
    Row("d", "d.mp4", "fear", "s3", "test", sha256="4" * 64),
)
LEAKS = {
    "subject": {"subject": "s1"},
    "film": {"film": "Alien"},
    "content": {"sha256": "1" * 64},
}


def check(rows, shared_films="fail"):
    return leakage.check(rows, lambda row: row.path, shared_films=shared_films)


def test_clean_splits_are_counted():
    assert check(ROWS) == {
        "n_subjects": 3,
        "n_films": 2,
        "n_contents": 4,
        "n_without_film": 2,
        "n_shared_films": 0,
        "passed": True,
    }


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("index", [1, 2])
def test_each_leak_names_both_clips_their_splits_and_what_to_do(name, index):
    rows = [replace(row, **LEAKS[name]) if i == index else row for i, row in enumerate(ROWS)]
    with pytest.raises(ManifestError, match=rf"{name}.* is in .*train \(clip 'a', a\.mp4\)") as caught:
        check(rows)
    assert f"{rows[index].split} (clip {rows[index].clip!r}, {rows[index].path})" in str(caught.value)
    assert any(remedy in str(caught.value) for remedy in ("move all clips of the", "remove one of the two clips"))


def test_a_film_in_two_splits_is_counted_where_that_is_allowed():
    rows = [replace(row, film="Alien") for row in ROWS]
    assert check(rows, "note")["n_shared_films"] == 1


def test_empty_files_share_no_content():
    assert check([replace(row, sha256=leakage.EMPTY_SHA256) for row in ROWS])["n_contents"] == 0


# the ledger

FOLD = splits.Fold("official", ("a", "b"), ("c",), ("d", "e"))


def table(*records, **change):
    facts = selection_record.facts(records) | change
    return Table(Path("scores.h5"), "official", (), {}, facts, {})


def gather(*tables):
    return ledger.gather({"official": FOLD}, tables)


def test_the_ledger_says_which_parts_a_choice_saw():
    (entry,) = gather(table(Record("C", 10.0, "accuracy", ["b", "c", "a"], candidates=7)))
    assert entry == {
        "fold": "official",
        "choice": "C",
        "chosen": 10.0,
        "criterion": "accuracy",
        "candidates": 7,
        "kind": LABELS,
        "parts": {"train": 2, "val": 1},
        "n_clips": 3,
        "clips_sha256": selection_record.digest("abc"),
    }


def test_records_travel_with_the_artefacts_made_from_them():
    above = selection_record.facts([Record("PCA", 16, "variance", "ab")])
    below = selection_record.facts([Record("C", 1.0, "accuracy", "ab"), Record("epoch", 3, "loss", "c")], above)
    assert [entry["choice"] for entry in below["choices"]["entries"]] == ["C", "PCA", "epoch"]
    assert sorted(below["choices"]["clips"].values()) == [["a", "b"], ["c"]]


def test_a_choice_that_saw_a_test_clip_fails():
    with pytest.raises(StoreError, match=r"scores.h5: 'C', fold official: used 1 test clips \(the first: 'd'\)"):
        gather(table(Record("C", 1.0, "accuracy", ["a", "b", "d"])))


def test_what_looks_at_no_labels_fails_too_unless_it_is_declared_to_look_at_all_clips():
    with pytest.raises(StoreError, match="used 2 test clips"):
        gather(table(Record("PCA", 8, "variance", "abde", kind=selection_record.NO_LABELS)))
    (entry,) = entries = gather(table(Record("by subject", None, "mean", "abcde", kind=TRANSDUCTIVE)))
    assert entry["parts"] == {"test": 2, "train": 2, "val": 1}
    assert ledger.summary(entries) == {"n_choices": 1, "splits_seen": {}, "n_transductive": 1, "passed": True}


def test_the_summary_counts_choices_by_what_they_saw():
    entries = gather(table(Record("C", 1.0, "accuracy", "ab"), Record("epoch", 3, "loss", "c")))
    assert ledger.summary(entries) == {
        "n_choices": 2,
        "splits_seen": {"train": 1, "val": 1},
        "n_transductive": 0,
        "passed": True,
    }


def test_what_was_chosen_with_pictures_of_another_collection_is_listed_as_outside_the_corpus():
    made = {"choices": [selection_record.entry(Record("network: epoch", 4, "accuracy", ["p", "q"], candidates=5))]}
    entries = ledger.outside([{"name": "landmarks"}, made, {"name": "a copy", "origin": made}])
    assert [entry["parts"] for entry in entries] == [{"outside the corpus": 2}] * 2
    assert entries[0]["clips_sha256"] == selection_record.digest("pq")
    assert ledger.summary(entries)["splits_seen"] == {"outside the corpus": 2}


def test_strangers_missing_records_and_digests_that_do_not_fit_are_refused():
    with pytest.raises(StoreError, match="used clip 'z', which is not in the fold"):
        gather(table(Record("C", 1.0, "accuracy", "az")))
    with pytest.raises(StoreError, match=r"scores\.h5: records no choices"):
        gather(Table(Path("scores.h5"), "official", (), {}, {}, {}))
    honest = table(Record("C", 1.0, "accuracy", "ab"))
    (sha256,) = honest.facts["choices"]["clips"]
    honest.facts["choices"]["clips"][sha256] = ["a"]
    with pytest.raises(StoreError, match="its 2 clips do not match its digest"):
        gather(honest)


# both in the program `evaluate`


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("made"))
    fuse_all(run)
    return run


@pytest.fixture
def run(made, tmp_path):
    shutil.copytree(made.folder, tmp_path, dirs_exist_ok=True)
    return replace(made, folder=tmp_path)


def rewritten(path, change):
    found = store.read(path, "scores")
    store.write(path, "scores", found.entries.values(), stage=found.stage, facts=found.facts | change)


def test_evaluate_writes_the_ledger_of_all_choices(run):
    found = evaluate(run)
    entries = json.loads((run.folder / "ledger.json").read_text())["entries"]
    fold = run.folds["official"]
    by_name = {entry["choice"]: entry for entry in entries}
    assert found["ledger"]["n_choices"] == len(entries)
    assert found["ledger"]["passed"]
    assert found["firewall"]["passed"]
    assert by_name["class prior"]["parts"] == {"train": len(fold.train)}
    assert set(by_name["fusion/joint"]["parts"]) == {"val"}
    assert by_name["AlexNet fine-tuned: epoch"]["parts"] == {"outside the corpus": 2}
    assert by_name["fusion/joint"]["chosen"] == found["fusion"]["folds"]["official"]["weights"]["joint"]
    assert all("test" not in entry["parts"] for entry in entries)


@pytest.mark.parametrize("stem", ["fusion", "audio", "video", "lbp_top"])
def test_evaluate_refuses_an_artefact_that_was_chosen_with_a_test_clip(run, stem):
    fold = run.folds["official"]
    forged = Record("forged", 1, "accuracy", [*fold.train, fold.test[0]])
    rewritten(run.folder / f"{stem}_official.h5", selection_record.facts([forged]))
    with pytest.raises(
        StoreError, match=rf"{stem}_official.h5: 'forged', .*1 test clips \(the first: '{fold.test[0]}'\)"
    ):
        evaluate(run)
    assert not (run.folder / "metrics.json").exists()


@pytest.mark.parametrize("leak", ["subject", "film", "sha256"])
def test_evaluate_refuses_a_manifest_that_leaks(run, leak):
    clips = {part: getattr(run.folds["official"], part)[0] for part in ("train", "test")}
    rows = [replace(row, **{leak: "shared"}) if row.clip in clips.values() else row for row in run.corpus.rows]
    manifest.write(run.table, replace(run.corpus, rows=tuple(rows)))
    with pytest.raises(ManifestError, match=f"clip '{clips['test']}', .*clip '{clips['train']}'"):
        evaluate(run)


# both in the workflow: the rule `manifest` does not run on a corpus that leaks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": "s1"}, "subject 's1' is in test"),
        ({"film": "Alien"}, "film 'Alien' is in test"),
        ({"path": "a2.mp4"}, "content (SHA-256) "),
    ],
)
def test_the_workflow_refuses_a_corpus_that_leaks(root, tmp_path, change, message):
    columns = ("clip", "path", "label", "subject", "split", "film")
    rows = [dict(zip(columns, values, strict=True)) for values in (
        ("a", "a.mp4", "fear", "s1", "train", "Alien"), ("b", "b.mp4", "fear", "s2", "test", "Brazil"),
        ("c", "c.mp4", "fear", "s3", "val", ""))]  # fmt: skip
    rows[1] |= change
    for name in ("a", "b", "c", "a2"):
        (tmp_path / f"{name}.mp4").write_bytes(name[:1].encode())
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "leaks.yaml").write_text(
        f"run: leaks\ncorpus: {{kind: csv, root: {tmp_path}, table: t.csv, classes: [fear, anger]}}\n"
    )
    command = [sys.executable, "-m", "snakemake", "-s", root / "Snakefile", "--configfile", "leaks.yaml"]
    done = subprocess.run([*command, "-c1", "manifest"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert "train (clip 'a', " in done.stderr
    assert "test (clip 'b', " in done.stderr
    assert not list(tmp_path.rglob("manifest.csv"))
