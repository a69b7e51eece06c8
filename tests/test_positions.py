"""Patches compared with those of the same place: what whitening does, what follows of it, and what is streamed."""

import numpy as np
import pytest
from small_digits import digits

from lib import detectors
from lib.core.errors import UserError
from lib.detectors.features import positions, tiles

RANDOM = np.random.default_rng(0)


def features(count, height=6, width=6, dimensions=12, seed=0):
    """Correlated features with a mean of their own at each place, float32 (count, height, width, dimensions)."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((dimensions, dimensions))
    means = 10 * np.random.default_rng(98).standard_normal((height, width, dimensions))
    return (random.standard_normal((count, height, width, dimensions)) @ mixing + means).astype(np.float32)


def fitted(maps, step=None, **options):
    """Fitted to maps that come `step` at a time; all at once by default."""
    scorer = positions.Positions(**options)
    step = step or len(maps)
    scorer.fit((maps[start : start + step] for start in range(0, len(maps), step)), len(maps) // scorer.tiles**2)
    return scorer


def heat(scorer, maps):
    return np.concatenate(list(scorer.maps([maps])))


@pytest.mark.parametrize("side", [6, 30])  # a cell is one place, and 3 × 3 places
def test_whitened_features_of_a_cell_have_the_identity_as_their_covariance(side):
    maps = features(2000 if side == 6 else 300, side, side, 5)
    scorer = fitted(maps)
    cells = positions.by_cell((maps @ scorer.projection - scorer.mean).astype(np.float64)) @ scorer.whitening
    inside = cells[1:-1, 1:-1]
    covariances = inside.swapaxes(2, 3) @ inside / inside.shape[2]
    np.testing.assert_allclose(covariances, np.broadcast_to(np.eye(5), covariances.shape), atol=0.02)
    assert np.abs(cells.mean(axis=2)).max() < 1e-3


def test_with_many_images_the_distance_is_the_mahalanobis_distance_at_the_place():
    maps, new = features(20_000, 2, 2, 4), features(5, 2, 2, 4, seed=1)
    scorer = fitted(maps)
    found = heat(scorer, new)
    for row, column in np.ndindex(2, 2):
        known = maps[:, row, column].astype(np.float64)
        off = new[:, row, column] - known.mean(axis=0)
        expected = np.sqrt(np.einsum("nd,de,ne->n", off, np.linalg.inv(np.cov(known.T)), off))
        np.testing.assert_allclose(found[:, row, column], expected, rtol=2e-3)


def test_the_mean_image_is_nearest_and_images_at_a_place_of_another_are_far():
    maps = features(50)
    scorer = fitted(maps)
    mean = maps.mean(axis=0, keepdims=True)
    assert heat(scorer, mean).max() < 1e-2 < heat(scorer, maps).min()
    assert heat(scorer, mean[:, ::-1]).min() > heat(scorer, maps).max()  # the same patches, and no place is right


def test_linear_changes_of_features_change_no_distance_when_images_are_many():
    maps, new = features(3000, 3, 3, 6), features(10, 3, 3, 6, seed=1)
    change = np.random.default_rng(5).standard_normal((6, 6)).astype(np.float32)
    before = heat(fitted(maps), new)
    after = heat(fitted(maps @ change + 3), new @ change + 3)
    np.testing.assert_allclose(after, before, rtol=0.02)


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("side", [6, 17])
def test_features_in_batches_give_what_all_at_once_give(step, side):
    maps, new = features(40, side, side), features(9, side, side, seed=1)
    once, streamed = fitted(maps), fitted(maps, step)
    expected = heat(once, new)
    found = np.concatenate(list(streamed.maps(new[start : start + step] for start in range(0, len(new), step))))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(heat(fitted(maps[::-1]), new), expected, rtol=1e-5)  # whatever the order of the images


@pytest.mark.parametrize(("height", "width"), [(1, 1), (6, 9), (14, 14), (15, 15), (28, 28), (30, 17)])
def test_cells_hold_every_place_once_and_are_bounded(height, width):
    maps = RANDOM.standard_normal((3, height, width, 1))
    cells = positions.by_cell(maps)
    assert max(cells.shape[:2]) <= positions.CELLS
    assert cells.sum() == pytest.approx(maps.sum())
    np.testing.assert_array_equal(positions.from_cells(cells, maps.shape[:3]), maps[..., 0])
    assert fitted(features(4, height, width)).whitening.shape == (*cells.shape[:2], 12, 12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_images_or_equal_ones_give_finite_distances(count):
    new = features(3, seed=1)
    for maps in (features(count), np.repeat(features(1), count, axis=0), np.zeros((count, 6, 6, 12), np.float32)):
        found = heat(fitted(maps), new)
        assert np.isfinite(found).all() and (found > 0).all()
    assert not heat(fitted(features(1)), features(1)).any()


def test_features_of_many_dimensions_are_projected_to_fewer_and_keep_right_angles():
    matrix = positions.projection(344, positions.DIMENSIONS, 0)
    assert matrix.shape == (344, positions.DIMENSIONS)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(positions.DIMENSIONS), atol=1e-5)
    np.testing.assert_array_equal(positions.projection(7, positions.DIMENSIONS, 0), np.eye(7))


def test_places_are_those_of_the_whole_image_where_it_is_cut_into_tiles():
    maps, new = features(30, 8, 8), features(4, 8, 8, seed=1)
    whole, tiled = fitted(maps), fitted(tiles.cut(maps, 2), 8, tiles=2)
    expected = heat(whole, new)
    np.testing.assert_allclose(heat(tiled, tiles.cut(new, 2)), expected, rtol=1e-4)
    by_tile = np.sort(tiles.cut(expected[..., None], 2).reshape(4, 4, 16), axis=2)[:, :, -1]
    np.testing.assert_allclose(tiled.score(expected), by_tile.max(axis=1), rtol=1e-6)


def test_features_of_other_layers_than_those_fitted_on_are_one_line():
    scorer = fitted(features(9))
    with pytest.raises(UserError, match="other layers of the network than those used now; fit it again"):
        heat(scorer, features(2)[..., :-1])


# The detector


def detector(**options):
    return detectors.spec("features", {"method": "positions", "size": 32} | options, {}).create()


def test_a_saved_detector_scores_and_draws_as_before(tmp_path):
    images, own = digits(60, size=32), detector(share=0.2)
    own.fit(images, np.arange(40))
    own.save(tmp_path)
    loaded = detectors.load(tmp_path)
    np.testing.assert_array_equal(loaded.score(images), own.score(images))
    np.testing.assert_allclose(loaded.heatmap(images, np.array([3, 50])), own.heatmap(images)[[3, 50]], rtol=1e-4)
    assert loaded.key() == own.key() and detectors.load(tmp_path, share=0.5).options.share == 0.5


def test_a_patch_that_moved_is_abnormal_by_its_place_alone():
    """A mark that all normal images have on the left, on the right: no patch is new, but its place is."""
    random = np.random.default_rng(0)
    pixels = random.integers(90, 110, (40, 64, 64, 1), np.uint8)
    pixels[:30, 24:40, 8:24] = 250
    pixels[30:35, 24:40, 40:56] = 250
    pixels[35:, 24:40, 8:24] = 250
    from lib.data import ImageSet

    images, own = ImageSet.of(pixels), detector(size=64, share=0.1)
    own.fit(images, np.arange(30))
    scores = own.score(images)
    assert scores[30:35].min() > 2 * scores[35:].max()


def test_combined_takes_either_method_for_patches():
    usual, other = (detectors.spec("combined", given, {}) for given in ({}, {"patches": "patches"}))
    assert [member.options.method for member in usual.create().members] == ["knn", "positions"]
    assert [member.options.method for member in other.create().members] == ["knn", "patches"]
    assert other.label == "features, combined, patches" and other.name == "features_combined_patches"
