"""In fresh processes: what a process has imported, it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from paretoseg.trainables.segmentation.lean_monai import SPARED

REPOSITORY = Path(__file__).parents[3]

TRIAL = """
import json, sys
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.trainable import Assignment, Split

config = SegmentationConfig(num_steps=1, iterations_per_step=2, num_quick_cases=1, pixels_per_batch=2048)
task = config.build(TexturesConfig(num_train=2, num_validation=1, num_test=1))
if sys.argv[1] == "lean":
    task.warm_up()
spared = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
trial = task.build(Assignment(Candidate(), seed=1))
trial.step()
rows = [(row.case, row.corruption, row.severity, row.metric, row.value) for row in trial.evaluate(Split.TEST).cases]
import pandas, scipy.stats  # who wants them gets them
print(json.dumps([spared, rows]))
"""


def run(way):
    words = [sys.executable, "-c", TRIAL, way, json.dumps(SPARED)]
    result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.slow
def test_a_trial_after_a_lean_import_measures_what_it_measures_otherwise():
    (loaded, lean), (_, whole) = run("lean"), run("whole")
    assert loaded == []
    assert lean == whole
