"""What several test modules share."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "tests")]
sys.path.append(str(ROOT / "benchmarks"))  # last, because programs have the names of benchmarks
# modules of tests that share a workspace, the result of one whole run
SHARING = tuple(f"workflow/test_{name}.py" for name in ("whole_run", "mutations", "reproduction", "extending"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data for development, beside the repository; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real clips of the shared data folder, which is not part of the repository")
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of tiny trained systems, with its bundle; a module with a run of its own hides it."""
    import bundle_fixtures

    return bundle_fixtures.write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def predictor(run):
    """The predictor of the bundle of `run`."""
    from emotiw.prediction.predictor import Predictor

    return Predictor.load(run.bundle)


@pytest.fixture
def one_process(monkeypatch):
    """Let predictions be made in this process: one with the threads of other tests had better not be forked."""
    from emotiw.prediction import contained

    monkeypatch.setattr(contained, "sys", SimpleNamespace(platform="none"))


class ByModule(LoadScopeScheduling):
    """Gives the tests of a module to one process, and those of the modules that share a workspace too."""

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        return "workspace" if module.endswith(SHARING) else module


def pytest_xdist_make_scheduler(config, log):
    """Make the scheduler; pytest-xdist 3.8's own groups are lost on pytest 9.2."""
    return ByModule(config, log)
