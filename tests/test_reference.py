"""Reference detectors: what must be true of each, on made-up images and on the digits."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lib import data, params
from lib.core.errors import UserError
from lib.data import attributes
from lib.detectors import baselines
from lib.detectors.baselines import REFERENCES, SHORTCUTS, shortcuts

NAMES = list(REFERENCES)
ON_IMAGES = [name for name in NAMES if REFERENCES[name].sees == "images"]


def made_up(count: int, channels: int, size: int = 32) -> np.ndarray:
    """Smooth random images, every third with a white strip on the left."""
    random = np.random.default_rng(channels)
    coarse = random.integers(0, 256, (count, size // 8, size // 8, channels), dtype=np.uint8)
    images = np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8))
    images[::3, :, :3] = 255
    return images


def rows(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({key: random.integers(100, 9000, count) for key in ("file_bytes", "height", "width")})


def seen_by(name: str, images: np.ndarray, table: pd.DataFrame):
    return images if REFERENCES[name].sees == "images" else table


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def images(request):
    return made_up(40, request.param)


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_finite_numbers_and_none_is_negative(name, images):
    scores, seconds = baselines.fit_and_score(name, images, rows(40), np.arange(25))
    assert scores.shape == (40,) and scores.dtype == np.float64
    assert np.isfinite(scores).all() and (scores >= 0).all() and seconds >= 0


@pytest.mark.parametrize("name", NAMES)
def test_a_score_depends_on_its_image_alone(name, images):
    table = rows(40)
    detector = REFERENCES[name]()
    assert detector.fit(seen_by(name, images[:25], table[:25])) == {}
    together = detector.score(seen_by(name, images, table))
    order = np.random.default_rng(0).permutation(40)
    shuffled = detector.score(seen_by(name, images[order], table.iloc[order]))
    alone = np.concatenate([detector.score(seen_by(name, images[i : i + 1], table[i : i + 1])) for i in range(40)])
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_more_images_than_a_batch_score_as_few_do(name):
    images, table = made_up(300, 1), rows(300)
    detector = REFERENCES[name]()
    detector.fit(seen_by(name, images, table))
    whole = detector.score(seen_by(name, images, table))
    last = detector.score(seen_by(name, images[250:], table[250:]))
    np.testing.assert_allclose(whole[250:], last, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_images_fitted_on_does_not_matter(name, images):
    fit = np.random.default_rng(1).permutation(40)[:25]
    one, _ = baselines.fit_and_score(name, images, rows(40), fit)
    two, _ = baselines.fit_and_score(name, images, rows(40), fit[::-1])
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_detector_gives_the_same_scores(name, images, tmp_path):
    table = rows(40)
    detector = REFERENCES[name]()
    detector.fit(seen_by(name, images[:25], table[:25]))
    detector.save(tmp_path / "made")
    again = REFERENCES[name].load(tmp_path / "made")
    seen = seen_by(name, images, table)
    np.testing.assert_array_equal(again.score(seen), detector.score(seen))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_saved_detector_is_one_clear_line(name, tmp_path):
    with pytest.raises(UserError, match=f"not a fitted {REFERENCES[name].__name__}"):
        REFERENCES[name].load(tmp_path)
    (tmp_path / "reference.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UserError, match="remove the folder") as caught:
        REFERENCES[name].load(tmp_path)
    assert "\n" not in str(caught.value)


def test_one_detectors_file_is_not_anothers(tmp_path):
    detector = baselines.MeanImage()
    detector.fit(made_up(3, 1))
    detector.save(tmp_path)
    with pytest.raises(UserError, match="not a fitted HOGNearestNeighbour"):
        baselines.HOGNearestNeighbour.load(tmp_path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("name", NAMES)
def test_constant_images_all_score_the_same(name, level):
    images = np.full((9, 32, 32, 3), level, np.uint8)
    table = pd.DataFrame({"file_bytes": [64] * 9, "height": [8] * 9, "width": [8] * 9})
    scores, _ = baselines.fit_and_score(name, images, table, np.arange(4))
    np.testing.assert_allclose(scores, 0, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_one_image_is_enough_to_fit_to(name, images):
    scores, _ = baselines.fit_and_score(name, images, rows(40), np.array([7]))
    assert np.isfinite(scores).all()
    if name != "edge energy":
        assert scores[7] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_fit_to_and_a_table_of_other_images_are_refused(name, images):
    with pytest.raises(ValueError, match="no images to fit to"):
        baselines.fit_and_score(name, images, rows(40), np.array([], int))
    with pytest.raises(ValueError, match="39 rows"):
        baselines.fit_and_score(name, images, rows(39), np.arange(5))


@pytest.mark.parametrize("name", ON_IMAGES)
def test_no_images_have_no_scores(name, images):
    detector = REFERENCES[name]()
    detector.fit(images)
    assert detector.score(images[:0]).shape == (0,)


def test_the_mean_image_scores_nothing():
    images = np.stack([np.full((16, 16, 3), level, np.uint8) for level in (10, 20, 60)])
    detector = baselines.MeanImage()
    detector.fit(images)
    scores = detector.score(np.full((2, 16, 16, 3), [[[[30]]], [[[81]]]], np.uint8))
    np.testing.assert_allclose(scores, [0, (51 / 255) ** 2], rtol=1e-6, atol=1e-9)


def test_edge_energy_of_a_step_is_its_height_over_the_width():
    step = np.zeros((1, 33, 33, 1), np.uint8)
    step[:, :, 20:] = 51
    noise = np.random.default_rng(0).integers(0, 256, step.shape, dtype=np.uint8)
    detector = baselines.EdgeEnergy()
    np.testing.assert_allclose(detector.score(step), 0.2 / 32, rtol=1e-6)
    np.testing.assert_allclose(detector.score(step.transpose(0, 2, 1, 3)), 0.2 / 32, rtol=1e-6)
    np.testing.assert_allclose(detector.score(np.repeat(step, 3, axis=-1)), 0.2 / 32, rtol=1e-5)
    assert detector.score(noise) > detector.score(step) > detector.score(np.zeros_like(step))


def test_principal_components_give_back_every_image_they_are_as_many_as(images):
    detector = baselines.PCAReconstruction()
    detector.fit(images)
    assert len(detector.components) == len(images) - 1
    np.testing.assert_allclose(detector.components @ detector.components.T, np.eye(39), atol=1e-4)
    np.testing.assert_allclose(detector.score(images), 0, atol=1e-9)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert detector.score(noise).min() > 0.04  # of the noise's variance of 1/12, a plane of 39 takes little


def test_there_are_never_more_components_than_asked_for():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (400, 24, 24, 1), dtype=np.uint8)
    detector = baselines.PCAReconstruction()
    detector.fit(images)
    assert detector.components.shape == (256, 24 * 24)
    mean = baselines.MeanImage()
    mean.fit(images)
    fresh = random.integers(0, 256, (50, 24, 24, 1), dtype=np.uint8)
    assert (detector.score(fresh) <= mean.score(fresh) + 1e-7).all()  # components only ever take error away


def test_an_image_that_was_fitted_on_is_its_own_nearest_neighbour(images):
    detector = baselines.HOGNearestNeighbour()
    detector.fit(images)
    np.testing.assert_array_equal(detector.score(images), 0)
    assert detector.score(images[:, ::-1, ::-1]).min() > 0


def test_oriented_gradients_do_not_see_brightness_and_grey_is_grey_colour(images):
    detector = baselines.HOGNearestNeighbour()
    detector.fit(images // 2)
    np.testing.assert_allclose(detector.score(images // 2 + 100), 0, atol=1e-5)
    grey = made_up(5, 1)
    detector.fit(grey)
    np.testing.assert_allclose(detector.score(np.repeat(grey, 3, axis=-1)), 0, atol=1e-6)


def test_images_too_small_for_one_block_are_refused():
    with pytest.raises(ValueError, match="8 × 8 pixels"):
        baselines.HOGNearestNeighbour().fit(np.zeros((2, 8, 8, 1), np.uint8))


@pytest.mark.parametrize("name", ["file size", "aspect ratio"])
def test_shortcuts_on_files_do_not_see_pixels(name):
    table = rows(40)
    one, _ = baselines.fit_and_score(name, made_up(40, 3), table, np.arange(25))
    two, _ = baselines.fit_and_score(name, np.zeros((40, 16, 16, 1), np.uint8), table, np.arange(25))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "column"), [("file size", "file_bytes"), ("aspect ratio", "width")])
def test_twice_and_half_are_as_far_from_the_median(name, column):
    table = pd.DataFrame({"file_bytes": [100] * 6, "height": [100] * 6, "width": [100] * 6})
    table[column] = [100, 100, 100, 200, 50, 400]
    scores, _ = baselines.fit_and_score(name, np.zeros((6, 16, 16, 1), np.uint8), table, np.arange(3))
    np.testing.assert_allclose(scores, np.log([1, 1, 1, 2, 2, 4]), atol=1e-12)


def test_white_margins_are_measured_as_in_the_feature_analysis():
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (60, 48, 36, 3), dtype=np.uint8)
    for image in images:
        top, bottom, left, right = random.integers(0, 14, 4)
        image[:top], image[48 - bottom :], image[:, :left], image[:, 36 - right :] = 255, 250, 241, 255
    images[0], images[1], images[2] = 255, 240, 241
    for given in (images, images[..., :1]):
        np.testing.assert_allclose(
            shortcuts.white_margin(given), attributes.measure(given)["white_margin"].to_numpy(), atol=1e-6
        )
    assert shortcuts.white_margin(images)[1] == 0 < shortcuts.white_margin(images)[0]


def test_what_lies_between_the_margins_does_not_matter():
    images = made_up(30, 3) // 2
    images[::2, :, :4] = 255
    inverted = images.copy()
    inverted[:, :, 5:] = 127 - inverted[:, :, 5:]
    one, _ = baselines.fit_and_score("white margins", images, rows(30), np.arange(9))
    two, _ = baselines.fit_and_score("white margins", inverted, rows(30), np.arange(9))
    np.testing.assert_array_equal(one, two)
    assert len(np.unique(one.round(9))) == 2


def test_every_reference_detector_says_what_it_sees_and_how_it_scores():
    assert set(SHORTCUTS) < set(REFERENCES)
    for detector in REFERENCES.values():
        assert detector.sees in {"images", "files"}
        assert not detector.how.endswith(".") and detector.how == detector.how.strip()


def test_digits_are_told_apart_by_shape_and_not_by_how_they_were_made():
    chosen = params.load("digits")
    digits = data.load(chosen)
    labels = digits.labels("8")
    normal = np.random.default_rng(0).permutation(np.flatnonzero(labels == 0))
    judged = np.concatenate([normal[120:], np.flatnonzero(labels)[::4]])

    def auroc(name):
        from sklearn.metrics import roc_auc_score

        scores, _ = baselines.fit_and_score(name, digits.images, digits.table, normal[:120])
        return roc_auc_score(labels[judged], scores[judged])

    # Every digit is 64 bytes and 8 × 8 pixels, on black.
    assert [auroc(name) for name in SHORTCUTS] == [0.5, 0.5, 0.5]
    assert auroc("mean image distance") > 0.9 and auroc("HOG nearest neighbour") > 0.97


def test_they_are_imported_and_used_without_tensorflow():
    code = (
        "import sys, numpy, pandas; from lib.detectors import reference;"
        "print([name for name in ('sklearn', 'skimage', 'tensorflow', 'keras') if name in sys.modules]);"
        "table = pandas.DataFrame({'file_bytes': [1, 2, 3], 'height': [1, 2, 3], 'width': [1, 2, 4]});"
        "images = numpy.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=numpy.uint8);"
        "[baselines.fit_and_score(name, images, table, numpy.arange(2)) for name in baselines.REFERENCES];"
        "print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


def test_the_detectors_public_names_are_all_there():
    from lib import detectors

    assert all(hasattr(detectors, name) for name in detectors.__all__)
    assert detectors.NAMES is detectors.NAMES and detectors.NAMES["vae"] is detectors.VAE
    with pytest.raises(AttributeError, match="no attribute 'Autoencodr'"):
        detectors.Autoencodr  # noqa: B018
