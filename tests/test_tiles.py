"""Images cut into tiles: their order, scores, heat maps, and what is left out."""

import functools

import numpy as np
import pytest
from small_digits import digits

from lib import detectors, params
from lib.data import ImageSet
from lib.detectors.features import neighbours, patches, tiles

SIDE = 32  # of a tile


def textures(count: int, size: int = 2 * SIDE, seed: int = 0) -> np.ndarray:
    """Smooth random stripes, uint8 (count, size, size, 3)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size] / 8
    angle, phase = random.uniform(0.6, 0.9, (2, count, 1, 1))
    grey = 128 + 60 * np.sin(rows * np.cos(angle) + columns * np.sin(angle) + 6 * phase)
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=3)


@functools.cache
def fitted(method: str, count: int):
    options = {"method": method, "size": SIDE, "tiles": count, "coreset": 200, "share": 0.1}
    detector = detectors.spec("features", options, {}).create()
    size = count * SIDE
    detector.fit(ImageSet.of(textures(20, size)), np.arange(20))
    return detector


def test_tiles_are_cut_row_by_row_and_joined_again():
    images = np.arange(2 * 6 * 4 * 3).reshape(2, 6, 4, 3)
    cut = tiles.cut(images, 2)
    assert cut.shape == (8, 3, 2, 3)
    for number, (top, left) in enumerate([(0, 0), (0, 2), (3, 0), (3, 2)]):
        np.testing.assert_array_equal(cut[4 + number], images[1, top : top + 3, left : left + 2])
    np.testing.assert_array_equal(tiles.joined(cut[..., 0], 2), images[..., 0])
    assert tiles.cut(images, 1) is images and tiles.joined(images[..., 0], 1).shape == (2, 6, 4)


@pytest.mark.parametrize("method", ["knn", "mahalanobis", "patches"])
def test_the_score_of_an_image_is_the_highest_of_its_tiles(method):
    detector, images = fitted(method, 2), textures(5, seed=1)
    alone = detectors.spec("features", detector.options.model_dump() | {"tiles": 1}, {}).create()
    alone.set_arrays(detector.arrays())
    by_tile = alone.score(ImageSet.of(tiles.cut(images, 2))).reshape(5, 4)
    np.testing.assert_allclose(detector.score(ImageSet.of(images)), by_tile.max(axis=1), rtol=1e-3, atol=1e-4)
    assert detector.size == 2 * SIDE and alone.size == SIDE


@pytest.mark.parametrize("method", ["knn", "mahalanobis", "patches"])
def test_a_detector_with_tiles_is_fitted_to_every_tile(method):
    pieces = ImageSet.of(tiles.cut(textures(20), 2))
    alone = detectors.spec("features", fitted(method, 2).options.model_dump() | {"tiles": 1}, {}).create()
    alone.fit(pieces, np.arange(80))
    given, expected = fitted(method, 2).arrays(), alone.arrays()
    assert given.keys() == expected.keys()
    for name, array in expected.items():
        if method == "patches" and name == "coreset":  # all 1,280 patches are in both pools, in another order
            assert given[name].shape == array.shape
        elif name not in ("weights", "axes", "rows"):
            np.testing.assert_allclose(given[name], array, rtol=1e-3, atol=1e-3)


def test_a_small_defect_of_a_large_image_is_in_its_place_of_the_joined_heat_map():
    detector, images = fitted("patches", 2), textures(6, seed=2)
    before = detector.score(ImageSet.of(images))
    images[:, 40:48, 16:24] = np.kron(np.indices((2, 2)).sum(axis=0) % 2, np.ones((4, 4)))[..., None] * 255
    maps = detector.heatmap(ImageSet.of(images))
    assert maps.shape == (6, 8, 8)
    places = np.array([np.unravel_index(heat.argmax(), heat.shape) for heat in maps])
    assert (np.abs(places - [5, 2]) <= 1).all()
    assert (detector.score(ImageSet.of(images)) > before).all()
    # `share` is of a tile: the mean of the 2 farthest of its 16 patches
    lowest = np.sort(tiles.cut(maps[..., None], 2).reshape(6, 4, 16), axis=2)[:, :, -2:].mean(axis=2)
    np.testing.assert_allclose(detector.score(ImageSet.of(images)), lowest.max(axis=1), rtol=1e-3)


def test_one_tile_is_the_image():
    images = digits(12, size=32)
    for method in ("knn", "patches"):
        options = {"method": method, "size": 32, "coreset": 30, "share": 0.2}
        detector = detectors.spec("features", options, {"tiles": 1}).create()
        detector.fit(images, np.arange(12))
        plain = neighbours.Neighbours(2) if method == "knn" else patches.Patches(555, 30, 0.2)
        backbone = detector.backbone
        if method == "knn":
            plain.fit(backbone.embed(images.images))
            np.testing.assert_array_equal(detector.score(images), plain.score(backbone.embed(images.images)))
        else:
            plain.fit(backbone.stream_maps(images.images), 12)
            maps = np.concatenate(list(plain.maps(backbone.stream_maps(images.images))))
            by_hand = np.sort(maps.reshape(12, -1), axis=1)[:, -3:].mean(axis=1, dtype=np.float64)
            np.testing.assert_array_equal(detector.score(images), by_hand)


@pytest.mark.parametrize(("pieces", "count"), [(4, 1), (4, 3), (9, 2)])
def test_an_image_left_out_is_scored_by_the_tiles_of_all_others(pieces, count):
    known = np.random.default_rng(0).gamma(0.5, size=(6, pieces, 20)).astype(np.float32)
    scorer = neighbours.Neighbours(count, pieces)
    scorer.fit(known.reshape(-1, 20))
    by_hand = []
    for place in range(6):
        other = neighbours.Neighbours(count)
        other.fit(np.delete(known, place, axis=0).reshape(-1, 20))
        by_hand.append(other.score(known[place]).max())
    np.testing.assert_allclose(scorer.left_out(), by_hand, rtol=1e-4)
    scorer.fit(known[0])
    assert scorer.left_out().shape == (0,)  # all tiles are of one image


def test_equal_images_are_at_distance_zero_when_left_out():
    scorer = neighbours.Neighbours(2, 4)
    scorer.fit(np.repeat(np.random.default_rng(0).random((1, 4, 8)), 5, axis=0).reshape(-1, 8))
    np.testing.assert_allclose(scorer.left_out(), 0, atol=1e-6)


def test_an_image_in_tiles_has_one_embedding_and_its_nearest_image():
    detector, images = fitted("knn", 2), ImageSet.of(textures(20))
    assert detector.embed(images).shape == (20, 1280)
    np.testing.assert_array_equal(detector.nearest(images), np.arange(20))
    np.testing.assert_allclose(detector.left_out().shape, (20,))


def test_tiles_are_taken_from_the_study_and_reach_both_methods_of_combined():
    given = params.Parameters(detector="auto", protocol="holdout", tiles=3).model_dump()
    own = detectors.spec("combined", {"size": 32, "coreset": 50}, given)
    assert own.label == "features, combined, 32 px, coreset 50"
    assert [member.options.tiles for member in own.create().members] == [3, 3]
    assert detectors.spec("features", {"tiles": 2}, given).label == "features, nearest neighbours, 2 × 2 tiles"
    images, detector = ImageSet.of(textures(12, 96)), own.create()
    detector.fit(images, np.arange(8))
    assert detector.score(images).shape == (12,) and detector.heatmap(images).shape == (12, 12, 12)


def test_images_in_many_tiles_are_given_to_the_network_in_small_batches(monkeypatch):
    from lib.detectors.features.networks import backbones

    detector, images = fitted("knn", 2), textures(5, seed=3)
    expected = detector.score(ImageSet.of(images))
    monkeypatch.setattr(backbones, "PIXELS", 160 * 160)  # one tile at a time
    np.testing.assert_allclose(detector.score(ImageSet.of(images)), expected, rtol=1e-3, atol=1e-5)


def test_of_very_many_images_evenly_spaced_ones_are_kept(monkeypatch):
    from lib.detectors.features import features

    monkeypatch.setattr(features, "KNOWN", 40)
    detector = detectors.spec("features", {"size": SIDE, "tiles": 2}, {}).create()
    images = ImageSet.of(textures(20))
    detector.fit(images, np.arange(20))
    assert len(detector.scorer.known) == 40 and len(detector.rows) == 10
    np.testing.assert_array_equal(detector.nearest(images)[detector.rows], detector.rows)
    assert not len(detector.left_out())  # so no score stands in another image's place
