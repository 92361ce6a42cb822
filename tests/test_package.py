"""The package as others install it: its metadata, its extras, and a wheel that is used far from the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from dataclasses import replace
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from typer.testing import CliRunner

import bundle_fixtures as tiny
from emotiw import cli
from emotiw.core import extras
from emotiw.core.resources import PACKAGE, RESOURCES
from emotiw.demo import design, render
from emotiw.jobs import identity, settings

SOURCES = ("LICENSE", "MANIFEST.in", "README.md", "config.yaml", "pyproject.toml", "schemas", "setup.py")
# rooms whose modules may import, besides what the base install brings, the packages of these extras
ROOMS = {"report": {"report"}}
INSTALL = ("install", "--force-reinstall", "--no-deps", "--no-index", "--no-build-isolation")
STARTED = {"snakemake"}  # run as a program, not imported


def canonical(name):
    return name.lower().replace("_", "-")


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


# what commands that need an extra import; without it they say which one (`core.extras`)
WITH_EXTRA = {PACKAGE / "statistics/comparisons.py"}


def declared(project, extra=None):
    """Distributions of the base install, or of an extra."""
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {canonical(Requirement(line).name) for line in lines}


def imported(paths):
    """Distributions that files import, with one file for each."""
    owners = packages_distributions() | {module: [name] for module, name in identity.DISTRIBUTIONS.items()}
    names = {}
    for path in sorted(paths):
        for module in {name.partition(".")[0] for name in identity._imports(path)}:
            if module and module != PACKAGE.name and module not in sys.stdlib_module_names:
                names[canonical(owners.get(module, [module])[0])] = path.name
    return names


def base_modules():
    """Modules that the commands of `emotiw` import, at the start or later."""
    return identity.closure(PACKAGE / "cli.py") - WITH_EXTRA


def test_the_base_install_brings_what_the_commands_import(project):
    undeclared = {name: file for name, file in imported(base_modules()).items() if name not in declared(project)}
    assert not undeclared


def test_the_extras_bring_what_the_workflow_and_the_report_import(project):
    for path in set(PACKAGE.rglob("*.py")) - base_modules():
        room = path.relative_to(PACKAGE).parts[0]
        known = declared(project).union(*(declared(project, name) for name in ROOMS.get(room, {"workflow"})))
        assert not {name for name in imported([path]) if name not in known}, path


def test_scripts_import_what_is_declared(root, project):
    known = declared(project) | declared(project, "workflow") | declared(project, "report")
    scripts = {path.stem for path in (root / "workflow_scripts").glob("*.py")}
    names = imported([*(root / "workflow_scripts").glob("*.py"), *(root / "workflow_scripts/warm").glob("*.py")])
    assert set(names) - known - scripts - {"client", "server"} == set()


def test_nothing_is_declared_that_nothing_imports(project):
    used = set(imported(PACKAGE.rglob("*.py"))) | STARTED
    for lines in (declared(project), declared(project, "workflow"), declared(project, "report")):
        assert lines <= used


def test_the_modules_of_the_extras_are_those_of_the_metadata(project):
    owners = packages_distributions()
    for module, extra in extras.OPTIONAL.items():
        name = canonical(owners.get(module, [module])[0])
        assert name in declared(project, extra), module
        assert name not in declared(project), module
    named = {canonical(owners.get(module, [module])[0]) for module in extras.OPTIONAL}
    assert declared(project, "workflow") | declared(project, "report") == named


def test_the_commands_start_without_the_extras(tmp_path):
    """Import every module of the base install where the packages of the extras cannot be found."""
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(base_modules())
    ]
    code = f"""if True:
    import importlib, sys
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {set(extras.OPTIONAL)!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Absent())
    for name in {names!r}:
        importlib.import_module(name)
    """
    variables = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "MPLCONFIGDIR": str(tmp_path)}
    # matplotlib imports Pillow, which the base install therefore has
    code = code.replace("'PIL', ", "").replace(", 'PIL'", "")
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extras, "installed", lambda module: False)
    result = CliRunner().invoke(cli.app, ["why", "clip"])
    assert result.exit_code == cli.UNUSABLE
    assert result.stderr == (
        "InstallationError: snakemake: not installed; it comes with an extra: pip install 'emotiw[workflow]'\n"
    )


def test_a_missing_module_of_an_extra_is_one_sentence_too(monkeypatch, tmp_path):
    def load(paths):
        raise ModuleNotFoundError("No module named 'altair'", name="altair.vegalite")

    monkeypatch.setattr(settings, "load", load)
    result = CliRunner().invoke(cli.app, ["manifest"])
    assert result.exit_code == cli.UNUSABLE
    assert result.stderr.endswith("altair: not installed; it comes with an extra: pip install 'emotiw[report]'\n")


def test_defaults_and_schema_are_no_part_of_any_fingerprint():
    assert not settings.SHIPPED.is_relative_to(RESOURCES)
    assert identity._resources(PACKAGE / "jobs" / "settings.py") == ()


def copied(root, copy):
    """Copy what a build reads."""
    copy.mkdir()
    for name in SOURCES:
        (shutil.copytree if (root / name).is_dir() else shutil.copyfile)(root / name, copy / name)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "workflow_scripts", copy / "workflow_scripts", ignore=ignored)
    return copy


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """A wheel, built from the source distribution as an index has it, offline."""
    folder = tmp_path_factory.mktemp("build")
    copy = copied(root, folder / "checkout")
    code = "import setuptools.build_meta as backend; backend.build_sdist('../sdist')"
    run([sys.executable, "-c", code], copy)
    (archive,) = (folder / "sdist").glob("*.tar.gz")
    with tarfile.open(archive) as stream:
        stream.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    (unpacked / "build/lib/emotiw").mkdir(parents=True)
    (unpacked / "build/lib/emotiw/moved.py").touch()  # as an earlier build may leave it
    pip(folder, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder / "wheel", unpacked)
    (path,) = (folder / "wheel").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A folder with an environment in which the wheel is installed and, of other packages, those of this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pip(folder, "--python", environment(folder), *INSTALL, wheel)
    return folder


def environment(folder):
    """Make an environment with the packages of this one, and return its interpreter."""
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    # a plain line adds the folder but not the editable emotiw, whose own .pth file is not read
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv/bin/python"


def run(command, folder, status=0):
    """Run a command as a stranger would: away from the repository."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    variables |= {"COLUMNS": "200"}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=variables, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if status else done.stdout


def pip(folder, *arguments):
    return run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], folder)


def emotiw(folder, *arguments, status=0):
    return run([folder / "venv/bin/emotiw", *arguments], folder, status)


@pytest.mark.slow
def test_the_wheel_holds_the_whole_package_and_the_defaults(root, wheel):
    sources = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == sources | {"emotiw/defaults/config.yaml", "emotiw/defaults/config.schema.yaml"}
        assert archive.read("emotiw/defaults/config.yaml") == (root / "config.yaml").read_bytes()


@pytest.mark.slow
def test_the_installed_package_is_used_and_not_the_repository(elsewhere):
    code = "import emotiw, importlib.metadata as m; print(emotiw.__file__, m.version('emotiw'))"
    path, version = run([elsewhere / "venv/bin/python", "-c", code], elsewhere).split()
    assert path.startswith(str(elsewhere / "venv"))
    assert emotiw(elsewhere, "--version") == f"emotiw {version}\n"


@pytest.mark.slow
def test_the_installed_commands_work_from_another_folder(elsewhere):
    clips = [(part, i, label) for part in ("train", "val", "test") for i, label in enumerate(("anger", "fear"))]
    for part, i, _ in clips:
        (elsewhere / f"{part}{i}.wav").write_text(f"{part}{i}")
    lines = [f"{part}{i},{part}{i}.wav,{label},{part},{part}" for part, i, label in clips]
    (elsewhere / "t.csv").write_text("\n".join(["clip,path,label,subject,split", *lines]))
    corpus = {"kind": "csv", "root": ".", "table": "t.csv", "classes": ["anger", "fear"]}
    (elsewhere / "my.yaml").write_text(yaml.safe_dump({"run": "mine", "corpus": corpus, "cache": {"folder": "cache"}}))
    assert "csv: 6 clips" in emotiw(elsewhere, "manifest", "--configfile", "my.yaml")
    assert "ready to run" in emotiw(elsewhere, "doctor", "--configfile", "my.yaml")
    assert "0 removed" in emotiw(elsewhere, "cache", "--configfile", "my.yaml")
    assert "Id of a clip" in emotiw(elsewhere, "why", "--help")
    assert "the workflow runs from a checkout" in emotiw(elsewhere, "run", "--configfile", "my.yaml", status=2)
    emotiw(elsewhere, "results", "results/mine", status=2)
    emotiw(elsewhere, "verify", "results/mine", status=2)
    code = "from pathlib import Path; from emotiw.workflow import checksums; checksums.record(Path('results/mine'))"
    run([elsewhere / "venv/bin/python", "-c", code], elsewhere)
    assert "files are as they were recorded" in emotiw(elsewhere, "verify", "results/mine")


@pytest.mark.slow
def test_the_installed_command_predicts(elsewhere, tmp_path):
    bundle = tiny.write_run(tmp_path).bundle
    plan = design.Design(n_subjects=7, n_train=3, n_val=2)
    clip = next(clip for clip in design.clips(plan) if clip.label == "happiness" and not clip.defect)
    short = replace(clip, nuisance={**clip.nuisance, "duration_s": 1.6})
    (tmp_path / "talking.mp4").write_bytes(render.encoded(short, plan))
    output = emotiw(
        elsewhere, "predict", tmp_path / "talking.mp4", "--bundle", bundle, "--output", "out", "--self-test"
    )
    assert "1 of 1 clips judged" in output
    assert (elsewhere / "out/predictions.html").is_file()


@pytest.mark.slow
def test_a_comment_in_the_shipped_defaults_changes_no_identity(elsewhere):
    code = (
        "from emotiw.jobs import identity, settings; from emotiw.core.resources import PACKAGE; "
        "print(settings.DEFAULTS, identity.fingerprint(PACKAGE / 'cli.py'))"
    )
    python = elsewhere / "venv/bin/python"
    path, before = run([python, "-c", code], elsewhere).split()
    text = (elsewhere / path).read_text()
    (elsewhere / path).write_text(f"# a comment\n{text}")
    try:
        assert run([python, "-c", code], elsewhere).split() == [path, before]
    finally:
        (elsewhere / path).write_text(text)


@pytest.mark.slow
def test_an_editable_install_reads_the_configuration_of_the_checkout(root, tmp_path):
    copy = copied(root, tmp_path / "checkout")
    python = environment(tmp_path)
    pip(tmp_path, "--python", python, *INSTALL, "--editable", copy)
    code = "from emotiw.jobs import settings; print(settings.DEFAULTS, settings.SCHEMA, settings.SHIPPED.exists())"
    shown = run([python, "-c", code], tmp_path).split()
    assert shown == [str(copy / "config.yaml"), str(copy / "schemas/config.schema.yaml"), "False"]
