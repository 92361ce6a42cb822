"""Faults of docs/faults.md that no other test holds, and that every row there names tests that exist."""

import ast
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotiw.core.errors import ConfigError, ManifestError, StoreError
from emotiw.corpora import manifest
from emotiw.corpora.adapters import scan
from emotiw.corpora.interface import Source
from emotiw.jobs import store

STAGE = {"settings": {}}
FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WRITER = """if True:
    import os, resource, signal, sys
    from pathlib import Path
    import numpy as np
    from emotiw.jobs import store
    path, size, limit = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    array = np.random.default_rng(0).normal(size=size).astype(np.float32)
    entry = store.Entry("c", {"waveform": array})
    if limit == "file":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    if limit == "memory":
        # 12 MiB of room, because the stack must be able to grow: where it cannot, the process is killed
        room = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (12 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
    if limit == "rights" and os.getuid() == 0:
        os.setuid(65534)
    for _ in range(int(sys.argv[4])):
        store.write(path, "audio", [entry], stage={"settings": {}})
        print("written", flush=True)
"""


def writer(root, path, size=1 << 18, limit="", times=1, cwd=None):
    command = [sys.executable, "-c", WRITER, path, size, limit, times]
    env = os.environ | {"PYTHONPATH": str(root / "workflow_scripts"), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*map(str, command)], env=env, cwd=cwd, **pipes)


# --- names: rows 31, 32 -------------------------------------------------------------------------------------------


def test_nothing_reaches_the_shell_of_a_rule_unquoted(root):
    for path in sorted((root / "rules").glob("*.smk")):
        for block in re.findall(r"    shell:\n((?:        .*\n)+)", path.read_text()):
            placeholders = re.findall(r"\{[^}]*\}", block)
            assert placeholders
            assert [text for text in placeholders if not text.endswith(":q}")] == [], path.name


# --- process, disk: rows 67, 70, 71, 73, 80 -----------------------------------------------------------------------


def test_only_one_function_writes_files(root):
    ways = {"open", "write_text", "write_bytes", "savez", "save_file", "to_csv"}
    for path in sorted((root / "workflow_scripts").rglob("*.py")):
        # what renders the demo encodes in memory; the log of Snakemake is written while the run is followed
        if path.name in ("files.py", "following.py") or {"demo", "warm"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ways:
                texts = [
                    arg.value
                    for arg in [*node.args, *(k.value for k in node.keywords)]
                    if isinstance(arg, ast.Constant)
                ]
                in_memory = [text for text in texts if text in ("image", "core")]
                assert in_memory or not [text for text in texts if text in ("w", "wb", "a", "ab", "r+")], path


@pytest.mark.parametrize(
    ("limit", "error"), [("file", "OSError: .*File too large"), ("memory", "MemoryError|Unable to")]
)
def test_a_full_disk_or_memory_fails_and_leaves_the_old_file_alone(root, tmp_path, limit, error):
    store.write(tmp_path / "a.h5", "audio", [store.Entry("old", {"waveform": np.zeros(3, np.float32)})], stage=STAGE)
    process = writer(root, tmp_path / "a.h5", size=1 << 24, limit=limit)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1, said
    assert re.search(error, said)
    assert list(store.read(tmp_path / "a.h5", "audio").entries) == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_a_killed_writer_leaves_a_whole_file(root, tmp_path):
    path = tmp_path / "a.h5"
    for delay in np.random.default_rng(0).uniform(0, 0.05, 3):
        process = writer(root, path, times=10000)
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert store.read(path, "audio").entries["c"].arrays["waveform"].shape == (1 << 18,)
    assert {file.suffix for file in tmp_path.iterdir()} <= {".h5", ".tmp"}


def test_writers_of_one_file_never_tear_it(root, tmp_path):
    path = tmp_path / "a.h5"
    writers = [writer(root, path, size=1 << 12, times=60) for _ in range(3)]
    for process in writers:
        process.stdout.readline()
    n_read = 0
    while any(process.poll() is None for process in writers):
        assert store.read(path, "audio").entries["c"].arrays["waveform"].shape == (1 << 12,)
        n_read += 1
    assert n_read > 10
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5"]


def test_a_folder_that_may_not_be_written_to_is_an_error(root, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir(mode=0o555)
    process = writer(root, "a.h5", size=3, limit="rights", cwd=folder)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert re.search(r"PermissionError: .*\.a\.h5\.\d+\.tmp", said)
    assert list(folder.iterdir()) == []


# --- determinism: rows 82, 83 --------------------------------------------------------------------------------------


def test_the_order_of_sets_reaches_no_identity(root):
    code = """if True:
        import json
        from emotiw.corpora import splits
        from emotiw.jobs import settings
        from emotiw.corpora.manifest import Manifest, Row
        from emotiw.workflow.files import Files
        from emotiw.workflow.plan import Plan
        about = {"path": "p", "label": "anger", "sha256": "0"}
        rows = [Row(f"c{i}", subject=f"s{i % 7}", fold=f"f{i % 3}", job=f"c{i}", **about) for i in range(21)]
        plan = Plan(settings.load([]), Manifest(tuple(rows), ("anger",), "csv", scheme="folds"))
        print(plan.stage("evaluate").digest, Files(plan).all(), splits.consecutive({r.subject for r in rows}, 3))
    """
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root / "workflow_scripts")},
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_no_process_loads_data_for_another(root):
    # processes of `emotiw evaluate`, and the child of `emotiw predict`, judge clips of their own and hand over answers
    others = {root / "workflow_scripts/emotiw/prediction" / name for name in ("judging.py", "contained.py")}
    for path in sorted({*(root / "workflow_scripts").rglob("*.py")} - others):
        assert not re.search(r"num_workers|multiprocessing|concurrent\.futures", path.read_text()), path


# --- fuzz: rows 41, 74 to 76 ---------------------------------------------------------------------------------------

edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.sampled_from(["flip", "cut", "insert"]), st.binary(min_size=1, max_size=9)
    ),
    min_size=1,
    max_size=4,
)


def damaged(data, changes):
    """Bytes with some flipped, cut out or inserted."""
    for where, what, value in changes:
        at = int(where * len(data))
        if what == "flip":
            data = data[:at] + bytes(a ^ b for a, b in zip(data[at:], value, strict=False)) + data[at + len(value) :]
        elif what == "cut":
            data = data[:at] + data[at + 20 * len(value) :]
        else:
            data = data[:at] + value + data[at:]
    return data


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "a.h5"
    values = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    store.write(path, "frame_features", [store.Entry("c", {"features": values, "time": np.arange(40.0)})], stage=STAGE)
    return path, path.read_bytes(), values


@FUZZ
@given(edits)
def test_a_damaged_artefact_is_refused_or_means_the_same(artefact, changes):
    path, data, values = artefact
    path.write_bytes(damaged(data, changes))
    try:
        found = store.read(path, "frame_features")
    except StoreError:
        return
    np.testing.assert_array_equal(found.entries["c"].arrays["features"], values)


@FUZZ
@given(edits)
def test_a_damaged_manifest_is_refused_or_means_the_same(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("m") / "manifest.csv"
    made = manifest.Manifest((manifest.Row("a", "a.mp4", "anger", "s1", "train"),), ("anger",), "csv")
    manifest.write(path, made)
    for file in (path, manifest.sidecar(path)):
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, changes))
        try:
            found = manifest.read(path)
        except ManifestError:
            continue
        finally:
            file.write_bytes(whole)
        assert found.rows == made.rows


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(alphabet='clip,path,label,subject,split\n\r"\0aé;', max_size=300).map(str.encode),
    )
)
def test_any_table_of_clips_is_read_or_refused_with_its_faults(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("corpus")
    (root / "t.csv").write_bytes(b"clip,path,label,subject,split\r\n" + content)
    try:
        found = scan("csv", Source(root, "t.csv", {}, "official"))
    except (ManifestError, ConfigError):
        return
    # rows whose cells are all empty, as spreadsheets leave them behind a table, are no clips
    filled = content.decode(errors="replace").replace('"', "").replace(",", "").split()
    assert len(found.candidates) + len(found.problems) >= (1 if filled else 0)


# --- the list itself -----------------------------------------------------------------------------------------------


def rows(root, name, pattern):
    return re.findall(pattern, (root / name).read_text(), flags=re.MULTILINE)


def named_tests(root, text):
    """Paths and functions that a document names as `file::function`, or one case of these as `file::function[case]`."""
    return re.findall(r"`((?:workflow/)?test_\w+\.py)::(\w+)(?:\[[^]`]+\])?`", text)


def test_every_fault_has_a_row(root):
    numbers = [int(number) for number in rows(root, "docs/faults.md", r"^\| (\d+) \|")]
    assert numbers == list(range(1, 116))


@pytest.mark.parametrize("name", ["docs/faults.md", "SECURITY.md"])
def test_every_test_that_a_document_names_exists(root, name):
    named = named_tests(root, (root / name).read_text())
    assert len(named) > 10
    for file, function in named:
        assert f"\ndef {function}(" in (root / "tests" / file).read_text(), f"{name}: {file}::{function}"


def test_every_fault_names_a_test_or_says_why_none(root):
    for line in rows(root, "docs/faults.md", r"^\| \d+ \|.*$"):
        assert named_tests(root, line) or "no test: " in line, line


def test_every_guarantee_names_a_test(root):
    lines = rows(root, "SECURITY.md", r"^\| G\d+ \|.*$")
    assert [line.split("|")[1].strip() for line in lines] == [f"G{n}" for n in range(1, 12)]
    assert all(named_tests(root, line) for line in lines)
