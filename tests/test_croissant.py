"""Croissant metadata of a run's features: what the specification requires, files with hashes, fields as stored."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from compare_fixtures import finished, identity
from emotiw import cli
from emotiw.core.files import sha256
from emotiw.jobs import store
from emotiw.workflow import checksums

REQUIRED = {  # http://mlcommons.org/croissant/1.0, "Required" of each class
    "sc:Dataset": {"@context", "conformsTo", "description", "license", "name", "url", "creator", "datePublished"},
    "cr:FileObject": {"name", "contentUrl", "encodingFormat", "sha256"},
    "cr:FileSet": {"containedIn", "encodingFormat", "includes"},
    "cr:RecordSet": {"field", "name"},
    "cr:Field": {"dataType", "name", "source"},
}


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    folder = finished(tmp_path_factory.mktemp("croissant"), root)
    rng = np.random.default_rng(0)
    entries = [
        store.Entry(f"c{i}", {"features": rng.random((n, 24), np.float32).astype(np.float16), "time": np.arange(n) / 5})
        for i, n in enumerate((4, 9))
    ]
    store.write(folder / "features/cnn/all.h5", "frame_features", entries, stage=identity({"cnn": 1}))
    checksums.record(folder)
    return folder


@pytest.fixture(scope="module")
def found(run):
    done = CliRunner().invoke(cli.app, ["croissant", str(run), "--creator", "A. Nonymous"])
    assert done.exit_code == cli.OK, done.output
    assert done.output.strip().endswith("croissant.json: 4 features described")
    return json.loads((run / "croissant.json").read_text())


def nodes(value):
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def test_it_has_what_the_specification_requires(found):
    assert found["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert found["@context"]["cr"] == "http://mlcommons.org/croissant/"
    typed = [node for key in ("creator", "distribution", "recordSet") for node in nodes(found[key]) if "@type" in node]
    typed.append(found)
    assert {node["@type"] for node in typed} == {*REQUIRED, "sc:Person"}
    for node in typed:
        assert REQUIRED.get(node["@type"], set()) <= {name for name, value in node.items() if value}, node
    assert found["creator"]["name"] == "A. Nonymous"


def test_what_is_referred_to_is_there(found):
    known = {node["@id"] for node in nodes(found["distribution"] + found["recordSet"]) if "@type" in node}
    referred = {node["@id"] for node in nodes(found["distribution"] + found["recordSet"]) if set(node) == {"@id"}}
    assert referred <= known
    ids = [node["@id"] for node in nodes(found["distribution"] + found["recordSet"]) if "@type" in node]
    assert len(ids) == len(set(ids))


def test_every_file_of_features_is_listed_with_its_hash(found, run):
    listed = {node["contentUrl"]: node["sha256"] for node in found["distribution"] if node["@type"] == "cr:FileObject"}
    there = {path.relative_to(run).as_posix() for path in (run / "features").rglob("*.h5")}
    assert set(listed) == there | {"manifest.csv"}
    assert all(sha256(run / path) == value for path, value in listed.items())


def test_fields_say_type_shape_unit_and_what_a_row_is(found):
    records = {node["name"]: node for node in found["recordSet"]}
    cnn = records["records/features/cnn"]
    assert (
        "a record is a clip, a group of an HDF5 file. Row i of each array is of the frame at time i."
        in (cnn["description"])
    )
    texts = {field["name"].rpartition("/")[2]: field["description"] for field in cnn["field"]}
    assert texts["features"] == "dataset <clip>/features: float16, shape (frames, 24), unit 1"
    assert texts["time"] == "dataset <clip>/time: float64, shape (frames,), unit s"
    # no clip of this run has a face, so the size is not known
    (hog,) = (field for field in records["records/features/hog"]["field"] if field["name"].endswith("/features"))
    assert hog["description"] == "dataset <clip>/features: float32, shape (frames, features), unit 1"


def test_licences_and_citations_are_named(found):
    assert found["license"][0] == "clips of demo: public domain (NASA's portrait, synthetic voices)"
    assert any(text.startswith("openSMILE") for text in found["license"])
    assert "@inproceedings{ding2016," in found["citeAs"]


def test_it_is_no_part_of_what_is_verified(found, run):
    before = (run / "checksums.json").read_bytes()
    checksums.record(run)
    assert (run / "checksums.json").read_bytes() == before
    assert "croissant.json" not in before.decode()


def test_a_run_that_has_not_ended_is_an_error(run, tmp_path):
    done = CliRunner().invoke(cli.app, ["croissant", str(tmp_path)])
    assert done.exit_code == cli.UNUSABLE
    assert "expected the folder of a run" in done.output


def test_the_reference_implementation_reads_it(found, run):
    mlcroissant = pytest.importorskip("mlcroissant", reason="needs mlcroissant (pip install mlcroissant)")
    dataset = mlcroissant.Dataset(run / "croissant.json")
    assert not dataset.metadata.issues.errors
    first = next(iter(dataset.records("records/clips")))
    assert first["clips/clip"]
