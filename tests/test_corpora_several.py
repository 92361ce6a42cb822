"""Several corpora in one run: label maps, people who are in two corpora, and the folds of each protocol."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw.core.errors import ConfigError, ManifestError
from emotiw.corpora import inventory, leakage, manifest, protocols, splits
from emotiw.jobs import settings

CODES = {"01": "neutral", "02": "calm", "03": "happiness", "04": "sadness", "05": "anger", "06": "fear"}
CODES |= {"07": "disgust", "08": "surprise"}
SIX = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name.encode())


def trees():
    """Sound of six actors of RAVDESS, films of actors 5 and 6, four speakers of nEMO, two actors of Javanese."""
    speech, film = itertools.product(range(1, 7), CODES), itertools.product((5, 6), CODES)
    yield from (f"speech/Actor_{actor:02}/03-01-{code}-01-01-01-{actor:02}.wav" for actor, code in speech)
    yield from (f"film/Actor_{actor:02}/01-01-{code}-01-01-01-{actor:02}.mp4" for actor, code in film)
    yield from (f"nemo/{who}_{emotion}_1.wav" for who, emotion in itertools.product(("EB0", "IC0", "TP0", "WR0"), SIX))
    yield from (f"javanese/{actor:02}-01-{code:02}_01.mp4" for actor, code in itertools.product((1, 2), range(1, 7)))


@pytest.fixture
def config(tmp_path):
    for name in trees():
        write(tmp_path / name)
    labels = {"calm": "neutral", "disgust": "leave_out"}
    corpora = {
        "speech": {"kind": "ravdess", "options": {"modality": "audio-only"}, "labels": {**labels}},
        "film": {"kind": "ravdess", "labels": {**labels}},
        "nemo": {"kind": "nemo"},
        "javanese": {"kind": "javanese"},
    }
    corpora = {name: {**section, "root": str(tmp_path / name)} for name, section in corpora.items()}
    six = ["anger", "fear", "happiness", "neutral", "sadness", "surprise"]
    return settings.completed(
        {"run": "several", "corpora": corpora, "corpus": {"classes": six, "protocol": {"scheme": "subjects"}}}
    ) | {"folder": tmp_path}


def refresh(config, **protocol):
    section = config["corpus"]["protocol"] | protocol
    chosen = config | {"corpus": config["corpus"] | {"protocol": section}}
    return inventory.refresh(chosen, config["folder"] / "out" / "manifest.csv", lambda _: {})


def corpora_of(table, clips):
    return {table.row_of_clip[clip].corpus for clip in clips}


def subjects_of(table, clips):
    return {table.row_of_clip[clip].subject for clip in clips}


def problems(config, **protocol):
    with pytest.raises(ManifestError) as caught:
        refresh(config, **protocol)
    return str(caught.value)


# --- joining -------------------------------------------------------------------------------------------------------


def test_ids_are_prefixed_by_entry_and_subjects_by_population(config):
    table = refresh(config, scheme="leave_one_corpus_out")
    speech, film = (
        table.row_of_clip[f"{name}-0{kind}-01-05-01-01-01-05"] for name, kind in (("speech", 3), ("film", 1))
    )
    assert (speech.corpus, film.corpus) == ("speech", "film")
    assert speech.subject == film.subject == "ravdess-actor05"
    assert table.row_of_clip["nemo-EB0_surprised_1"].subject == "nemo-EB0"
    assert table.corpus == "speech + film + nemo + javanese"


def test_labels_are_mapped_and_what_is_left_out_is_counted(config):
    table = refresh(config, scheme="leave_one_corpus_out")
    labels = {row.clip: row.label for row in table.rows}
    assert labels["speech-03-01-02-01-01-01-01"] == "neutral"
    assert not any("-07-" in clip for clip in labels if clip.startswith("speech"))
    assert "speech: left out by the label map: 6 clips of disgust" in table.notes


def test_a_label_that_is_no_class_is_one_problem_for_its_corpus(config):
    del config["corpora"]["speech"]["labels"]["calm"]
    text = problems(config, scheme="leave_one_corpus_out")
    assert "corpora.speech: label 'calm' of 6 clips is no class of the run; name one of anger, fear" in text
    assert text.count("calm") == 1


def test_a_map_of_a_label_that_the_corpus_lacks_is_a_problem(config):
    config["corpora"]["nemo"]["labels"] = {"calm": "neutral", "fear": "contempt"}
    text = problems(config, scheme="leave_one_corpus_out")
    assert "corpora.nemo.labels: 'calm' is no label of this corpus; expected some of anger, fear" in text
    assert "corpora.nemo: label 'fear' of 4 clips, mapped to 'contempt', is no class of the run" in text


def test_a_wrong_root_names_its_entry(config):
    config["corpora"]["nemo"]["root"] = "nowhere"
    with pytest.raises(ConfigError, match=r"corpora\.nemo: corpus\.root: nowhere is no folder"):
        refresh(config, scheme="leave_one_corpus_out")


def test_a_file_outside_the_root_of_its_own_entry_is_a_problem(config):
    secret = config["folder"] / "film" / "secret.wav"
    secret.write_bytes(b"x")
    (config["folder"] / "nemo" / "EB0_anger_2.wav").symlink_to(secret)
    assert f"outside the corpus root {config['folder']}/nemo" in problems(config, scheme="leave_one_corpus_out")


def test_the_same_recording_in_two_corpora_is_a_leak(config):
    (config["folder"] / "nemo" / "EB0_anger_2.wav").write_bytes(b"03-01-05-01-01-01-01.wav")
    assert "content (SHA-256)" in problems(config, scheme="leave_one_corpus_out")


def test_an_entry_named_as_the_population_of_others_is_refused(config):
    config["corpora"]["ravdess"] = config["corpora"].pop("nemo")
    with pytest.raises(ConfigError, match=r"corpora\.ravdess: is also the population of other entries"):
        refresh(config, scheme="leave_one_corpus_out")


# --- the table -----------------------------------------------------------------------------------------------------


def test_the_table_has_the_corpus_and_is_read_again(config):
    table = refresh(config, scheme="leave_one_corpus_out", everything=True)
    assert manifest.read(config["folder"] / "out" / "manifest.csv") == table


def test_the_table_of_one_corpus_is_as_before(tmp_path):
    row = manifest.Row("a", "a.mp4", "anger", "s", "train")
    manifest.write(tmp_path / "m.csv", manifest.Manifest((row,), ("anger",), "csv"))
    assert "corpus" not in (tmp_path / "m.csv").read_text()
    assert "everything" not in (tmp_path / "m.json").read_text()


# --- protocols -----------------------------------------------------------------------------------------------------


def test_each_population_is_left_out_once_and_nobody_of_it_trains(config):
    table = refresh(config, scheme="leave_one_corpus_out")
    folds = manifest.folds(table)
    assert {name: corpora_of(table, fold.test) for name, fold in folds.items()} == {
        "javanese": {"javanese"},
        "nemo": {"nemo"},
        "ravdess": {"speech", "film"},
    }
    for fold in folds.values():
        parts = [subjects_of(table, getattr(fold, part)) for part in splits.SPLITS]
        assert sum(map(len, parts)) == len(set().union(*parts)) == 12
        assert len(fold.train) + len(fold.val) + len(fold.test) == len(table.rows)


def test_every_training_corpus_with_two_subjects_validates_and_trains(config):
    table = refresh(config, scheme="leave_one_corpus_out")
    for fold in manifest.folds(table).values():
        assert corpora_of(table, fold.val) == corpora_of(table, fold.train)


def test_everything_trains_on_all_but_few_and_tests_nothing(config):
    table = refresh(config, scheme="leave_one_corpus_out", everything=True)
    *others, last = manifest.folds(table).values()
    assert (last.name, last.test, len(last.train) + len(last.val)) == ("everything", (), len(table.rows))
    assert corpora_of(table, last.train) == corpora_of(table, last.val) == {"speech", "film", "nemo", "javanese"}
    assert list(splits.tested(manifest.folds(table))) == [fold.name for fold in others]
    assert list(splits.members(manifest.folds(table), "everything")) == ["everything"]


def test_pooled_folds_have_subjects_of_every_corpus_that_has_enough(config):
    table = refresh(config, scheme="subjects", n_folds=4)
    for fold in manifest.folds(table).values():
        assert {"speech", "nemo"} <= corpora_of(table, fold.test)
    tested = [name for name, fold in manifest.folds(table).items() if "javanese" in corpora_of(table, fold.test)]
    assert tested == ["fold1", "fold3"]


def test_train_here_test_there_leaves_out_people_who_are_in_both(config):
    table = refresh(config, scheme="train_test", train=["speech", "nemo"], test=["film"])
    (fold,) = manifest.folds(table).values()
    assert corpora_of(table, fold.test) == {"film"}
    assert corpora_of(table, fold.train) == corpora_of(table, fold.val) == {"speech", "nemo"}
    assert not subjects_of(table, fold.test) & subjects_of(table, fold.train + fold.val)
    assert "14 clips left out: of people whom the test corpora show too" in table.notes
    assert "12 clips left out: of entries that neither train nor test" in table.notes


def test_everything_of_train_and_test_trains_on_the_test_clips_too(config):
    table = refresh(config, scheme="train_test", train=["speech"], test=["nemo"], everything=True)
    official, last = manifest.folds(table).values()
    assert set(last.train) == {*official.train, *official.test}
    assert last.val == official.val


def test_a_scheme_of_a_single_corpus_is_refused(config):
    with pytest.raises(
        ConfigError, match=r"'six_consecutive' is no scheme of several corpora; allowed: official, folds"
    ):
        refresh(config, scheme="six_consecutive")


def test_a_class_that_no_training_corpus_has_is_a_problem_of_the_fold(config):
    del config["corpora"]["speech"]["labels"]["disgust"], config["corpora"]["film"]["labels"]["disgust"]
    config["corpus"]["classes"] = None
    text = problems(config, scheme="leave_one_corpus_out")
    assert "class 'disgust' has no training clip in fold ravdess" in text
    assert text.startswith("1 problem")


def test_a_subject_who_trains_and_validates_is_a_leak():
    rows = [manifest.Row(f"c{i}", "x", "anger", "s", part, "f") for i, part in enumerate(("train", "val"))]
    assert len(list(leakage.shared(leakage.SUBJECT, rows, str))) == 1


POPULATIONS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30), min_size=1)


@given(POPULATIONS, st.integers(3, 8))
def test_a_population_is_spread_evenly_over_the_folds(sizes, n_folds):
    subjects = {name: [f"{name}{i}" for i in range(n)] for name, n in sizes.items()}
    if max(sizes.values()) < n_folds:
        with pytest.raises(ManifestError, match="the corpus with most subjects has"):
            protocols.spread(subjects, n_folds)
        return
    fold_of = protocols.spread(subjects, n_folds)
    for names in subjects.values():
        counts = np.unique([fold_of[name] for name in names], return_counts=True)[1]
        assert counts.max() - counts.min() <= 1
        assert len(counts) == min(n_folds, len(names))


@given(POPULATIONS, st.integers(3, 8))
def test_validation_takes_a_group_of_each_corpus_with_two_and_never_the_last(sizes, n_folds):
    groups = {name: {f"{name}{i}" for i in range(n)} for name, n in sizes.items()}
    chosen = protocols.validation_groups(groups, n_folds)
    for names in groups.values():
        assert names - chosen
        assert len(names & chosen) == (max(1, len(names) // n_folds) if len(names) > 1 else 0)


def test_the_person_of_a_corpus_with_one_does_not_validate_in_another_corpus():
    assert protocols.validation_groups({"speech": {"a", "b"}, "film": {"a"}}, 6) == {"b"}


# --- the configuration ---------------------------------------------------------------------------------------------


def two(**over):
    section = {"kind": "csv", "root": "x", "table": "t.csv"}
    return {"corpora": {"a": section, "b": section}, **over}


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (
            {"corpus": {"protocol": {"scheme": "train_test", "train": ["a"]}}},
            r"protocol\.test: is empty, expected some",
        ),
        (
            {"corpus": {"protocol": {"scheme": "train_test", "train": ["a"], "test": ["a"]}}},
            r"protocol\.test: 'a' is also in",
        ),
        (
            {"corpus": {"protocol": {"scheme": "train_test", "train": ["a"], "test": ["c"]}}},
            r"protocol\.test: 'c' is not among corpora; expected some of a, b",
        ),
        ({"bundle": {"members": "everything"}}, r"corpus\.protocol\.everything is false; set it to true"),
    ],
)
def test_contradictions_are_named(over, message):
    with pytest.raises(ConfigError, match=message):
        settings.completed(two(**over))


@pytest.mark.parametrize(("key", "value"), [("corpus_weights", "balanced"), ("normalise", "corpus")])
def test_what_weighs_corpora_needs_several(key, value):
    with pytest.raises(ConfigError, match=rf"pooled\.{key}: is {value}, but the run has one corpus"):
        settings.completed({"pooled": {key: value}})
    settings.completed(two(pooled={key: value}))


@pytest.mark.parametrize("name", ["everything", "Upper", "a-b", "a/b"])
def test_an_entry_has_a_safe_name(name):
    with pytest.raises(ConfigError, match="corpora"):
        settings.completed({"corpora": {name: {"kind": "nemo", "root": "x"}, "b": {"kind": "nemo", "root": "y"}}})


def test_the_example_is_a_valid_configuration():
    config = settings.load([Path(__file__).parents[1] / "examples" / "people.yaml"])
    assert list(config["corpora"]) == ["ravdess_speech", "ravdess_film", "nemo", "crema_d", "javanese"]
