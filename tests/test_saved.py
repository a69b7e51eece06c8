"""A saved detector has all that it needs in use, and gives equal scores in a fresh process."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import small_folder
from PIL import Image

from lib.core import paths
from lib.core.errors import UserError
from lib.data import measurements
from lib.study import Saved, heat_maps

SCORE = """
import json, sys
from pathlib import Path
import numpy as np
from lib.data import ImageSet
from lib.study import Saved
for name in json.loads(sys.argv[1]):
    saved = Saved.load(Path(name))
    np.save(Path(sys.argv[2]) / f"{Path(name).name}.npy", saved.detector.score(ImageSet.of(np.load(sys.argv[3]))))
"""


@pytest.fixture(scope="module")
def saved():
    _, run, _ = small_folder.studied()
    return {column: Saved.load(run.detector(column)) for column in small_folder.COLUMNS}


def test_a_detector_gives_equal_scores_in_a_fresh_process(saved, tmp_path):
    study, run, _ = small_folder.studied()
    some = study.images.take(study.split.test[:20])
    np.save(tmp_path / "pixels.npy", some.images)
    folders = json.dumps([str(run.detector(column)) for column in small_folder.COLUMNS])
    command = [sys.executable, "-c", SCORE, folders, str(tmp_path), str(tmp_path / "pixels.npy")]
    subprocess.run(command, check=True, capture_output=True, cwd=paths.ROOT)
    for column, own in saved.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{column}.npy"), own.detector.score(some))
        np.testing.assert_allclose(own.detector.score(some), run.scores_of(column)[study.split.test[:20]], rtol=1e-5)


def test_calibration_scores_and_what_the_images_look_like_are_those_of_the_calibration_set(saved):
    study, run, _ = small_folder.studied()
    rows = study.split.calibration
    for column, own in saved.items():
        table = own.calibrated
        assert table.columns.tolist() == ["id", "score", "group", "height", "width", "brightness", "sharpness"]
        assert table["id"].tolist() == study.images.table["id"].to_numpy()[rows].tolist()
        np.testing.assert_array_equal(table["score"], run.scores_of(column)[rows])
        np.testing.assert_array_equal(own.calibration[: len(rows)], table["score"])
        assert (table["height"] == 48).all() and (table["width"] == 64).all()
        size = own.provenance["measured_at"]
        expected = measurements.of(study.images.take(rows).at(size))
        pd.testing.assert_frame_equal(table[["brightness", "sharpness"]], expected[["brightness", "sharpness"]])


def test_provenance_says_how_new_images_have_to_be_prepared(saved):
    study, *_ = small_folder.studied()
    for own in saved.values():
        assert own.provenance["images"] == study.images.preparation
        assert own.threshold["rule"] == "target_fpr" and own.threshold["alpha"] >= own.threshold["target"] == 0.1


def test_what_a_detector_can_do_is_saved_and_what_it_cannot_is_not(saved):
    study, *_ = small_folder.studied()
    able, plain = (saved[column] for column in small_folder.COLUMNS)
    embedded = study.images.take(study.split.calibration[able.embedded])
    np.testing.assert_allclose(able.embeddings, able.detector.embed(embedded), atol=1e-5)
    np.testing.assert_allclose(able.scale, heat_maps.scale(study, able.detector), rtol=1e-5)
    assert able.scale[0] < able.scale[1]
    assert plain.embeddings is None and plain.scale is None and plain.normal(0) is None


def test_the_nearest_normal_image_has_its_name_and_a_picture_in_the_proportions_of_the_file(saved):
    study, *_ = small_folder.studied()
    able = saved[small_folder.COLUMNS[0]]
    ids, fitted = study.images.table["id"].to_numpy(), np.sort(study.split.fit)
    own = study.images.take(fitted)
    assert able.detector.nearest(own).tolist() == list(range(len(fitted)))  # each is its own nearest image
    for place in (0, 1, len(fitted) - 1):
        name, jpeg = able.normal(place)
        picture = Image.open(io.BytesIO(jpeg))
        assert name == ids[fitted[place]] and picture.format == "JPEG" and picture.size == (96, 72)
        reference = Image.fromarray(own.images[place].squeeze()).resize(picture.size)
        difference = np.asarray(picture.convert("L"), float) - np.asarray(reference, float)
        assert np.abs(difference).mean() < 8
    assert able.normal(len(fitted)) is None and able.normal(-1) is None


@pytest.mark.parametrize("damage", ["threshold.json", "calibration.parquet", "provenance.json", "detector.json"])
def test_a_folder_that_is_not_complete_is_one_line(damage, tmp_path):
    _, run, _ = small_folder.studied()
    folder = tmp_path / "detector"
    shutil.copytree(run.detector("mean_image"), folder)
    (folder / damage).unlink()
    with pytest.raises(UserError) as error:
        Saved.load(folder)
    assert "\n" not in str(error.value) and damage in str(error.value)
