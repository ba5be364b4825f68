"""What pyproject.toml cannot say: files that the program opens by path go along with its code, under a name of ours."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = "winnow_files"  # as inference.paths looks for them
FOLDERS = ("resources", "checkpoints")


class BuildWithFiles(build_py):
    """In an editable installation the program finds them in the repository."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for name in FOLDERS:
                shutil.copytree(name, Path(self.build_lib, SHIPPED, name), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithFiles})
