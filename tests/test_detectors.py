"""Every kind of detector fits, scores, saves and loads; options are checked; keys of the cache follow from them."""

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from small_digits import digits

from lib import detectors, params
from lib.core.errors import UserError
from lib.data import splits
from lib.detectors.reconstruction.options import SCORES
from lib.study import Study, fit_and_score

NETWORK = {"image_size": 16, "latent_dim": 8, "epochs": 2, "batch_size": 16, "learning_rate": 0.002}
SMALL = NETWORK | {"components": 8, "size": 16, "coreset": 50}
SMALL["members"] = [{"pca": {"image_size": 16, "components": 8}}, {"beta_vae": NETWORK}]
PATCHES = {"method": "patches", "size": 32}  # at 16 px every patch is an average of the whole image
FIT = np.arange(60)

# Name of the case: the kind of detector, its options, the channels of the images.
CASES = {name: (name, {}, 1) for name in detectors.kinds()}
CASES |= {"features by mahalanobis": ("features", {"method": "mahalanobis"}, 1)}
MAPS = ("patches", "positions", "autoencoder")
CASES |= {f"features by {name}, colour": ("features", {"method": name}, 3) for name in MAPS}
CASES |= {f"{name}, colour": (name, {}, 3) for name in ("pca", "hog", "edge_energy", "white_margin")}

each_case = pytest.mark.parametrize("case", CASES)
each_kind = pytest.mark.parametrize("name", detectors.kinds())


@functools.cache
def fitted(case):
    name, options, channels = CASES[case]
    detector = detectors.spec(name, options, SMALL).create()
    images = digits(channels=channels)
    history = detector.fit(images, FIT)
    return detector, images, history, detector.score(images)


def assert_close(found, expected, noise=1e-5):
    """A network's output has noise of about 1e-6 relative, which shows in full in a distance that is nearly 0."""
    np.testing.assert_allclose(found, expected, rtol=noise, atol=noise * np.abs(expected).max())


@each_case
def test_every_kind_gives_an_image_a_finite_score(case):
    detector, images, history, scores = fitted(case)
    assert scores.shape == (len(images),) and scores.dtype == np.float64
    assert np.isfinite(scores).all()
    assert detector.kind.name == "combined" or (scores >= 0).all()  # which is 0 for the median
    assert {len(curve) for curve in history.values()} <= {2}  # epochs, where there are any


@each_case
def test_a_score_depends_on_its_image_alone(case):
    detector, images, _, scores = fitted(case)
    order = np.random.default_rng(0).permutation(len(images))[:23]
    assert_close(detector.score(images.take(order)), scores[order], noise=1e-4)  # of batches of other sizes
    assert_close(detector.score(images.take([135])), scores[135:136], noise=1e-4)


@each_kind
def test_no_images_have_no_scores_and_cannot_be_fitted_to(name):
    detector, images, _, _ = fitted(name)
    assert detector.score(images.take(FIT[:0])).shape == (0,)
    with pytest.raises(ValueError, match=f"{name}: no images to fit to"):
        detectors.spec(name, {}, SMALL).create().fit(images, FIT[:0])


# Runs in a process of its own: scores what lies in each folder, and every score of an autoencoder. The cheap detectors
# come first, and need neither TensorFlow nor, until they are used, scikit-learn and scikit-image.
ELSEWHERE = """
import pathlib, sys
from lib import detectors
cheap = [name for name, kind in detectors.kinds().items() if kind.fitted_alone]
import lib.detectors.features.gaussian, lib.detectors.features.neighbours, lib.detectors.features.patches
assert not {"sklearn", "skimage", "tensorflow", "keras"} & set(sys.modules)
import numpy
from small_digits import digits
folder, found = pathlib.Path(sys.argv[1]), {}
for case in sorted(folder.iterdir(), key=lambda case: case.name.split(",")[0] not in cheap):
    detector = detectors.load(case)
    if detector.kind.name not in cheap or "tensorflow" not in sys.modules:
        found[case.name] = detector.score(digits(channels=3 if "colour" in case.name else 1))
detector = detectors.load(folder / "every score")
for score in detector.score_names():
    detector.options = detector.options.model_copy(update={"score": score})
    found[score] = detector.score(digits())
numpy.savez(folder / "found.npz", **found)
"""


@pytest.fixture(scope="module")
def elsewhere():
    with TemporaryDirectory() as name:
        for case in CASES:
            fitted(case)[0].save(Path(name) / case)
        with_every_score()[0].save(Path(name) / "every score")
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        command = [sys.executable, "-c", ELSEWHERE, name]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        with np.load(Path(name) / "found.npz") as found:
            yield dict(found)


@functools.cache
def with_every_score():
    """The autoencoder of the case of that name with what each of its scores needs, and its scores by name."""
    detector = detectors.spec("autoencoder", {"score": "latent_neighbour"}, SMALL).create()
    detector.network = fitted("autoencoder")[0].network
    detector.learn_score(digits(), FIT)
    return detector, detector.all_scores(digits(), FIT)


@each_case
def test_a_saved_detector_gives_equal_scores_in_a_new_process(case, elsewhere):
    detector, _, _, scores = fitted(case)
    if detector.kind.fitted_alone:
        np.testing.assert_array_equal(elsewhere[case], scores)
    else:
        assert_close(elsewhere[case], scores)  # TensorFlow's threads may sum in another order


@pytest.mark.parametrize("score", SCORES)
def test_every_score_of_an_autoencoder_is_given_back_in_a_new_process(score, elsewhere):
    assert_close(elsewhere[score], with_every_score()[1][score])


def test_a_score_whose_fit_is_missing_is_refused(tmp_path):
    detector, images, _, _ = fitted("autoencoder")
    detector.save(tmp_path)
    with pytest.raises(ValueError, match="'ssim' needs `learn_score` first"):
        detectors.load(tmp_path, score="ssim").score(images)


@each_kind
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short"])
def test_a_file_that_is_missing_or_damaged_is_one_line(name, content, tmp_path):
    detector = fitted(name)[0]
    detector.save(tmp_path / "whole")
    for file in sorted(path for path in (tmp_path / "whole").rglob("*") if path.is_file()):
        folder = shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
        damaged = folder / file.relative_to(tmp_path / "whole")
        damaged.unlink() if content is None else damaged.write_bytes(content)
        with pytest.raises(UserError, match=r"not a fitted .* remove the folder to fit again") as caught:
            detectors.load(folder)
        assert "\n" not in str(caught.value)
        shutil.rmtree(folder)


def test_the_files_of_another_kind_are_refused(tmp_path):
    fitted("mean_image")[0].save(tmp_path)
    np.savez(tmp_path / "state.npz", **fitted("hog")[0].arrays())
    with pytest.raises(UserError, match="not a fitted mean_image"):
        detectors.load(tmp_path)


# Which detectors a study asks for


def specs_of(**changes):
    return detectors.specs(params.Parameters(**({"image_size": 16, "latent_dim": 8} | changes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detectors": ["autoencodr"]}, "detectors: 'autoencodr' is not a detector (did you mean 'autoencoder'?)"),
        ({"detectors": [{"pca": {"component": 4}}]}, "pca: component: unknown option (did you mean 'components'?)"),
        ({"detectors": [{"pca": {"components": 0}}]}, "pca: components: input should be greater than"),
        ({"detectors": [{"pca": {"components": "4"}}]}, "pca: components: input should be a valid integer"),
        ({"detectors": [{"pca": {"label": "…"}}]}, "pca: label: must be text"),
        ({"detectors": [{"features": {"method": "patch"}}]}, "features: method: input should be 'knn'"),
        ({"detectors": [{"features": {"backbone": "MobilNetV2"}}]}, "(did you mean 'MobileNetV2'?)"),
        ({"backbone": "efficientnet_lite"}, "(did you mean 'efficientnet_lite0'?)"),
        ({"detectors": ["features", "features"]}, "detectors: 'features, nearest neighbours' is given twice"),
        ({"detectors": [{"ensemble": {}}]}, "ensemble: members: field required"),
        ({"detectors": [{"ensemble": {"members": [{"pcaa": {}}, {"hog": {}}]}}]}, "(did you mean 'pca'?)"),
        ({"detectors": [{"ensemble": {"members": [{"pca": {"size": 3}}, {"hog": {}}]}}]}, "size: unknown option"),
        ({"refinements": [{"depht": 1}]}, "refinements: autoencoder: depht: unknown option (did you mean 'depth'?)"),
        ({"refinements": [{"latent_dim": 8}]}, "refinements: each must change something"),
    ],
    ids=str,
)
def test_an_unknown_detector_or_option_is_one_line(changes, message):
    with pytest.raises(UserError) as caught:
        specs_of(**changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_study_fits_the_published_detectors_those_that_it_names_and_the_cheap_ones():
    cheap = [name for name, kind in detectors.kinds().items() if kind.family in {"baseline", "shortcut"}]
    assert [spec.name for spec in specs_of()] == [*detectors.PUBLISHED, *cheap]
    named = {
        "detectors": ["features", {"autoencoder": {"latent_dim": 4, "label": "β × 2"}}],
        "refinements": [{"beta": 1}],
    }
    added = [spec for spec in specs_of(**named) if spec.name not in [*detectors.PUBLISHED, *cheap]]
    assert [spec.name for spec in added] == ["features_nearest_neighbours", "beta_x_2", "beta_vae_beta_1"]
    assert added[1].changes == {"latent_dim": 4} and added[1].options.image_size == 16
    short = [spec for spec in specs_of(backbone="efficientnet_lite0") if spec.family == "features"]
    assert [(spec.options.method, spec.options.size, spec.options.share) for spec in short] == [
        *((method, size, 0.0) for size in (16, 224) for method in ("knn", "mahalanobis")),
        ("patches", 224, 1.0),  # at 16 px there would be 2 × 2 of them
    ]


def test_other_scores_share_the_fit_and_have_names_of_their_own():
    vae = next(spec for spec in specs_of() if spec.name == "vae")
    others = detectors.other_scores(vae)
    assert [spec.options.score for spec in others] == [score for score in SCORES if score != "mse"]
    assert not any(spec.changes for spec in others) and vae.scores_as_published
    assert len({spec.name for spec in [vae, *others]}) == len(SCORES)


def test_the_weight_of_the_kl_term_is_one_in_the_vae_and_the_studys_in_the_beta_vae():
    created = {spec.name: spec.create() for spec in specs_of(beta=0.5) if spec.name in detectors.PUBLISHED}
    assert {name: detector.beta for name, detector in created.items()} == {"autoencoder": 0, "vae": 1, "beta_vae": 0.5}


# The cache


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path))
    labels = (np.arange(140) >= 60).astype(np.int8)
    return Study(params.Parameters(**NETWORK), digits(), labels, splits.resubstitution(labels))


def entries(folder):
    return [len([path for path in (folder / kind).glob("*") if path.is_dir()]) for kind in ("fits", "scores")]


@pytest.mark.parametrize(
    ("name", "one", "two", "made_anew"),
    [
        ("pca", {"components": 4}, {"components": 5}, [2, 2]),
        ("features", PATCHES | {"share": 0.0}, PATCHES | {"share": 1.0}, [1, 2]),
        ("autoencoder", {"score": "mse"}, {"score": "latent_neighbour"}, [1, 2]),
    ],
)
def test_an_option_that_changes_a_score_changes_its_key(study, tmp_path, name, one, two, made_anew):
    first, again, other = (fit_and_score(study, detectors.spec(name, options, SMALL)) for options in (one, one, two))
    assert entries(tmp_path) == made_anew
    assert not first.cached and again.cached and other.cached == (made_anew[0] == 1)
    np.testing.assert_array_equal(again.scores, first.scores)
    assert not np.allclose(other.scores, first.scores)
    assert_close(other.detector(study).score(study.images), other.scores)


def test_other_images_to_fit_to_change_the_key(study, tmp_path):
    spec = detectors.spec("mean_image", {}, SMALL)
    fewer = replace(study, split=replace(study.split, fit=study.split.fit[1:]))
    assert not np.allclose(fit_and_score(study, spec).scores, fit_and_score(fewer, spec).scores)
    assert entries(tmp_path) == [2, 2]


def test_an_ensemble_shares_the_fits_of_its_members(study, tmp_path):
    whole = fit_and_score(study, detectors.spec("ensemble", {}, SMALL))
    assert entries(tmp_path) == [2, 2] and not whole.cached
    for member in whole.spec.options.members:
        ((name, options),) = member.items()
        assert fit_and_score(study, detectors.spec(name, options, {})).cached
    assert_close(whole.detector(study).score(study.images), whole.scores)
