import json

import pytest

from emotiw.jobs import identity


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `emotiw` of three modules and a resource, and a program that imports one of them."""
    folder = tmp_path / "emotiw"
    (folder / "resources").mkdir(parents=True)
    (folder / "resources" / "frames.conf").write_text("size = 40\n")
    (folder / "__init__.py").write_text("")
    (folder / "leaf.py").write_text("import numpy\nX = 1\n")
    (folder / "branch.py").write_text("from emotiw import leaf\nCONF = 'frames.conf'\n")
    (folder / "other.py").write_text("import h5py\n")
    program = tmp_path / "program.py"
    program.write_text("from emotiw.branch import CONF\n")
    monkeypatch.setattr(identity, "PACKAGE", folder)
    monkeypatch.setattr(identity, "RESOURCES", folder / "resources")
    clear()
    yield program
    clear()


def clear():
    for cached in (
        identity.fingerprint,
        identity.distributions,
        identity.closure,
        identity._tree,
        identity._content,
        identity._imports,
        identity._module_file,
    ):
        cached.cache_clear()
    identity._resources.cache_clear()


def changed(program, path, text):
    before = identity.fingerprint(program)
    path.write_text(text)
    clear()
    return identity.fingerprint(program) != before


def test_the_closure_holds_what_is_imported_and_no_more(package):
    assert {path.name for path in identity.closure(package)} == {"program.py", "__init__.py", "branch.py", "leaf.py"}


@pytest.mark.parametrize(
    ("name", "text", "counts"),
    [
        ("leaf.py", "import numpy\nX = 2\n", True),
        ("leaf.py", "import numpy  # a comment\n\nX = 1\n", False),
        ("other.py", "import h5py\nY = 1\n", False),
        ("resources/frames.conf", "size = 50\n", True),
    ],
)
def test_only_what_the_program_runs_counts(package, name, text, counts):
    assert changed(package, identity.PACKAGE / name, text) is counts


def test_only_imported_distributions_count(package):
    assert [name for name, _ in identity.distributions(package)] == ["numpy"]


def test_dlib_is_attributed_to_its_distribution(package):
    package.write_text("import dlib\n")
    clear()
    assert [name for name, _ in identity.distributions(package)] == ["dlib-bin"]


def test_swapped_settings_are_another_stage(package):
    one = identity.stage(package, {"steps": 1, "layers": 2}, {})
    two = identity.stage(package, {"steps": 2, "layers": 1}, {})
    assert one.digest != two.digest


def test_text_of_a_stage_is_json_and_its_order_does_not_count(package):
    one = identity.Stage(a=1, b={"c": "it's"})
    assert json.loads(str(one)) == one
    assert one.digest == identity.Stage(b={"c": "it's"}, a=1).digest
