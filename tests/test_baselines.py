"""The baselines and shortcuts, on made-up images and on the digits; test_detectors has what is true of every kind."""

import numpy as np
import pandas as pd
import pytest
from skimage.feature import hog
from sklearn.metrics import roc_auc_score

from lib import data, detectors, params
from lib.data import ImageSet, attributes
from lib.detectors.baselines import white_margin
from lib.detectors.baselines.hog import features

CHEAP = [name for name, kind in detectors.kinds().items() if kind.fitted_alone]
each_cheap = pytest.mark.parametrize("name", CHEAP)


def made_up(channels: int, count: int = 40, size: int = 32) -> np.ndarray:
    """Random images of large blocks, every third with a white strip on the left."""
    random = np.random.default_rng(channels)
    coarse = random.integers(0, 256, (count, size // 8, size // 8, channels), dtype=np.uint8)
    images = np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8))
    images[::3, :, :3] = 255
    return images


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def images(request):
    return made_up(request.param)


def table(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({key: random.integers(100, 9000, count) for key in ("file_bytes", "height", "width")})


def fitted(name: str, images: np.ndarray, **options):
    """A detector fitted to images, and the function from images to their scores."""
    detector = detectors.spec(name, options, {"image_size": images.shape[1]}).create()
    assert detector.fit(ImageSet.of(images), np.arange(len(images))) == {}
    return detector, lambda others: detector.score(ImageSet.of(others))


def scores_of(name: str, images: ImageSet, fit: np.ndarray) -> np.ndarray:
    detector = detectors.spec(name, {}, {"image_size": images.images.shape[1]}).create()
    detector.fit(images, fit)
    return detector.score(images)


@each_cheap
def test_the_order_of_the_images_fitted_on_does_not_matter(name, images):
    fit = np.random.default_rng(1).permutation(40)[:25]
    one, two = (scores_of(name, ImageSet.of(images, table(40)), indices) for indices in (fit, fit[::-1]))
    np.testing.assert_array_equal(one, two)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [0, 128, 255])
@each_cheap
def test_constant_images_all_score_zero(name, level):
    scores = scores_of(name, ImageSet.of(np.full((9, 32, 32, 3), level, np.uint8)), np.arange(4))
    np.testing.assert_allclose(scores, 0, atol=1e-12)


@pytest.mark.filterwarnings("error")
@each_cheap
def test_one_image_is_enough_to_fit_to(name, images):
    scores = scores_of(name, ImageSet.of(images, table(40)), np.array([7]))
    assert np.isfinite(scores).all()
    if name != "edge_energy":  # which learns nothing
        assert scores[7] == pytest.approx(0, abs=1e-12)


def test_the_mean_image_scores_zero():
    _, score = fitted("mean_image", np.stack([np.full((16, 16, 3), level, np.uint8) for level in (10, 20, 60)]))
    scores = score(np.full((2, 16, 16, 3), [[[[30]]], [[[81]]]], np.uint8))
    np.testing.assert_allclose(scores, [0, (51 / 255) ** 2], rtol=1e-6, atol=1e-9)


def test_edge_energy_of_a_step_is_its_height_over_the_width():
    step = np.zeros((1, 33, 33, 1), np.uint8)
    step[:, :, 20:] = 51
    noise = np.random.default_rng(0).integers(0, 256, step.shape, dtype=np.uint8)
    _, score = fitted("edge_energy", step)
    for image in (step, step.transpose(0, 2, 1, 3), np.repeat(step, 3, axis=-1)):
        np.testing.assert_allclose(score(image), 0.2 / 32, rtol=1e-5)
    assert score(noise) > score(step) > score(np.zeros_like(step)) == 0


def test_as_many_principal_components_as_there_are_reconstruct_every_image(images):
    detector, score = fitted("pca", images)
    np.testing.assert_allclose(detector.components @ detector.components.T, np.eye(39), atol=1e-4)
    np.testing.assert_allclose(score(images), 0, atol=1e-9)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert score(noise).min() > 0.04  # 39 components explain little of the noise's variance of 1/12


def test_there_are_never_more_components_than_asked_for():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (400, 24, 24, 1), dtype=np.uint8)
    detector, score = fitted("pca", images)
    assert detector.components.shape == (256, 24 * 24)
    assert fitted("pca", images, components=5)[0].components.shape == (5, 24 * 24)
    fresh = random.integers(0, 256, (50, 24, 24, 1), dtype=np.uint8)
    assert (score(fresh) <= fitted("mean_image", images)[1](fresh) + 1e-7).all()  # components only reduce the error


def test_an_image_that_was_fitted_on_is_its_own_nearest_neighbour(images):
    _, score = fitted("hog", images)
    np.testing.assert_array_equal(score(images), 0)
    assert score(images[:, ::-1, ::-1]).min() > 0


def test_oriented_gradients_do_not_depend_on_brightness_and_grey_is_grey_colour(images):
    _, score = fitted("hog", images // 2)
    np.testing.assert_allclose(score(images // 2 + 100), 0, atol=1e-5)
    grey = made_up(1)
    np.testing.assert_allclose(fitted("hog", grey)[1](np.repeat(grey, 3, axis=-1)), 0, atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 24, 1), (67, 96, 3), (16, 16, 3)])
def test_histograms_of_oriented_gradients_are_those_of_scikit_image(shape):
    random = np.random.default_rng(3)
    images = random.random((6, *shape)).astype(np.float32)
    images[1] = 0.25  # no gradient anywhere
    images[2, : shape[0] // 2] = 0.5  # none in half of it
    images[3] = 0.5 + random.integers(0, 2, shape) / 255  # the faintest there is
    images[4] = np.linspace(0, 1, shape[1])[:, None]  # one orientation
    settings = {"cells_per_block": (2, 2), "block_norm": "L2-Hys", "channel_axis": -1}
    expected = [hog(image, orientations=9, pixels_per_cell=(8, 8), **settings) for image in images]
    computed = features(images)
    assert computed.dtype == np.float32
    np.testing.assert_allclose(computed, expected, atol=1e-5)


def test_images_too_small_for_one_block_are_refused():
    with pytest.raises(ValueError, match="8 × 8 pixels"):
        fitted("hog", np.zeros((2, 8, 8, 1), np.uint8))


@pytest.mark.parametrize("name", ["file_size", "aspect_ratio"])
def test_shortcuts_on_files_do_not_depend_on_pixels(name):
    one, two = (
        scores_of(name, ImageSet.of(images, table(40)), np.arange(25))
        for images in (made_up(3), np.zeros((40, 16, 16, 1), np.uint8))
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "column"), [("file_size", "file_bytes"), ("aspect_ratio", "width")])
def test_twice_and_half_are_as_far_from_the_median(name, column):
    facts = pd.DataFrame({"file_bytes": [100] * 6, "height": [100] * 6, "width": [100] * 6})
    facts[column] = [100, 100, 100, 200, 50, 400]
    scores = scores_of(name, ImageSet.of(np.zeros((6, 16, 16, 1), np.uint8), facts), np.arange(3))
    np.testing.assert_allclose(scores, np.log([1, 1, 1, 2, 2, 4]), atol=1e-12)


def test_white_margins_are_measured_as_in_the_analysis_of_attributes():
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (60, 48, 36, 3), dtype=np.uint8)
    for image in images:
        top, bottom, left, right = random.integers(0, 14, 4)
        image[:top], image[48 - bottom :], image[:, :left], image[:, 36 - right :] = 255, 250, 241, 255
    images[0], images[1], images[2] = 255, 240, 241
    for given in (images, images[..., :1]):
        expected = attributes.measure(given)["white_margin"].to_numpy()
        np.testing.assert_allclose(white_margin.white_margin(given), expected, atol=1e-6)
    assert white_margin.white_margin(images)[1] == 0 < white_margin.white_margin(images)[0]


def test_what_lies_between_the_margins_does_not_matter():
    images = made_up(3) // 2
    images[::2, :, :4] = 255
    inverted = images.copy()
    inverted[:, :, 5:] = 127 - inverted[:, :, 5:]
    one, two = (scores_of("white_margin", ImageSet.of(given), np.arange(9)) for given in (images, inverted))
    np.testing.assert_array_equal(one, two)
    assert len(np.unique(one.round(9))) == 2


def test_digits_are_recognised_by_shape_and_not_by_how_their_files_were_made():
    images = data.load(params.load("digits"))
    labels = images.labels("8")
    normal = np.random.default_rng(0).permutation(np.flatnonzero(labels == 0))
    test = np.concatenate([normal[120:], np.flatnonzero(labels)[::4]])

    def auroc(name):
        return roc_auc_score(labels[test], scores_of(name, images, normal[:120])[test])

    shortcuts = [name for name, kind in detectors.kinds().items() if kind.family == "shortcut"]
    assert [auroc(name) for name in shortcuts] == [0.5, 0.5, 0.5]  # every digit is 64 bytes and 8 × 8 pixels, on black
    assert auroc("mean_image") > 0.9 and auroc("hog") > 0.97
