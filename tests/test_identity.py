import json
import os

import pytest

from emotiw.core.resources import RESOURCES
from emotiw.jobs import identity, source_facts


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
        identity._source,
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


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """Start a memory of facts as a new process would."""

    def started():
        made = source_facts._Memory()
        monkeypatch.setattr(source_facts, "_MEMORY", made)
        made.open(tmp_path / "facts.json")
        clear()
        identity._owners.cache_clear()
        return made

    monkeypatch.setattr(source_facts.atexit, "register", lambda *_: None)
    yield started
    identity._owners.cache_clear()


def test_facts_that_are_remembered_give_the_same_identity_without_a_look_at_the_code(
    package, memory, tmp_path, monkeypatch
):
    first = memory()
    expected = identity.stage(package, {}, {})
    first._save(tmp_path / "facts.json", os.getpid())
    memory()
    monkeypatch.setattr(source_facts.ast, "parse", lambda *_, **__: pytest.fail("parsed again"))
    monkeypatch.setattr(source_facts.importlib.metadata, "packages_distributions", lambda: pytest.fail("searched"))
    assert identity.stage(package, {}, {}) == expected


def test_an_edited_module_is_not_remembered_whatever_its_date(package, memory, tmp_path):
    first, path = memory(), identity.PACKAGE / "leaf.py"
    before, about = identity.fingerprint(package), path.stat()
    first._save(tmp_path / "facts.json", os.getpid())
    path.write_text("import numpy\nX = 3\n")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    memory()
    assert identity.fingerprint(package) != before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}'])
def test_a_damaged_memory_is_ignored(package, memory, tmp_path, text):
    expected = identity.fingerprint(package)
    (tmp_path / "facts.json").write_text(text)
    memory()
    assert identity.fingerprint(package) == expected


def test_a_remembered_entry_of_another_form_is_computed_again(package, memory, tmp_path):
    first = memory()
    expected = identity.fingerprint(package)
    first._save(tmp_path / "facts.json", os.getpid())
    known = json.loads((tmp_path / "facts.json").read_text())
    (tmp_path / "facts.json").write_text(json.dumps(dict.fromkeys(known, 5)))
    memory()
    assert identity.fingerprint(package) == expected


def test_every_resource_has_a_name_that_is_found_in_code():
    for path in RESOURCES.rglob("*"):
        assert not path.is_file() or source_facts._may_be_file(path.name), path
