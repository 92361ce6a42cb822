import pytest
import yaml

from emotiw.audio import log_mel
from emotiw.core.errors import ConfigError
from emotiw.jobs import features, settings, stages
from emotiw.jobs.stage_row import Kind
from onnx_fixtures import settings as embedding
from sound_network_fixtures import CLIP, MEL
from sound_network_fixtures import settings as sound_embedding


def over(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return [path]


WHISPER = (
    "audio: {features: [whisper], classifiers: [pooled_logistic], "
    "combination: {features: [whisper], classifier: pooled_logistic}}"
)


def with_embedding(name, **changed):
    return yaml.safe_dump({"embeddings": {name: embedding(b"", **changed)}})


def with_sound_embedding(name, **changed):
    return yaml.safe_dump({"sound_embeddings": {name: sound_embedding(b"", **changed)}})


def with_import(name, **changed):
    section = {"modality": "audio", "level": "frame", "path": "files", "licence": "MIT"}
    return yaml.safe_dump({"imports": {name: section | changed}})


def spectrogram(**changed):
    """A network on a spectrogram of Whisper's settings but for `changed`, which are written out."""
    return MEL | {"log_mel": log_mel.WHISPER.__dict__ | changed}


def test_the_defaults_pass_their_schema():
    assert settings.load([])["run"] == "demo"


def test_a_user_file_replaces_only_what_it_names(tmp_path):
    config = settings.load(over(tmp_path, "corpus: {kind: ravdess}\n"))
    assert (config["corpus"]["kind"], config["corpus"]["protocol"]["n_folds"]) == ("ravdess", 6)


def test_an_embedding_becomes_a_known_feature(tmp_path):
    text = with_embedding("vgg") + "video: {features: [vgg], combination: {features: [vgg]}}"
    config = settings.load(over(tmp_path, text))
    offered = {name for name, feature in features.available(config).items() if feature.modality == "video"}
    built_in = {row.name for row in stages.rows(Kind.FRAME_FEATURE, Kind.CLIP_FEATURE) if row.source == "faces"}
    assert offered == built_in - {"embedding"} | {"vgg"}


@pytest.mark.parametrize("changed", [{}, CLIP, MEL, spectrogram(), spectrogram(scale="htk", range=None)])
def test_a_network_of_sound_is_described(tmp_path, changed):
    config = settings.load(over(tmp_path, with_sound_embedding("hubert", **changed)))
    assert config["sound_embeddings"]["hubert"] == sound_embedding(b"", **changed)
    feature = features.available(config)["hubert"]
    assert (feature.modality, feature.stage) == ("audio", "sound_embedding")
    assert feature.kind == (Kind.CLIP_FEATURE if changed == CLIP else Kind.FRAME_FEATURE)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layout": "nft"}, "layout: is 'nft', expected no axis f for input: waveform"),
        (MEL | {"layout": "nt"}, "layout: is 'nt', expected an axis f for input: log_mel"),
        ({"log_mel": "whisper"}, "log_mel: is 'whisper', expected null for input: waveform"),
        (MEL | {"log_mel": None}, "log_mel: is None, expected the text whisper or settings of a spectrogram"),
        (MEL | {"log_mel": "kaldi"}, "log_mel: 'kaldi' is not valid"),
        (spectrogram(window=512), "log_mel.window: is 512, expected at most n_fft, 400"),
        (spectrogram(high_hz=9000.0), "log_mel.high_hz: is 9000.0, expected more than low_hz, 0.0, and at most 8000"),
        ({"shortest_s": 31.0}, "shortest_s: is 31.0, expected at most piece_s, 30.0"),
        ({"level": "clip"}, "output_layout: is 'ntd', expected no axis t for level: clip"),
        (CLIP | {"step_s": 0.02}, "step_s: is 0.02, expected null for level: clip"),
        ({"step_s": None}, "step_s: is null, expected the seconds between two vectors"),
        ({"frame_length_s": 0.03}, "frame_length_s: is 0.03, expected null or a multiple of step_s, 0.02"),
        ({"piece_s": 0}, "piece_s: 0 is less than or equal to"),
        ({"rate": 8000}, "sound_embeddings.hubert: .*'rate' was unexpected"),
        ({"name": "whisper"}, "sound_embeddings.whisper: is the name of a built-in stage"),
    ],
)
def test_a_network_of_sound_that_contradicts_itself_is_refused(tmp_path, changed, message):
    name = changed.get("name", "hubert")
    about = {key: value for key, value in changed.items() if key != "name"}
    with pytest.raises(ConfigError, match=message):
        settings.load(over(tmp_path, with_sound_embedding(name, **about)))


def test_a_network_of_faces_and_one_of_sound_have_different_names(tmp_path):
    both = yaml.safe_load(with_embedding("both")) | yaml.safe_load(with_sound_embedding("both"))
    with pytest.raises(ConfigError, match=r"sound_embeddings\.both: is a name under embeddings too; choose another"):
        settings.load(over(tmp_path, yaml.safe_dump(both)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blstm: {learning_rate: 1e-5}", r"blstm.learning_rate: '1e-5' is text in YAML.*write 1.0e-05"),
        ("sede: 3", "Additional properties are not allowed \\('sede' was unexpected\\)"),
        ("blstm: {learnig_rate: 0.1}", "blstm: .*'learnig_rate' was unexpected"),
        ("blstm: {learning_rate: .nan}", "blstm.learning_rate: is nan, expected a finite number"),
        ("seed: 1\nseed: 2", "line 1: seed given twice"),
        ("clips_per_job: 0", "clips_per_job: 0 is less than the minimum of 1"),
        ("on_defect: no", "on_defect: False is not one of"),
        ("__use_yte__: true", "asks to run code"),
        ("- a", "holds list, expected a mapping"),
        ("run: [", "not YAML"),
        ("run: weights", "run: 'weights' names a folder below results"),
        ("run: ../x", "run: '../x' does not match"),
        ("video: {features: [hog]}", "video.combination.features: 'cnn' is not among"),
        ("video: {classifiers: [svm]}", "video.combination.classifier: 'pls' is not among"),
        ("video: {combinations: [[cnn, hog]]}", "video.combinations: 'hog' is not among"),
        ("video: {features: [cnn, egemaps]}", "video.features: 'egemaps' is a feature of audio, expected some of cnn"),
        ("audio: {features: [egemaps, hog]}", "audio.features: 'hog' is a feature of video, expected some of egemaps"),
        ("audio: {features: [voice]}", "audio.features: 'voice' is unknown, expected some of egemaps, functionals, wh"),
        ("audio: {features: []}", r"audio.features: \[\] should be non-empty"),
        ("audio: {classifiers: [forest]}", "audio.classifiers.0: 'forest' is not one of"),
        ("audio: {features: [whisper]}", "audio.combination.features: 'egemaps' is not among audio.features"),
        ("audio: {combinations: [[egemaps, whisper]]}", "audio.combinations: 'whisper' is not among audio.features"),
        ("audio: {classifiers: [pls]}", "audio.combination.classifier: 'blstm' is not among audio.classifiers"),
        (
            "audio: {features: [egemaps, functionals]}",
            "audio.features: no classifier of audio.classifiers takes 'functionals'; add one of pooled_logistic, pool",
        ),
        (
            "audio: {features: [functionals], classifiers: [blstm, pls], combination: {features: [functionals]}}",
            "combination.classifier: 'blstm' does not take 'functionals', expected one of pooled_logistic, pooled_svm",
        ),
        (
            "video: {classifiers: [pls, average], combination: {classifier: average}}",
            "video.combination.classifier: 'average' does not take 'cnn', expected one of pls, kernel_pls, svm, logis",
        ),
        ("pooled: {c: 0}", "pooled.c: 0 is less than or equal to the minimum of 0"),
        ("pooled: {class_weights: true}", "pooled.class_weights: True is not one of"),
        ("pooled: {normalise: speaker}", "pooled.normalise: 'speaker' is not one of"),
        ("augmentation: {speed: [1.2, 0.8]}", r"augmentation.speed: is \[1.2, 0.8\], expected the lowest value first"),
        ("augmentation: {copies: 2}", "augmentation.copies: is 2, but audio.features lacks whisper, whose copies they"),
        (
            f"augmentation: {{copies: 2}}\npooled: {{normalise: subject}}\n{WHISPER}",
            "augmentation.copies: is 2, but pooled.normalise is subject, expected training; change one of them",
        ),
        ("augmentation: {snr_db: [5]}", r"augmentation.snr_db: \[5\] is too short"),
        ("pooled: {inner_folds: 1}", "pooled.inner_folds: 1 is less than the minimum of 2"),
        ("video: {combinations: [[cnn]]}", r"\['cnn'\] is too short"),
        ("video: {n_components: many}", "video.n_components: 'many' does not match '\\^auto\\$'"),
        ("video: {svm_c: 0}", "video.svm_c: 0 is less than or equal to the minimum of 0"),
        ("corpus: {kind: csv}", "corpus.table: is null"),
        ("weights: {landmarks: {url: 'https://a/b'}}", "weights.landmarks.sha256: is null, expected the SHA-256 of"),
        ("weights: {alexnet: {url: 'ftp://a/b'}}", "weights.alexnet.url: 'ftp://a/b' does not match"),
        (f"weights: {{alexnet: {{url: 'file:///a', path: b, sha256: {'ab' * 32}}}}}", "alexnet: names both a path and"),
        ("cnn: {layout: caffe}", "cnn.layout: is 'caffe', but the package index .*; set weights.alexnet.path or .url"),
        ("cnn: {layer: conv1}", "cnn.layer: 'conv1' is not one of"),
        ("accelerator: tpu", "accelerator: 'tpu' is not one of"),
        (
            "video: {features: [cnn, dense_sift, vgg]}",
            "video.features: 'vgg' is unknown, expected some of cnn, cnn_fer2013, .*dense_sift",
        ),
        ("weights: {alexnet: {source: null}}", "weights.alexnet.source: is null, as are path and url; name one"),
        (with_import("cnn"), "imports.cnn: is the name of a built-in stage; choose another name"),
        (with_import("hu-bert"), "imports: 'hu-bert' does not match"),
        (with_import("a", level="word"), r"imports.a.level: 'word' is not one of \['frame', 'clip'\]"),
        (with_import("a", modality="text"), r"imports.a.modality: 'text' is not one of \['video', 'audio'\]"),
        (with_import("a", licence=""), "imports.a.licence: '' should be non-empty"),
        (with_import("a", columns=[]), r"imports.a.columns: \[\] should be non-empty"),
        (with_import("a", frame_step_s=0), "imports.a.frame_step_s: 0 is less than or equal to the minimum of 0"),
        (with_import("a", unknown_clips="note"), r"imports.a.unknown_clips: 'note' is not one of"),
        (with_import("a", rate=3), "imports.a: .*'rate' was unexpected"),
        ("imports: {a: {path: x, modality: audio, level: clip}}", "imports.a: 'licence' is a required property"),
        (with_embedding("faces"), "embeddings.faces: is the name of a built-in stage; choose another name"),
        (with_embedding("cnn"), "embeddings.cnn: is the name of a built-in stage"),
        (with_embedding("Res-Net"), r"embeddings: 'Res-Net' does not match"),
        (with_embedding("a/../b"), r"embeddings: 'a/../b' does not match"),
        (with_embedding("vgg", sha256=None), "embeddings.vgg.sha256: None is not of type 'string'"),
        (with_embedding("vgg", std=[1, 0, 1]), "embeddings.vgg.std.1: 0 is less than or equal to"),
        (with_embedding("vgg", std=[1]), r"embeddings.vgg.std: \[1\] is too short"),
        (with_embedding("vgg", scale=256), r"embeddings.vgg.scale: 256 is not one of \[1, 255\]"),
        (with_embedding("vgg", sice=3), "embeddings.vgg: .*'sice' was unexpected"),
        ("embeddings: {vgg: {path: a.onnx}}", "embeddings.vgg: 'sha256' is a required property"),
    ],
)
def test_a_faulty_value_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        settings.load(over(tmp_path, text))


def test_all_faults_come_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        settings.load(over(tmp_path, "seed: -1\nclips_per_job: 0\nblstm: {momentum: 1.0}"))
    assert str(caught.value).count("\n") == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: missing; name an existing file"):
        settings.load([tmp_path / "none.yaml"])


def test_every_documented_key_is_in_the_schema_and_the_other_way_round(root):
    schema = yaml.safe_load((root / "schemas/config.schema.yaml").read_text())
    config = yaml.safe_load((root / "config.yaml").read_text())
    assert set(schema["properties"]) == set(config)
    for section, about in schema["properties"].items():
        if "properties" in about:
            assert set(about["properties"]) == set(config[section]), section


@pytest.mark.parametrize("name", ["demo", "imports", "embedding", "sound_embedding"])
def test_an_example_is_a_configuration(root, name):
    assert settings.load([root / "examples" / f"{name}.yaml"])["run"] == name


def test_the_modern_preset_is_laid_over_another_configuration(root):
    found = settings.load([root / "examples" / "demo.yaml", root / "presets" / "blstm_adam.yaml"])
    assert (found["run"], found["blstm"]["repeats"]) == ("demo", 2)
    assert (found["blstm"]["peepholes"], found["blstm"]["normalise"]) == (False, "subject")


def test_the_preset_of_deltas_changes_what_the_networks_hear_and_nothing_else(root):
    modern = [root / "examples" / "demo.yaml", root / "presets" / "blstm_adam.yaml"]
    before, after = settings.load(modern), settings.load([*modern, root / "presets" / "blstm_descriptors.yaml"])
    before["egemaps"] |= {"mode": "both", "deltas": True}
    assert after == before


def test_the_preset_for_a_cluster_changes_batches_and_nothing_that_a_result_depends_on(root):
    demo = root / "examples" / "demo.yaml"
    before, after = settings.load([demo]), settings.load([demo, root / "presets" / "cluster.yaml"])
    assert after["clips_per_job"] == 500
    before["limits"]["job_s"], before["clips_per_job"] = after["limits"]["job_s"], 500
    assert after == before


def test_the_default_is_currennts_semantics():
    blstm = settings.load([])["blstm"]
    expected = {"peepholes": True, "optimiser": "sgd", "learning_rate": 1e-5, "momentum": 0.9, "init_range": 0.1}
    expected |= {"batch_size": 10, "patience": 20, "dropout": 0.0, "input_noise": 0.0, "schedule": "constant"}
    assert {key: blstm[key] for key in expected} == expected


def test_a_faulty_feature_is_reported_once_and_its_systems_are_not(tmp_path):
    with pytest.raises(ConfigError) as caught:
        settings.load(over(tmp_path, "audio: {features: [voice]}"))
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "audio: {features: [egemaps, whisper, functionals], classifiers: [blstm, pooled_logistic, pls]}",
        "audio: {classifiers: [svm], combination: {classifier: svm}}",
        "video: {features: [hog], classifiers: [blstm], combination: {features: [hog], classifier: blstm}}",
    ],
)
def test_features_of_either_modality_may_go_to_any_classifier_that_takes_them(tmp_path, text):
    settings.load(over(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede: 3", "instead of 'sede' write 'seed'"),
        ("blstm: {learnig_rate: 0.1}", "instead of 'learnig_rate' write 'learning_rate'"),
        ("faces: {zzz: 1}", "known are .*upsample"),
        ("run: 2024", "run: 2024 is no text in YAML, expected text; put it in quotes"),
        ("run: 2024_05", "run: 202405 is no text in YAML, expected text; put it in quotes"),
    ],
)
def test_the_remedy_of_a_misspelt_key_or_a_number_for_a_text_is_told(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        settings.load([path])
