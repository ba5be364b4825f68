"""The window's runner with the real models in their process: no torch here, failures are told, work goes on."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from inference.engines.architecture import save_checkpoint
from inference.paths import program_dir
from tests import random_models

WINDOW = """
    import sys
    from PySide6.QtCore import QCoreApplication, QEventLoop
    from inference.errors import ModelError
    from inference.jobs.load_model import LoadModelRequest
    from inference.jobs.segment import SegmentRequest
    from inference.prompts import Point, Prompts
    from inference.protocol import ImageRef
    from inference.worker.options import WorkerOptions
    from inference.worker.thread import ThreadRunner

    def main(good, bad, picture):
        application = QCoreApplication([])
        runner, loop, said = ThreadRunner(WorkerOptions(force_device="cpu")), QEventLoop(), []
        runner.ready.connect(lambda: said.append("ready"))
        runner.failed.connect(lambda ticket, error: said.append(error))
        runner.succeeded.connect(lambda ticket, result: (said.append(result), len(said) == 4 and loop.quit()))
        runner.submit(LoadModelRequest(bad))
        runner.submit(LoadModelRequest(good))
        runner.submit(SegmentRequest(ImageRef(picture, "a", 7), good, Prompts((Point(20, 10),))))
        loop.exec()
        assert runner.close()
        ready, failure, loaded, answer = said
        assert ready == "ready"
        assert isinstance(failure, ModelError) and failure.path == bad, failure
        assert loaded.model == good
        assert answer.image.generation == 7 and answer.candidates[0].mask.array().shape == (48, 64)
        assert "torch" not in sys.modules
        print("done")

    if __name__ == "__main__":
        main(*sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.timeout(300)  # 12 s alone; torch is imported twice, and other work may share the machine
def test_load_fail_and_click(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    save_checkpoint(random_models.random_model(), random_models.SMALL, good)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"these are no weights")
    picture = tmp_path / "picture.png"
    Image.fromarray(random_models.picture(64, 48)).save(picture)
    command = [sys.executable, "-c", textwrap.dedent(WINDOW), str(good), str(bad), str(picture)]
    answer = subprocess.run(command, cwd=program_dir(), capture_output=True, text=True, timeout=280, check=False)
    assert (answer.returncode, answer.stdout) == (0, "done\n"), answer.stderr
    assert answer.stderr == ""
