"""Copies the configuration's defaults and schema, which lie at the top of the repository, into the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DEFAULTS = ("config.yaml", "schemas/config.schema.yaml")


class BuildWithDefaults(build_py):
    """Builds the package and adds `emotiw/defaults`, except for an editable install, which reads the originals."""

    def run(self):
        """Build the package."""
        package = Path(self.build_lib, "emotiw")
        if not self.editable_mode:  # an earlier build may have left modules that have been moved since
            shutil.rmtree(package, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for source, copy in self._copies():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)

    def get_outputs(self, include_bytecode=True):
        """Return the files that are built, the copies among them."""
        copies = [] if self.editable_mode else [str(copy) for _, copy in self._copies()]
        return [*super().get_outputs(include_bytecode), *copies]

    def _copies(self):
        folder = Path(self.build_lib, "emotiw", "defaults")
        return [(ROOT / name, folder / Path(name).name) for name in DEFAULTS]


setup(cmdclass={"build_py": BuildWithDefaults})
