"""What a fresh process of `emotiw predict` imports: nothing that takes long and that no prediction needs."""

import json
import os
import subprocess
import sys

import bundle_fixtures as tiny
import media_fixtures as made

CHILD = """
import json, sys
from emotiw import cli
from emotiw.prediction import batch
from emotiw.prediction.predictor import Predictor
(found,) = Predictor.load(sys.argv[1]).predict([sys.argv[2]])
print(json.dumps([found.source, sorted(set(sys.argv[3:]) & set(sys.modules))]))
"""
SLOW = ["sklearn", "pandas", "opensmile", "matplotlib", "lightning", "pytorch_lightning", "scipy"]
SLOW += ["onnx", "onnxruntime", "torch._dynamo"]


def test_a_prediction_imports_nothing_slow(root, tmp_path):
    bundle = tiny.write_run(tmp_path, modalities=["video"]).bundle
    clip = made.clip(tmp_path / "still.mp4", n=8)
    command = [sys.executable, "-c", CHILD, str(bundle), str(clip), *SLOW]
    environment = os.environ | {"PYTHONPATH": str(root / "workflow_scripts")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["none", []]
