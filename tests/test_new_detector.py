"""A detector is one file: registered there, it is on the leaderboard, in the charts and in `metrics.json`."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from lib.core import paths

BRIGHTNESS = '''
"""How bright an image is."""

import numpy as np

from lib.detectors.base import register
from lib.detectors.baselines.pixels import PixelDetector


@register("{name}", family="{family}", title="{name}")
class Brightness(PixelDetector):
    """Scores by the difference to the mean brightness."""

    learned = ("mean",)

    def learn_pixels(self, images):
        self.mean = np.array(images.mean())

    def score_pixels(self, images):
        return np.abs(images.mean(axis=(1, 2, 3), dtype=np.float64) - self.mean)
'''

STUDY = """
import json, pathlib, sys
import numpy as np
from matplotlib.text import Text
import lib
from lib import detectors, params
from lib.evaluation import comparison
from lib.presentation import plots, tables
from lib.study import Run, Study, fit_all

small = {"image_size": 16, "latent_dim": 4, "epochs": 1, "protocol": "holdout", "validation_share": 0.2}
small |= {"refinements": [], "backbone": "", "detectors": ["novelty"]}
study = Study.open(params.load("digits").model_copy(update=small))
run = Run(pathlib.Path("run"))
saved = comparison.save_detectors(study, run, fit_all(study, run))
rows = comparison.leaderboard(study, run)
notable = comparison.notable(rows)
charts = [plots.leaderboard(notable, highlight="autoencoder"), plots.cost_benefit(notable)]
detector = detectors.load(run.detector("novelty"))
print(json.dumps({
    "lib": lib.__file__, "saved": saved, "rows": {row["column"]: row["family"] for row in rows},
    "scores": list(run.scores()), "metrics": list(run.read("metrics")["leaderboard"]),
    "table": tables.leaderboard(rows)["Detector"].tolist(),
    "charts": [[text.get_text() for text in chart.findobj(Text)] for chart in charts],
    "loaded": bool(np.allclose(detector.score(study.images), run.scores_of("novelty"))),
}))
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What a study says in a copy of the project that has one more baseline, and one more file of another family."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("lib", "params"):
        shutil.copytree(paths.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, family in {"brightness": "baseline", "novelty": "novelty"}.items():
        file = root / "lib" / "detectors" / "baselines" / f"{name}.py"
        file.write_text(BRIGHTNESS.format(name=name, family=family))
    environment = os.environ | {"PYTHONPATH": str(root), "ANOMALY_CACHE_DIR": str(root / "cache")}
    command = [sys.executable, "-c", STUDY]
    process = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]
    outcome = json.loads(process.stdout.splitlines()[-1])
    assert outcome["lib"] == str(root / "lib" / "__init__.py")
    return outcome


@pytest.mark.parametrize(("name", "family"), [("brightness", "baseline"), ("novelty", "novelty")])
def test_a_new_file_is_a_detector_of_every_table_and_chart(outcome, name, family):
    assert outcome["rows"][name] == family
    assert all(name in outcome[place] for place in ("scores", "metrics", "table"))
    assert all(name in chart for chart in outcome["charts"])


def test_a_detector_of_a_new_family_is_saved_as_its_best_and_loads_with_equal_scores(outcome):
    assert "novelty" in outcome["saved"] and outcome["loaded"]
