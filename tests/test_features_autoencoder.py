"""An autoencoder of patch features: what its error is, what it cannot reconstruct, and what it must not depend on."""

import numpy as np
import pytest
from small_digits import digits

from lib import detectors
from lib.detectors.features import autoencoder, tiles
from lib.detectors.features.autoencoder import Autoencoder


def on_a_plane(count, seed, side=4, dimensions=12, rank=3):
    """Features that lie in a plane of `rank` dimensions, the same for every seed, float32 (count, side, side, D)."""
    mixing = np.random.default_rng(99).standard_normal((rank, dimensions))
    return (np.random.default_rng(seed).standard_normal((count, side, side, rank)) @ mixing + 5).astype(np.float32)


def heat(scorer, maps):
    return np.concatenate(list(scorer.maps([maps])))


@pytest.fixture(scope="module")
def scorer():
    made = Autoencoder()
    made.fit(iter([on_a_plane(200, 0)]), 200)
    return made


def test_the_latent_vector_has_nine_tenths_of_the_variance():
    random = np.random.default_rng(0)
    for variances, expected in (([8, 1.5, 0.5], 2), ([1] * 10, 9), ([1, 0, 0], 1), ([95, 5], 1)):
        # Columns without correlation and with exactly these variances.
        rows = np.linalg.qr(random.standard_normal((500, len(variances) + 1)))[0][:, 1:]
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0) * np.sqrt(variances)
        assert abs(autoencoder.latent_size(rows) - expected) <= (variances == [1] * 10)
    assert autoencoder.latent_size(np.zeros((5, 3))) == autoencoder.latent_size(random.standard_normal((5, 1))) == 1


def test_new_patches_like_the_normal_ones_are_reconstructed_and_others_are_not(scorer):
    normal = heat(scorer, on_a_plane(20, 1))
    off = np.random.default_rng(2).standard_normal((20, 4, 4, 12)) * on_a_plane(200, 0).std(axis=(0, 1, 2)) + 5
    assert normal.mean() < 0.1 < 5 * normal.mean() < heat(scorer, off.astype(np.float32)).mean()


def test_a_network_of_zeros_has_the_mean_square_of_the_standardised_features_as_its_error():
    maps = on_a_plane(50, 0)
    made = Autoencoder()
    made.fit(iter([maps]), 50)
    for name in made.learned[2:]:
        setattr(made, name, np.zeros_like(getattr(made, name)))
    assert heat(made, maps).mean() == pytest.approx(1.0, abs=1e-3)  # the mean variance of standardised features


def test_the_layers_narrow_to_the_latent_vector_and_widen_again(scorer):
    sizes = [getattr(scorer, f"weights_{layer}").shape for layer in range(1, 5)]
    assert sizes == [(12, 7), (7, 3), (3, 7), (7, 12)]  # a plane of three dimensions


@pytest.mark.parametrize("step", [1, 7])
def test_a_heat_map_depends_on_its_own_image_alone(scorer, step):
    maps = on_a_plane(20, 1)
    parts = [heat(scorer, maps[start : start + step]) for start in range(0, 20, step)]
    np.testing.assert_array_equal(np.concatenate(parts), heat(scorer, maps))


def test_the_same_seed_gives_the_same_network_and_another_seed_another(scorer):
    for seed, equal in ((555, True), (1, False)):
        again = Autoencoder(seed)
        again.fit(iter([on_a_plane(200, 0)]), 200)
        assert np.array_equal(again.weights_1, scorer.weights_1) == equal


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("count", [1, 2])
def test_a_few_images_or_equal_ones_give_finite_errors(count):
    for maps in (on_a_plane(count, 0), np.repeat(on_a_plane(1, 0), count, axis=0), np.zeros((count, 4, 4, 12))):
        made = Autoencoder()
        made.fit(iter([maps.astype(np.float32)]), count)
        found = heat(made, on_a_plane(3, 1))
        assert np.isfinite(found).all() and (found >= 0).all()


def test_the_maps_of_tiles_are_joined_and_the_worst_tile_counts(scorer):
    tiled = Autoencoder(tiles=2)
    for name in tiled.learned:
        setattr(tiled, name, getattr(scorer, name))
    maps = on_a_plane(5, 1)
    found = heat(tiled, tiles.cut(maps, 2))
    np.testing.assert_allclose(found, heat(scorer, maps), rtol=1e-5)
    np.testing.assert_allclose(tiled.score(found), found.max(axis=(1, 2)), rtol=1e-6)


def test_a_saved_detector_scores_as_before(tmp_path):
    images = digits(60, size=32)
    own = detectors.spec("features", {"method": "autoencoder", "size": 32, "share": 1.0}, {}).create()
    own.fit(images, np.arange(40))
    own.save(tmp_path)
    np.testing.assert_array_equal(detectors.load(tmp_path).score(images), own.score(images))
