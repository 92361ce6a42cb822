"""The container files: both run one script, with the same sources and the same environment."""

import re
import subprocess

import pytest

CALL = re.compile(r"sh /tmp/source/containers/install\.sh /tmp/source \"(.+?)\"")


@pytest.fixture(scope="module")
def files(root):
    return {name: (root / name).read_text() for name in ("Dockerfile", "emotiw.def", ".dockerignore")}


def section(definition, name):
    """Lines of a section of an Apptainer definition."""
    lines = definition.partition(f"%{name}\n")[2].partition("\n%")[0].splitlines()
    return [line.strip() for line in lines if line.strip()]


def test_both_run_the_same_script_on_the_same_system(files):
    assert CALL.findall(files["Dockerfile"]) == ["$EXTRAS"]
    assert CALL.findall(files["emotiw.def"]) == ["{{ EXTRAS }}"]
    image = re.search(r"^FROM (\S+)$", files["Dockerfile"], re.MULTILINE)[1]
    assert image == re.search(r"^From: (\S+)$", files["emotiw.def"], re.MULTILINE)[1] == "debian:12-slim"


def test_both_set_the_same_variables(files):
    docker = re.findall(r"(?:ENV|^   ) ([A-Z_]+=\S+)", files["Dockerfile"], re.MULTILINE)
    assert {f"export {variable}" for variable in docker} == set(section(files["emotiw.def"], "environment"))
    assert len(docker) == 4


def test_both_copy_the_same_sources_and_no_more(root, files):
    allowed = {line[1:].rstrip("/") for line in files[".dockerignore"].splitlines() if line.startswith("!")}
    copied = [line.split() for line in section(files["emotiw.def"], "files")]
    assert {source for source, _ in copied} == allowed
    assert all(target.removeprefix("/tmp/source/") == source for source, target in copied)  # noqa: S108 - in the image
    assert all((root / name).exists() for name in allowed)
    assert files[".dockerignore"].splitlines()[1] == "*"


def test_the_image_runs_as_another_user_than_root(root, files):
    assert "\nUSER emotiw\n" in files["Dockerfile"]
    assert "useradd" in (root / "containers/install.sh").read_text()


def test_every_package_is_pinned_by_the_lock(root):
    script = (root / "containers/install.sh").read_text()
    installs = [line for line in script.splitlines() if line.startswith("pip install")]
    assert len(installs) == 3
    assert all("$(pinned " in line or '--constraint "$source/requirements.lock"' in line for line in installs)
    lock = (root / "requirements.lock").read_text()
    assert re.search(r"^pip==", lock, re.MULTILINE)
    assert re.search(r"^setuptools==", lock, re.MULTILINE)


@pytest.mark.parametrize("script", ["install.sh", "check.sh"])
def test_the_scripts_are_understood_by_their_shell(root, script):
    path = root / "containers" / script
    shell = path.read_text().partition("\n")[0].removeprefix("#!")
    subprocess.run([shell, "-n", path], check=True)


def test_the_policy_and_the_page_name_the_files(root):
    assert "docs/containers.md" in (root / "SECURITY.md").read_text()
    page = (root / "docs/containers.md").read_text()
    for name in ("Dockerfile", ".dockerignore", "emotiw.def", "containers/install.sh", "containers/check.sh"):
        assert f"`{name}`" in page
        assert (root / name).exists()
