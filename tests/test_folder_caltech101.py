"""The whole way of one's own images, on JPEG files written from Caltech101: look, report, score; nothing is edited.

Motorbikes are normal. Some files are held back, as new images.
"""

import hashlib

import numpy as np
import pandas as pd
import pytest

from lib import params
from lib.__main__ import main
from lib.core import paths
from lib.data.sources.tfds import Tfds
from lib.study import Run

pytestmark = pytest.mark.caltech101

NORMAL, KEPT, NEW = "motorbikes", 40, 48  # of 100: the share of the other classes in the study, and the share until new


@pytest.fixture(scope="module")
def folders(own_folder):
    """Folders `parts` and `new`, with a folder for each class."""
    for original in Tfds(params.load(paths.ROOT / "params" / "airplanes.yaml")).originals():
        name = original.id.split("/")[-1]
        drawn = int(hashlib.sha256(original.id.encode()).hexdigest(), 16) % 1000
        normal = original.class_name == NORMAL
        where = "parts" if drawn < (500 if normal else KEPT) else "new" if drawn < (600 if normal else NEW) else ""
        if where:
            path = own_folder / where / original.class_name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(original.encoded)
    return own_folder / "parts", own_folder / "new"


@pytest.fixture(scope="module")
def reported(own_folder, folders):
    (own_folder / "params").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "params_folder", lambda: own_folder / "params")
        assert main(["study", "motorbikes", str(folders[0]), "--normal", NORMAL]) == 0
    assert main(["report", str(own_folder / "params" / "motorbikes.yaml")]) == 0
    return Run(own_folder / "reports" / "motorbikes" / "run")


def test_the_report_is_there_and_the_detector_is_far_better_than_chance(reported):
    answer = reported.read("metrics")["answer"]
    assert answer["auroc"]["low"] > 0.95
    assert (reported.folder.parent / "report.pdf").is_file()


def test_decisions_on_the_files_are_those_of_the_report(own_folder, folders, reported):
    assert main(["score", "motorbikes", str(folders[0]), "--out", str(own_folder / "all.csv")]) == 1
    table = pd.read_csv(own_folder / "all.csv").set_index("file")
    answer, scores = reported.read("metrics")["answer"], reported.scores().set_index("id")
    tested = scores[scores["part"] == "test"]
    own = table.loc[tested.index]
    np.testing.assert_allclose(own["score"], tested[answer["column"]], rtol=1e-5, atol=1e-6)
    assert ((own["decision"] == "flagged") == (tested[answer["column"]] > answer["threshold"]["value"])).all()
    flagged = own["decision"] == "flagged"
    assert flagged[tested["label"] == 1].sum() == answer["at"]["tp"]
    assert flagged[tested["label"] == 0].sum() == answer["at"]["fp"]


def test_new_images_are_decided_as_well_as_those_of_the_test(own_folder, folders, reported):
    assert main(["score", "motorbikes", str(folders[1]), "--out", str(own_folder / "new.csv")]) == 1
    table = pd.read_csv(own_folder / "new.csv")
    normal = table["file"].str.startswith(f"{NORMAL}/")
    assert normal.sum() > 50 and (~normal).sum() > 50
    flagged = table["decision"] == "flagged"
    assert flagged[~normal].mean() > 0.8
    assert flagged[normal].mean() < 0.2


def test_one_file_scores_as_among_many(own_folder, folders, reported):
    files = sorted(folders[1].rglob("*.jpg"))[:3]
    many = pd.read_csv(own_folder / "new.csv").set_index("file")["score"]
    for file in files:
        main(["score", "motorbikes", str(file), "--out", str(own_folder / "one.csv")])
        alone = pd.read_csv(own_folder / "one.csv")["score"][0]
        assert alone == pytest.approx(many[file.relative_to(folders[1]).as_posix()], rel=1e-9)
