"""A run that fails ends with what failed, of which clips, why, and where to read more."""

import pytest

pytestmark = pytest.mark.workflow

CONFIG = """
run: sounds
on_defect: fail
corpus: {kind: csv, root: corpus, table: clips.csv, classes: [anger, happiness]}
"""


@pytest.fixture
def bad(labelled_sounds):
    """Two of the six clips are no clips."""
    (labelled_sounds.folder / "small.yaml").write_text(CONFIG)
    for i in (1, 4):
        (labelled_sounds.folder / f"corpus/c{i}.wav").write_text(f"no clip {i}")
    return labelled_sounds


def test_the_last_lines_name_clips_reason_and_log(bad):
    targets = [f"results/sounds/features/audio/c{i}.h5" for i in range(6)]
    done = bad.snakemake(*targets)
    assert done.returncode == 1
    lines = done.stderr.rstrip().splitlines()[-4:]
    assert lines[0].startswith("emotiw: 2 jobs failed. Finished results are kept")
    assert lines[1] in ("  audio, clip c1, clip c4", "  audio, clip c4, clip c1")
    assert lines[2].startswith("    MediaError: ")
    assert lines[3].startswith("    log: results/sounds/logs/audio/c")
    assert len([path for path in (bad.folder / "results/sounds/features/audio").iterdir()]) == 4


def test_a_bad_clip_is_tried_once_and_a_killed_job_again(bad):
    """The program of c2 ends as if it were killed at its first attempt."""
    program = bad.folder / "workflow_scripts/audio.py"
    killed = (
        "import os, pathlib, sys\n"
        "first = pathlib.Path('tried')\n"
        "if any(it.endswith('/c2.h5') for it in sys.argv) and not first.exists():\n"
        "    first.touch()\n"
        "    os._exit(137)\n"
    )
    docstring, rest = program.read_text().split("\n", 1)
    program.write_text(f"{docstring}\n{killed}{rest}")
    targets = [f"results/sounds/features/audio/c{i}.h5" for i in (0, 1, 2, 4)]
    done = bad.snakemake("--retries", "2", *targets)
    assert done.returncode == 1
    assert (bad.folder / "tried").exists()
    assert done.stderr.count("Trying to restart job") == 1
    assert sorted(path.name for path in (bad.folder / "results/sounds/features/audio").iterdir()) == ["c0.h5", "c2.h5"]
    assert "emotiw: 2 jobs failed" in done.stderr
    assert "audio, clip c1, clip c4" in done.stderr or "audio, clip c4, clip c1" in done.stderr


def test_each_cause_is_told_once_and_a_job_without_a_word_too(tmp_path):
    from emotiw.corpora.manifest import Manifest, Row
    from emotiw.jobs import settings
    from emotiw.workflow import failures
    from emotiw.workflow.protocol import Protocol

    rows = tuple(Row(f"c{i}", f"/films/c{i}.mp4", "x", "s", "train", job=f"c{i}") for i in range(9))
    protocol = Protocol(settings.load([]), Manifest(rows, ("x", "y"), "csv"))
    failed = []
    for i in range(8):
        log = tmp_path / f"{i}.log"
        log.write_text(f"INFO: something\nMediaError: /films/c{i}.mp4: Invalid data; copy it again\n")
        failed.append(failures.Failure("faces", {"job": f"c{i}"}, [str(log)]))
    failed.append(failures.Failure("pca", {"fold": "1", "feature": "hog"}, [str(tmp_path / "none.log")]))
    text = failures.summary(failed, protocol)
    assert text.count("MediaError") == 1
    assert "9 jobs failed" in text
    assert "clip c0, clip c1, clip c2, clip c3, clip c4 and 3 more" in text
    assert "pca, fold 1, feature hog" in text
    assert "it was killed, or ran out of memory or time" in text
