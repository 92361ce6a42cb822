"""Each adapter against a tree laid out as the corpus is published."""

from collections import Counter
from pathlib import Path

import pytest

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import ConfigError, ManifestError
from emotiw.corpora.adapters import ADAPTERS, scan
from emotiw.corpora.interface import SAFE_ID, Source, printable, safe_id, walk

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings in ../shared/data")


def tree(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def found(kind, root, **options):
    return scan(kind, Source(root, options=options))


def facts(made, *names):
    return [tuple(getattr(candidate, name) for name in names) for candidate in made.candidates]


# --- AFEW ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def afew(tmp_path):
    return tree(
        tmp_path,
        "Train_AFEW/Angry/000046280.avi",
        "Train_AFEW/Angry/desktop.ini",
        "Train_AFEW/Happy/Thumbs.db",
        "Train_AFEW/Happy/010924040.avi",
        "Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/000046280/001.jpg",
        "Val_AFEW/Val_AFEW/Sad/000046280.avi",
        "__MACOSX/Val_AFEW/Sad/._000046280.avi",
        "Test_vid_Distribute/000000001.avi",
    )


def test_afew_keys_on_split_and_id_and_hides_test_labels(afew):
    assert facts(found("afew", afew), "clip", "label", "split", "subject") == [
        ("test-000000001", "?", "test", ""),
        ("train-000046280", "anger", "train", ""),
        ("train-010924040", "happiness", "train", ""),
        ("val-000046280", "sadness", "val", ""),
    ]


def test_afew_leaves_out_what_is_in_no_split_and_says_so(afew):
    tree(afew, "Extra/Angry/1.avi")
    assert found("afew", afew).notes == (
        "1 file left out: not below Train_AFEW, Val_AFEW or Test_vid_Distribute (the first: 1.avi)",
        "this corpus does not name its source films, so a film in two splits cannot be detected",
    )


def test_afew_keeps_an_unknown_folder_as_label_for_the_check_to_refuse(afew):
    tree(afew, "Train_AFEW/Angre/1.avi")
    assert ("train-1", "Angre") in facts(found("afew", afew), "clip", "label")


# --- RAVDESS -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ravdess(tmp_path):
    codes = ["01-01-01", "01-01-02", "01-01-08", "02-01-05", "03-01-05", "01-02-04", "01-01-09"]
    names = [f"Actor_01/{code}-01-01-01-01.{'wav' if code[:2] == '03' else 'mp4'}" for code in codes]
    return tree(tmp_path, *names, "Actor_24/Actor_24/01-01-07-01-01-01-24.mp4", "Actor_01/take.mp4")


def test_ravdess_takes_spoken_film_with_sound(ravdess):
    assert facts(found("ravdess", ravdess), "clip", "label", "subject") == [
        ("01-01-01-01-01-01-01", "neutral", "actor01"),
        ("01-01-02-01-01-01-01", "calm", "actor01"),
        ("01-01-08-01-01-01-01", "surprise", "actor01"),
        ("01-01-09-01-01-01-01", "09", "actor01"),
        ("01-01-07-01-01-01-24", "disgust", "actor24"),
    ]


def test_ravdess_says_what_it_left_out(ravdess):
    assert found("ravdess", ravdess).notes == (
        "1 file left out: not named as RAVDESS names its clips (the first: take.mp4)",
        "1 file left out: sung, not spoken (the first: 01-02-04-01-01-01-01.mp4)",
    )


def test_ravdess_with_seven_classes_drops_calm(ravdess):
    made = found("ravdess", ravdess, n_classes=7)
    assert made.classes == EMOTIONS
    assert "calm" not in {candidate.label for candidate in made.candidates}
    assert found("ravdess", ravdess).classes == (*EMOTIONS, "calm")


def test_ravdess_audio_only(ravdess):
    assert facts(found("ravdess", ravdess, modality="audio-only"), "clip") == [("03-01-05-01-01-01-01",)]


def test_ravdess_schemes_divide_all_actors(ravdess):
    schemes = found("ravdess", ravdess).schemes
    assert {actor for actor, fold in schemes["six_consecutive"].items() if fold == "fold2"} == {
        "actor05",
        "actor06",
        "actor07",
        "actor08",
    }
    assert {actor for actor, fold in schemes["luna_jimenez"].items() if fold == "fold5"} == {
        "actor01",
        "actor04",
        "actor09",
        "actor22",
    }
    assert len(schemes["luna_jimenez"]) == len(schemes["six_consecutive"]) == 24


def test_ravdess_notes_absent_actors_under_a_scheme_of_all(ravdess):
    notes = scan("ravdess", Source(ravdess, scheme="six_consecutive")).notes
    assert "six_consecutive is defined on 24 actors, but 2 were found; use the scheme subjects for fewer" in notes


def test_unknown_options_are_refused(ravdess):
    with pytest.raises(ConfigError, match=r"corpus\.options\.n_classes: 6; allowed: 8, 7"):
        found("ravdess", ravdess, n_classes=6)
    with pytest.raises(ConfigError, match=r"corpus\.options: 'fold' is unknown; allowed: modality, n_classes"):
        found("ravdess", ravdess, fold=6)


# --- CREMA-D, SAVEE, eNTERFACE'05 ----------------------------------------------------------------------------------


def test_crema_d_reads_the_name_and_leaves_out_bad_clips(tmp_path):
    tree(
        tmp_path,
        "VideoFlash/1001_DFA_ANG_XX.flv",
        "VideoFlash/1040_ITH_SAD_X.flv",
        "VideoFlash/1091_IEO_HAP_LO.flv",
        "VideoFlash/1076_MTI_NEU_XX.flv",
        "AudioWAV/1001_DFA_ANG_XX.wav",
        "VideoFlash/trailer.flv",
    )
    made = found("crema_d", tmp_path)
    assert facts(made, "clip", "label", "subject") == [
        ("1001_DFA_ANG_XX", "anger", "1001"),
        ("1040_ITH_SAD_X", "sadness", "1040"),
        ("1091_IEO_HAP_LO", "happiness", "1091"),
    ]
    assert made.notes == (
        "1 file left out: not named as CREMA-D names its clips (the first: trailer.flv)",
        "1 file left out: known to be bad (the first: 1076_MTI_NEU_XX.flv)",
    )
    assert "surprise" not in made.classes


def test_crema_d_folds_divide_the_91_actors_by_range(tmp_path):
    folds = found("crema_d", tmp_path).schemes["five_actors"]
    assert len(folds) == 91
    assert [folds[actor] for actor in ("1001", "1018", "1019", "1072", "1073", "1091")] == [
        "fold1",
        "fold1",
        "fold2",
        "fold4",
        "fold5",
        "fold5",
    ]


def test_savee_makes_the_speaker_part_of_the_id(tmp_path):
    names = ["DC/a1.avi", "DC/sa01.avi", "JE/a1.avi", "KL/su15.avi", "JK/n30.avi", "Info/readme.avi"]
    tree(tmp_path, *(f"AudioVisualClip/{name}" for name in names), "AudioData/DC/a01.wav")
    made = found("savee", tmp_path)
    assert facts(made, "clip", "label", "subject") == [
        ("DC-a1", "anger", "DC"),
        ("DC-sa01", "sadness", "DC"),
        ("JE-a1", "anger", "JE"),
        ("JK-n30", "neutral", "JK"),
        ("KL-su15", "surprise", "KL"),
    ]
    assert made.schemes["leave_one_speaker_out"]["JK"] == "JK"
    assert len(made.notes) == 1


def test_enterface_reads_folders_with_spaces(tmp_path):
    tree(
        tmp_path,
        "enterface database/subject 1/anger/sentence 1/s1_an_1.avi",
        "enterface database/subject 1/anger/sentence 1/Thumbs.db",
        "enterface database/subject 6/sadness/s6_sa_1.avi",
        "enterface database/subject 12/Happiness/sentence 2/s12_ha_2.avi",
        "enterface database/subject 12/boredom/sentence 2/s12_bo_2.avi",
        "enterface database/sample.avi",
    )
    made = found("enterface", tmp_path)
    assert facts(made, "clip", "label", "subject") == [
        ("subject01-anger-sentence-1-s1_an_1", "anger", "subject01"),
        ("subject12-Happiness-sentence-2-s12_ha_2", "happiness", "subject12"),
        ("subject12-boredom-sentence-2-s12_bo_2", "boredom", "subject12"),
        ("subject06-sadness-s6_sa_1", "sadness", "subject06"),
    ]
    assert made.notes == ("1 file left out: not below subject N/<emotion> (the first: sample.avi)",)
    assert "neutral" not in made.classes


# --- MELD ----------------------------------------------------------------------------------------------------------


HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


@pytest.fixture
def meld(tmp_path):
    tree(
        tmp_path,
        "train/train_splits/dia0_utt0.mp4",
        "train/train_splits/._dia0_utt0.mp4",
        "dev/dev_splits_complete/dia0_utt0.mp4",
        "dev/dev_splits_complete/dia66_utt9.mp4",
        "test/output_repeated_splits_test/dia0_utt1.mp4",
        "test/output_repeated_splits_test/final_videos_testdia0_utt1.mp4",
    )
    row = '{},"{}",Chandler,{},neutral,{},{},8,21,"00:16:16,059","00:16:21,731"\n'
    train = HEADER.encode() + row.format(1, "It\x92s\nme", "joy", 0, 0).encode("latin-1")
    (tmp_path / "train_sent_emo.csv").write_bytes(train)
    dev = row.format(1, "Oh, you", "anger", 0, 0) + row.format(2, "No", "neutral", 110, 7)
    (tmp_path / "dev_sent_emo.csv").write_text(HEADER + dev)
    (tmp_path / "test_sent_emo.csv").write_text(HEADER + row.format(1, "Why?", "surprise", 0, 1))
    return tmp_path


def test_meld_joins_tables_and_clips(meld):
    made = found("meld", meld)
    assert not made.problems
    assert facts(made, "clip", "label", "split", "subject") == [
        ("train-dia0_utt0", "happiness", "train", "train-dia0"),
        ("val-dia0_utt0", "anger", "val", "val-dia0"),
        ("test-dia0_utt1", "surprise", "test", "test-dia0"),
    ]
    assert {candidate.film for candidate in made.candidates} == {"s8e21"}
    assert made.candidates[0].path == meld / "train/train_splits/dia0_utt0.mp4"
    assert made.candidates[0].where == f"{meld / 'train_sent_emo.csv'}:2"


def test_meld_notes_clips_without_label_and_labels_known_to_be_without_clip(meld):
    notes = "\n".join(found("meld", meld).notes)
    assert "final_videos_testdia0_utt1.mp4" in notes
    assert "no label in dev_sent_emo.csv (the first: dia66_utt9.mp4)" in notes
    assert "val-dia110_utt7 left out: known to be absent" in notes


def test_meld_names_the_file_of_a_label_without_clip(meld):
    (meld / "dev/dev_splits_complete/dia0_utt0.mp4").unlink()
    made = found("meld", meld)
    assert made.candidates[1].path == meld / "dev/dev_splits_complete/dia0_utt0.mp4"


def test_meld_refuses_a_missing_table_and_a_clip_that_is_there_twice(meld):
    (meld / "test_sent_emo.csv").unlink()
    tree(meld, "train/train_splits/train_splits/dia0_utt0.mp4")
    twice, missing = found("meld", meld).problems
    assert "dia0_utt0.mp4: is also in" in twice
    assert missing.endswith("test_sent_emo.csv: missing; put the published table of split test below the root")


# --- tables --------------------------------------------------------------------------------------------------------


def listed(root, text, kind="csv", scheme="official"):
    (root / "t.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return scan(kind, Source(root, "t.csv", scheme=scheme))


def test_a_table_names_clips_relative_to_the_root(tmp_path):
    made = listed(
        tmp_path, '\ufeffclip,path,label,subject,split\r\n001,"a,b.mp4",fear,NA,train\r\nnull,/x.mp4,?,,test\r\n'
    )
    assert facts(made, "clip", "path", "label", "subject", "split") == [
        ("001", tmp_path / "a,b.mp4", "fear", "NA", "train"),
        ("null", Path("/x.mp4"), "?", "", "test"),
    ]
    assert not made.synthetic


def test_a_problem_is_at_the_line_where_its_row_begins(tmp_path):
    made = listed(tmp_path, 'clip,path,label,split\na,"two\nlines.mp4",fear,train\n\nb,b.mp4,fear,val\n')
    assert [candidate.where.rpartition(":")[2] for candidate in made.candidates] == ["2", "5"]


@pytest.mark.parametrize(("scheme", "column"), [("official", "split"), ("folds", "fold"), ("subjects", "subject")])
def test_absent_columns_are_named(tmp_path, scheme, column):
    (problem,) = listed(tmp_path, "clip,path\na,b\n", scheme=scheme).problems
    assert problem.endswith(f"t.csv:1: absent columns label, {column}; found clip, path")


def test_rows_of_another_length_and_repeated_columns_are_problems(tmp_path):
    repeated, short = listed(tmp_path, "clip,path,label,split,clip\na,b,fear,train\n").problems
    assert repeated.endswith("t.csv:1: columns given twice: clip; keep one")
    assert short.endswith("t.csv:2: 4 values, expected 5 as in the first line")


def test_bytes_that_are_not_utf_8_are_located(tmp_path):
    (problem,) = listed(tmp_path, b"clip,path,label,split\na,a.mp4,fear,train\nb,b\xff.mp4,fear,val\n").problems
    assert "t.csv:3: b'\\xff' is not UTF-8; save the table as UTF-8" in problem


def test_an_open_quote_is_a_problem(tmp_path):
    (problem,) = listed(tmp_path, 'clip,path,label,split\na,"a.mp4,fear,train\n').problems
    assert "t.csv:2: not CSV: unexpected end of data" in problem


def test_an_empty_table_has_no_columns(tmp_path):
    assert listed(tmp_path, "").problems[0].endswith("absent columns clip, path, label, split; found none")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("clip;path;label;split\na;a,b.mp4;fear;train\n", 2),
        ("clip\tpath\tlabel\tsplit\na\ta,b.mp4\tfear\ttrain\n", 2),
        ("sep=;\r\nclip;path;label;split\r\na;a,b.mp4;fear;train\r\n", 3),
        ('"sep=|"\nclip|path|label|split\na|a,b.mp4|fear|train\n', 3),
        ('\ufeffClip, PATH ,Label,Split\na,"a,b.mp4",fear,train\n', 2),
        ('clip,path,label,split,,\n,,,,,\na,"a,b.mp4",fear,train,,\n ,,,,,\n', 3),
    ],
    ids=["semicolons", "tabs", "told", "told in quotes", "capitals", "blank rows and cells"],
)
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, text, line):
    made = listed(tmp_path, text)
    assert made.problems == ()
    assert facts(made, "clip", "path", "label", "split") == [("a", tmp_path / "a,b.mp4", "fear", "train")]
    assert made.candidates[0].where.endswith(f"t.csv:{line}")


def test_a_separator_of_several_characters_is_refused(tmp_path):
    (problem,) = listed(tmp_path, "sep=;;\nclip;;path\n").problems
    assert problem.endswith("t.csv:1: 'sep=;;' names no separator of one character; remove it")


def test_a_column_that_is_spelt_similarly_is_suggested(tmp_path):
    (problem,) = listed(tmp_path, "clip,path,labels,split\na,a.mp4,fear,train\n").problems
    assert problem.endswith(
        "t.csv:1: absent columns label; found clip, path, labels, split; is 'labels' meant for label?"
    )


def test_the_demo_is_a_table_of_synthetic_clips(tmp_path):
    (tmp_path / "manifest.csv").write_text("clip,path,label,subject,split\na,a.mp4,fear,s,train\n")
    made = scan("demo", Source(tmp_path))
    assert made.synthetic
    assert facts(made, "clip") == [("a",)]


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(
        ManifestError, match=r"none\.csv: No such file or directory; set corpus\.root and corpus\.table"
    ):
        scan("csv", Source(tmp_path, "none.csv"))


# --- what adapters share -------------------------------------------------------------------------------------------


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"corpus\.kind: 'iemocap' is unknown; allowed: afew, crema_d"):
        scan("iemocap", Source(tmp_path))


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_root_that_is_no_folder_is_refused(tmp_path, kind):
    with pytest.raises(ConfigError, match=r"corpus\.root: .*none is no folder; (set it|render it)"):
        scan(kind, Source(tmp_path / "none"))


def test_walking_follows_links_but_not_in_circles(tmp_path):
    tree(tmp_path, "a/one.avi", "elsewhere/two.avi", "a/.hidden/three.avi", "a/__MACOSX/four.avi", "a/text.txt")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "folder.avi").mkdir()
    names = [path.relative_to(tmp_path / "a").as_posix() for path in walk(tmp_path / "a", frozenset({".avi"}))]
    assert names == ["folder.avi", "one.avi", "link/two.avi"]


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(ManifestError, match=r"none: No such file or directory; set corpus\.root"):
        list(walk(tmp_path / "none", frozenset({".avi"})))


@pytest.mark.parametrize(
    "text", ["a b'c\"d é", "$(touch X)", "-rf", "../../escape", "{b}", "a\nb", "bad\udcff", "x" * 300, ""]
)
def test_odd_names_get_safe_ids(text):
    assert SAFE_ID.fullmatch(safe_id(text))
    assert safe_id(text) == safe_id(text)


def test_safe_names_are_kept_and_different_names_stay_different():
    assert safe_id("01-01_x.y") == "01-01_x.y"
    assert safe_id("subject 1/anger") == "subject-1-anger"
    assert len({safe_id(text) for text in ("é", "e", "è", "x'y", "x`y", "x" * 200, "x" * 201)}) == 7


def test_what_a_terminal_cannot_show_is_escaped():
    assert printable("plain é") == "plain é"
    assert printable("a\nb") == "'a\\nb'"
    assert printable("bad\udcff") == "b'bad\\xff'"


# --- real recordings -----------------------------------------------------------------------------------------------


@needs_data
def test_the_real_ravdess_speech_is_read():
    made = found("ravdess", SHARED / "speech" / "ravdess", modality="audio-only")
    assert len(made.candidates) == 1080
    assert {candidate.label for candidate in made.candidates} == {*EMOTIONS, "calm"}
    assert not made.notes


@needs_data
@pytest.mark.parametrize(("kind", "n"), [("ravdess", 3), ("crema_d", 6)])
def test_real_clips_are_read(kind, n):
    assert len(found(kind, SHARED / "clips" / kind).candidates) == n


# --- nEMO ----------------------------------------------------------------------------------------------------------


def test_nemo_reads_speaker_and_emotion_from_the_name(tmp_path):
    tree(
        tmp_path, "samples/EB0_surprised_34.wav", "samples/WR0_anger_9.wav", "KA1_neutral_90.flac", "data.tsv", "x.wav"
    )
    made = found("nemo", tmp_path)
    assert facts(made, "clip", "label", "subject") == [
        ("KA1_neutral_90", "neutral", "KA1"),
        ("EB0_surprised_34", "surprise", "EB0"),
        ("WR0_anger_9", "anger", "WR0"),
    ]
    assert "disgust" not in made.classes
    assert made.notes == ("1 file left out: not named as nEMO names its clips (the first: x.wav)",)


@needs_data
def test_nemo_recordings_are_complete():
    made = found("nemo", SHARED / "speech" / "nemo")
    assert not made.notes
    counts = Counter(facts(made, "subject", "label"))
    assert set(counts.values()) == {15}
    assert len(counts) == 4 * 6


# --- Javanese ------------------------------------------------------------------------------------------------------


def test_javanese_reads_actor_and_emotion_from_the_name(tmp_path):
    names = [f"06-04-{code}_01.mp4" for code in ("01", "02", "03", "04", "05", "06", "09")]
    tree(tmp_path, *names, "06-04-01.mp4")
    made = found("javanese", tmp_path)
    labels = ["neutral", "sadness", "happiness", "surprise", "fear", "anger", "09"]
    assert facts(made, "label", "subject") == [(label, "actor06") for label in labels]
    assert len(made.notes) == 1


@needs_data
def test_javanese_recordings_are_complete():
    made = found("javanese", SHARED / "clips" / "javanese")
    assert set(Counter(facts(made, "subject", "label")).values()) == {4}
    assert len(made.candidates) == 96


# --- DFEW ----------------------------------------------------------------------------------------------------------


def dfew_tables(root, folder="EmoLabel_DataSplit"):
    """Five sets of two clips; the tables number the clips, whose files have five digits."""
    for part in ("train", "test"):
        for number in range(1, 6):
            tested = (2 * number - 1, 2 * number)
            clips = [clip for clip in range(1, 11) if (clip in tested) == (part == "test")]
            path = root / folder / f"{part}(single-labeled)" / f"set_{number}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{clip},{clip % 7 + 1}" for clip in clips]
            path.write_text("\n".join(["video_name,label", *lines, ""]))


@pytest.fixture
def dfew(tmp_path):
    dfew_tables(tmp_path)
    return tree(tmp_path, *(f"Clip/original/{clip:05}.mp4" for clip in range(1, 12)))


def test_dfew_tests_each_clip_in_its_published_set(dfew):
    made = found("dfew", dfew)
    assert facts(made, "clip", "label", "fold")[:7] == [
        ("00001", "sadness", "fold1"),
        ("00002", "neutral", "fold1"),
        ("00003", "anger", "fold2"),
        ("00004", "surprise", "fold2"),
        ("00005", "disgust", "fold3"),
        ("00006", "fear", "fold3"),
        ("00007", "happiness", "fold4"),
    ]
    assert len(made.candidates) == 10
    assert not made.problems
    assert made.notes[0] == "1 file left out: without a single label (the first: 00011.mp4)"


def test_dfew_clips_may_be_named_without_zeros(dfew):
    for path in (dfew / "Clip/original").iterdir():
        path.rename(path.with_name(f"{int(path.stem)}.mp4"))
    assert all(path.is_file() for (path,) in facts(found("dfew", dfew), "path"))


def test_dfew_folders_of_frames_must_be_joined(tmp_path):
    dfew_tables(tmp_path)
    tree(tmp_path, "Clip/clip_224x224/00001/00001_00001.jpg")
    (problem,) = found("dfew", tmp_path, clips="clip_224x224").problems
    assert "holds folders of frames, expected clips; join the frames of each folder to a clip NNNNN.mp4" in problem


def test_dfew_without_its_clips_or_a_table_says_what_is_missing(dfew, tmp_path):
    (dfew / "EmoLabel_DataSplit/train(single-labeled)/set_3.csv").unlink()
    (problem,) = found("dfew", dfew).problems
    assert "no table train(single-labeled)/set_3.csv" in problem
    (problem,) = found("dfew", dfew, clips="clip_224x224").problems
    assert problem.endswith("clip_224x224: missing; put the published clips there, or set the option clips")


def test_dfew_sets_that_share_a_clip_are_a_problem(dfew):
    for part, line in (("test", "9,1"), ("train", "1,1")):
        with (dfew / f"EmoLabel_DataSplit/{part}(single-labeled)/set_1.csv").open("a") as stream:
            stream.write(f"{line}\n")
    twice, mixed = found("dfew", dfew).problems
    assert "clip '00009' is also tested at" in twice
    assert mixed.startswith("set_1.csv: trains on 2 clips that it tests (the first: '00001')")
