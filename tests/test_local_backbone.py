"""A backbone from a Keras file of the user: what it is given, what is refused, and that no code in it runs."""

import functools
import hashlib
import json
import zipfile

import numpy as np
import pytest
from small_digits import digits

from lib import detectors
from lib.core import paths
from lib.core.backend import keras
from lib.core.errors import UserError
from lib.data import ImageSet
from lib.detectors.features.networks import backbones


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@functools.cache
def saved(folder, side=None, channels=3, pooled=False, name="maps"):
    """A tiny network in a file: two convolutions of stride 2, and their mean if `pooled`."""
    keras.utils.set_random_seed(1)
    image = keras.Input((side, side, channels))
    x = keras.layers.Rescaling(1 / 255)(image)
    for filters in (8, 12):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x) if pooled else x)
    path = folder / f"{name}-{side}-{channels}-{pooled}.keras"
    model.save(path)
    return path, model


def options(path, **given):
    return {"backbone": str(path), "sha256": sha256(path), "coreset": 20, **given}


def refused(given, kind="features"):
    with pytest.raises(UserError) as caught:
        detectors.spec(kind, given, {}).create().backbone  # noqa: B018
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_network_from_a_file_is_given_images_as_they_are(folder):
    path, model = saved(folder)
    backbone = backbones.Backbone(str(path), sha256=sha256(path))
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    expected = model(images.astype(np.float32)).numpy()
    np.testing.assert_allclose(backbone.embed(images), expected.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)
    maps = backbone.maps(images)
    assert maps.shape == (5, 8, 8, 12)
    np.testing.assert_allclose(maps[:, 3, 3], expected[:, 2:5, 2:5].mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)
    grey = images[..., :1]
    np.testing.assert_allclose(backbone.embed(grey), backbone.embed(np.repeat(grey, 3, axis=3)))
    assert backbone.key.startswith(f"file {sha256(path)}")


@pytest.mark.parametrize("kind", ["features", "combined"])
def test_a_detector_on_a_file_fits_saves_and_loads(folder, kind, tmp_path):
    path, _ = saved(folder)
    detector = detectors.spec(kind, options(path, size=32), {}).create()
    images = digits(40)
    detector.fit(images, np.arange(30))
    scores = detector.score(images)
    detector.save(tmp_path)
    np.testing.assert_allclose(detectors.load(tmp_path).score(images), scores, rtol=1e-4, atol=1e-5)


def test_paths_are_relative_to_the_folder_of_parameter_sets(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "params_folder", lambda: tmp_path)
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "own.keras"
    path.write_bytes(saved(folder)[0].read_bytes())
    given = options(path, size=32) | {"backbone": "models/own.keras"}
    assert detectors.spec("features", given, {}).label.startswith("features, nearest neighbours, 32 px, own")
    path.rename(tmp_path / "other.keras")
    assert "models/own.keras" in refused(given) and "give the path of a .keras file" in refused(given)


def test_the_size_is_that_of_the_network_where_it_has_one(folder):
    fixed, free = saved(folder, side=48)[0], saved(folder)[0]
    assert detectors.spec("features", options(fixed), {}).create().size == 48
    assert detectors.spec("features", options(fixed, tiles=3), {}).create().size == 144
    assert detectors.spec("features", options(free), {}).create().size == 224
    assert "takes images of 48 pixels only, and is 64" in refused(options(fixed, size=64))
    detector = detectors.spec("features", options(fixed, method="patches"), {}).create()
    detector.fit(digits(10), np.arange(10))
    assert detector.heatmap(digits(3)).shape == (3, 12, 12)


def test_a_network_with_one_embedding_an_image_has_no_patches(folder):
    path, model = saved(folder, pooled=True)
    detector = detectors.spec("features", options(path, size=16), {}).create()
    images = digits(20, channels=3)
    detector.fit(images, np.arange(10))
    expected = model(images.images.astype(np.float32)).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(detector.embed(images), expected, rtol=1e-4, atol=1e-5)
    for kind, given in (("features", options(path, method="patches")), ("combined", options(path))):
        assert "patches need a map (N, h, w, D)" in refused(given, kind)


def test_a_grey_network_takes_grey_images_alone(folder):
    path, _ = saved(folder, channels=1)
    detector = detectors.spec("features", options(path, size=16), {}).create()
    detector.fit(digits(10), np.arange(10))
    with pytest.raises(UserError, match="takes grey images, and these have 3 channels"):
        detector.score(digits(4, channels=3))


def test_the_hash_is_required_and_the_message_says_it(folder):
    path, _ = saved(folder)
    assert f"`sha256: {sha256(path)}`" in refused({"backbone": str(path)})
    assert f"which is {sha256(path)}" in refused({"backbone": str(path), "sha256": "0" * 64})
    upper = {"backbone": str(path), "sha256": sha256(path).upper()}
    assert detectors.spec("features", upper, {}).create().backbone.key.startswith(f"file {sha256(path)}")


def test_another_file_under_the_same_name_is_refused_after_fitting(folder, tmp_path):
    path = tmp_path / "own.keras"
    path.write_bytes(saved(folder)[0].read_bytes())
    detector = detectors.spec("features", options(path, size=16), {}).create()
    detector.fit(digits(10), np.arange(10))
    detector.save(tmp_path / "saved")
    path.write_bytes(saved(folder, channels=1)[0].read_bytes())
    with pytest.raises(UserError, match="sha256") as caught:
        detectors.load(tmp_path / "saved")
    assert "\n" not in str(caught.value)


def test_what_is_kept_of_one_file_is_not_taken_for_another(folder):
    images = ImageSet.of(digits(10).images)
    found = []
    for name, filters in (("maps", None), ("other", 1)):
        path, _ = saved(folder, name=name)
        if filters:
            other = folder / "changed.keras"
            model = keras.saving.load_model(path)
            model.layers[-1].set_weights([weights * 2 + 0.1 for weights in model.layers[-1].get_weights()])
            model.save(other)
            path = other
        detector = detectors.spec("features", options(path, size=16), {}).create()
        detector.fit(images, np.arange(5))
        found.append(detector.key())
    assert found[0] != found[1]


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_model_is_one_line(content, tmp_path):
    path = tmp_path / "own.keras"
    path.write_bytes(content)
    assert "not a Keras model that can be read" in refused(options(path))


def test_a_network_of_another_form_is_one_line(tmp_path):
    vector = keras.Input((4,))
    images = keras.Input((32, 32, 3))
    wide = keras.Input((32, 16, 3))
    for number, (model, message) in enumerate(
        [
            (keras.Model(vector, keras.layers.Dense(2)(vector)), "its input is (None, 4)"),
            (keras.Model(wide, keras.layers.Conv2D(2, 3)(wide)), "has to be square images"),
            (keras.Model([images, vector], images * 1), "not a model with one input"),
            (keras.Model(images, [images * 1, images * 2]), "its output has to be one embedding"),
        ]
    ):
        path = tmp_path / f"{number}.keras"
        model.save(path)
        assert message in refused(options(path))


def test_no_code_of_a_file_runs(folder, tmp_path):
    mark = tmp_path / "ran"
    image = keras.Input((16, 16, 3))
    lambdas = keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image))
    path = tmp_path / "lambda.keras"
    lambdas.save(path)
    assert "could run code (Lambda)" in refused(options(path))
    # A configuration that names a function of another module, where a layer of Keras should be.
    harmful = tmp_path / "harmful.keras"
    with zipfile.ZipFile(saved(folder, side=16)[0]) as whole, zipfile.ZipFile(harmful, "w") as copy:
        for name in whole.namelist():
            content = whole.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1] |= {"module": "os", "class_name": "system", "config": f"touch {mark}"}
                content = json.dumps(config).encode()
            copy.writestr(name, content)
    assert "could run code (os.system)" in refused(options(harmful))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["MobileNetV3Small"])
def test_models_of_keras_applications_load_from_their_files(name, tmp_path):
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(64, 64, 3))
    path = tmp_path / "own.keras"
    model.save(path)
    assert backbones.facts(str(path), sha256(path)) == (64, True, True)
