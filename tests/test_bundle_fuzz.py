"""A damaged or hostile bundle is refused with one clear error, or answers as before: rows 74 to 78 for bundles.

Files are damaged behind their checksums, which notice it, and before them, so that what reads the files meets it.
"""

import hashlib
import json
import os
import resource
import shutil
from itertools import combinations
from pathlib import Path

import dlib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bundle_fixtures as tiny
from emotiw.core.errors import EmotiwError
from emotiw.prediction import bundle
from emotiw.prediction.predictor import Predictor
from emotiw.video import onnx_embedding
from emotiw.weights import landmark_format, loading
from onnx_fixtures import averages
from onnx_fixtures import settings as about_network
from test_faults import damaged, edits
from test_loading import train_predictor

pytestmark = pytest.mark.filterwarnings(
    "ignore:Generating overly large repr"
)  # of a bundle's files, where a test fails
ROOM = 1 << 29  # bytes that a hostile bundle may make the reader take
CHIPS = tiny.chips(3)
SOUND = {"egemaps": tiny.sound_frames(3)}


def fuzz(max_examples):
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=max_examples, deadline=None, derandomize=True, suppress_health_check=quiet)


# systems of a bundle: kernels of faces and networks on sound; networks on faces and pooled statistics of sound
SYSTEMS = {
    "kernels": {},
    "pooled": {"video": tiny.system(["hog"], "blstm"), "audio": tiny.system(["egemaps"], "pooled_logistic")},
}


@pytest.fixture(scope="module", params=SYSTEMS)
def pristine(tmp_path_factory, request):
    """A bundle, its files, and what it answers."""
    run = tiny.write_run(tmp_path_factory.mktemp("run"), SYSTEMS[request.param])
    return run.bundle, {name: (run.bundle / name).read_bytes() for name in names(run.bundle)}, answer(run.bundle)


@pytest.fixture(scope="module")
def work(pristine, tmp_path_factory):
    """A function that writes the bundle's files with some replaced, and asks for its answer."""
    folder = tmp_path_factory.mktemp("fuzz") / "bundle"
    _, whole, _ = pristine

    def write(changed):
        shutil.rmtree(folder, ignore_errors=True)
        for name, data in (whole | changed).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder

    return write


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def facts(data):
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def answer(folder):
    """Load a bundle as `emotiw predict` does, in bounded memory, and judge made-up faces and sound."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, before[1]))
    try:
        predictor = Predictor.load(folder)
        faces = {name: describe(CHIPS) for name, describe in predictor.face_features.items()}
        judged = predictor.recogniser.predict(predictor.recogniser.encode(faces, SOUND))
        return judged.mean
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def valid(found):
    """Posteriors, whatever they say."""
    for values in found.values():
        if values is not None:
            assert np.isfinite(values).all()
            assert (values >= 0).all()
            assert values.sum() == pytest.approx(1)


def nth(values, place):
    return list(values)[place % len(values)]


def resigned(whole, changed):
    """Files with some changed, and the checksums of an index that one who knows them would write."""
    about = json.loads(whole[bundle.INDEX])
    about["files"] |= {name: facts(data) for name, data in changed.items()}
    about["sha256"] = bundle.index_sha256(about)
    return changed | {bundle.INDEX: json.dumps(about).encode()}


places_in = st.integers(0, 1 << 20)  # of a list, modulo its length


@fuzz(30)
@given(places_in, edits)
def test_damage_is_noticed_or_harmless(pristine, work, place, changes):
    _, whole, expected = pristine
    name = nth(whole, place)
    try:
        found = answer(work({name: damaged(whole[name], changes)}))
    except EmotiwError:
        return
    same(found, expected)


@fuzz(45)
@given(places_in, edits)
def test_damage_with_right_checksums_is_refused_or_gives_probabilities(pristine, work, place, changes):
    _, whole, _ = pristine
    name = nth([name for name in whole if name != bundle.INDEX], place)
    try:
        valid(answer(work(resigned(whole, {name: damaged(whole[name], changes)}))))
    except EmotiwError:
        return


@pytest.mark.parametrize("sign", [False, True])
def test_files_in_each_others_place_are_refused(pristine, work, sign):
    _, whole, _ = pristine
    for one, other in combinations(sorted(set(whole) - {bundle.INDEX}), 2):
        swapped = {one: whole[other], other: whole[one]}
        if sign and one.count("/") == other.count("/") == 2:
            continue  # two networks of one system may change places
        with pytest.raises(EmotiwError):
            answer(work(resigned(whole, swapped) if sign else swapped))


def places(value, where=()):
    """Paths of everything in a JSON value."""
    yield where
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*where, key))


def put(value, where, new):
    """A JSON value with what stands at a path replaced, or taken out where `new` is `places`."""
    if not where:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(where) == 1 and new is places:
        del copy[where[0]]
    else:
        copy[where[0]] = put(value[where[0]], where[1:], new)
    return copy


PARTS = ("", "settings", "members", "files", "weights", "classes", "features")
TEXTS = ("", "\0", "../x.safetensors", "/etc/passwd", "a" * 5000, "1e-5")
NUMBERS = (0, 1, 2, -1, 3, 5, 7, 64, 512, 1 << 31, 1 << 63, 1 << 200, 0.5, -0.5, 1e-320, 1e-30, 1e30, 1e308)
HOSTILE = st.sampled_from([places, None, True, False, [], {}, [[]], [None], {"": 0}, *TEXTS, *NUMBERS])


@fuzz(70)
@given(st.lists(st.tuples(st.sampled_from(PARTS), places_in, HOSTILE), min_size=1, max_size=2))
def test_an_index_of_other_values_is_refused_or_gives_probabilities(pristine, work, changes):
    _, whole, _ = pristine
    about = json.loads(whole[bundle.INDEX])
    for part, place, value in changes:
        if candidates := [it for it in places(about) if it and part in ("", it[0])]:
            about = put(about, nth(candidates, place), value)
    about["sha256"] = bundle.index_sha256(about)
    try:
        valid(answer(work({bundle.INDEX: json.dumps(about).encode()})))
    except EmotiwError:
        return


@fuzz(100)
@given(edits)
def test_a_damaged_network_of_another_project_is_refused_or_embeds(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    data = damaged(averages(), changes)
    path.write_bytes(data)
    try:
        network = onnx_embedding.read(path, "tiny", about_network(data))
        assert len(onnx_embedding.embed(CHIPS, network)) == len(CHIPS)
    except EmotiwError:
        return


def aligned(data, path):
    """Read landmarks as a bundle's are read, and find them in a picture; 1 where they are refused."""
    picture = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    path.write_bytes(data)
    try:
        landmark_format.check("a", data)
        loading.read_landmarks(path)(picture, dlib.rectangle(10, 10, 80, 80))
    except EmotiwError:
        return 1
    return 0


def test_no_landmarks_crash_dlib(tmp_path):
    train_predictor(tmp_path / "whole.dat", 5)
    whole, rng = (tmp_path / "whole.dat").read_bytes(), np.random.default_rng(0)
    ends = []
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.choice([rng.integers(256), data[at] ^ 1, data[at] ^ 0x80, 0, 0xFF])
        if not (child := os.fork()):  # what crashes, crashes there
            try:
                os._exit(aligned(bytes(data), tmp_path / "a.dat"))
            finally:
                os._exit(2)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert set(ends) == {0, 1}
