"""The self-test of the device: NumPy agrees with TensorFlow, a fault is found and named, and what follows from it."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import small_study

from lib import detectors
from lib.core import cache, paths
from lib.core.backend import keras, tf
from lib.core.errors import DeviceFault, UserError
from lib.detectors import forward, selftest
from lib.detectors.features.networks import backbones
from lib.study import Run, Study, device, fit_all, fit_and_score, plan, training

SIZE = 16
FEW = ("autoencoder", "mean_image_held_out")  # columns of a study, one of which needs no device


def parts(name="autoencoder", channels=1, **options):
    own = detectors.spec(name, {"image_size": SIZE, "latent_dim": 4, **options}, {})
    return own.create().networks(channels)


def trained(model):
    """Weights that are not the initial ones, so that no bias is 0 and no normalisation the identity."""
    random = np.random.default_rng(1)
    moved = [weights + random.normal(0, 0.05, weights.shape) for weights in model.get_weights()]
    model.set_weights([np.abs(weights) if "variance" in variable.path else weights
                       for variable, weights in zip(model.weights, moved, strict=True)])  # fmt: skip
    return model


def without_relu(layer):
    """The compiled pass of one dense or convolutional layer skips its ReLU, as seen on one GPU back end."""
    usual = layer.activation

    def relu(values):
        return values if tf.inside_function() else usual(values)

    layer.activation = relu
    return layer


@pytest.mark.parametrize(
    ("name", "channels", "options"),
    [
        ("autoencoder", 1, {}),
        ("autoencoder", 3, {"width": 0.5, "image_size": 40, "batch_norm": True, "depth": 1}),
        ("vae", 3, {}),
        ("beta_vae", 1, {"depth": 1}),
    ],
)
def test_numpy_computes_what_tensorflow_does_in_every_network(name, channels, options):
    for part, model in parts(name, channels, **options).items():
        result = selftest.run({part: trained(model)}, "CPU")
        assert result.passed and result.difference < 1e-4 and not result.by_processor, (part, result)


def test_numpy_computes_what_tensorflow_does_in_the_backbone():
    network = backbones.loaded("efficientnet_lite0").network
    started = time.process_time()
    result = selftest.run({"backbone": network}, "CPU")
    assert result.passed and result.difference < 1e-4 and not result.by_processor and result.layers > 90
    assert time.process_time() - started < 8  # 1.5 s on a core of its own
    assert result.record()["seconds"] == result.seconds


def test_numpy_computes_every_layer_that_it_knows():
    image = keras.Input((13, 11, 4))
    x = keras.layers.Rescaling(0.5, offset=-0.1)(image)
    x = keras.layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    y = keras.layers.DepthwiseConv2D(5, strides=2, padding="same", depth_multiplier=2, activation="tanh")(x)
    x = keras.layers.Conv2D(8, (3, 2), strides=2, padding="same", activation="relu6")(x)
    x = keras.layers.Add()([x, y])
    x = keras.layers.Concatenate()([x, keras.layers.ReLU(2.0, negative_slope=0.1, threshold=0.05)(y)])
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = keras.layers.Conv2DTranspose(3, 4, strides=3, padding="same", activation="sigmoid")(x)
    x = keras.layers.Conv2DTranspose(3, 3, strides=2, padding="valid")(x)
    x = keras.layers.Conv2D(5, 3, padding="valid")(keras.layers.Dropout(0.5)(x))
    x = keras.layers.BatchNormalization(scale=False)(x)
    x = keras.layers.Activation("tanh")(x)
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(6)(keras.layers.Flatten()(keras.layers.Reshape((5, 1))(pooled)))
    model = trained(keras.Model(image, x))
    result = selftest.run({"all": model}, "CPU")
    assert result.passed and result.difference < 1e-4 and not result.by_processor, result
    known = {type(operation).__name__ for operation in model.operations}
    assert known >= set(forward.LAYERS) - {"ThinConv2D"}


def test_a_layer_without_a_numpy_pass_is_compared_with_the_processor_and_listed():
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, dilation_rate=2, name="dilated")(image)
    x = keras.layers.UpSampling2D(2, name="larger")(x) + 1.0
    result = selftest.run({"own": keras.Model(image, keras.layers.Conv2D(2, 3, activation="relu")(x))}, "CPU")
    assert result.passed and {"own: dilated", "own: larger"} < set(result.by_processor)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_lost_relu_is_found_and_its_layer_named_in_every_arithmetic(policy):
    usual = selftest.run(parts(dtype_policy=policy), "CPU")
    assert usual.passed and usual.difference < usual.tolerance / 3
    places = {"float32": ("decoder", 3)}  # a transposed convolution; else a dense layer, as reported
    for part, place in [places.get(policy, ("encoder", 4))]:
        faulty = parts(dtype_policy=policy)
        layer = without_relu(faulty[part].layers[place])
        assert layer.activation.__name__ == "relu"  # for NumPy it is still one
        result = selftest.run(faulty, "Faulty GPU")
        assert not result.passed and result.how == "compiled" and result.layer == f"{part}: {layer.name}", result
        assert result.difference > 2 * result.tolerance
        assert f"Faulty GPU: the layer {part}: {layer.name}" in result.line


def test_a_wrong_eager_pass_and_values_that_are_no_numbers_are_found():
    for wrong in (lambda values: values * 0 + np.nan, lambda values: tf.nn.elu(values)):
        faulty = parts()
        layer = faulty["decoder"].layers[2]
        wrong.__name__ = "relu"
        layer.activation = wrong
        result = selftest.run(faulty, "CPU")
        assert not result.passed and result.how == "eager" and result.layer == f"decoder: {layer.name}"
        json.dumps(result.record(), allow_nan=False)


def test_a_backbone_with_a_fault_is_named():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(image)
    x = keras.layers.DepthwiseConv2D(3, activation="relu", name="second")(x)
    model = keras.Model(image, keras.layers.Conv2D(4, 3, name="third")(x))
    without_relu(model.get_layer("second"))
    assert selftest.run({"backbone": model}, "CPU").layer == "backbone: second"


@pytest.mark.parametrize("onednn", ["0", "1"])
def test_the_passes_agree_with_and_without_onednn(onednn):
    code = (
        "from lib import detectors; from lib.detectors import selftest\n"
        "own = detectors.spec('autoencoder', {'image_size': 16, 'latent_dim': 4}, {}).create()\n"
        "result = selftest.run(own.networks(1), 'CPU'); print(result.passed, result.difference < 1e-4)"
    )
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": onednn}
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr


# ---------------------------------------------------------------- in a study


@pytest.fixture
def study(own_folder, monkeypatch):
    """A tiny study, fitted on what says that it is a GPU."""
    monkeypatch.setattr(device, "_tested", {})
    monkeypatch.setattr(device, "_failed", [])
    monkeypatch.setenv("DEVICE", "")
    params = small_study.small(epochs=1, detectors=[], seed=3)
    return Study.open(params)


def faulty_layers(monkeypatch):
    usual = selftest.run

    def run(networks, name):
        without_relu(networks["encoder"].layers[-2])
        return usual(networks, name)

    monkeypatch.setattr(selftest, "run", run)


def test_on_a_processor_no_test_is_run(study, monkeypatch):
    monkeypatch.setattr(selftest, "run", lambda *_: pytest.fail("tested"))
    fitted = fit_and_score(study, detectors.spec("autoencoder", {"seed": 4}, study.params.model_dump()))
    assert fitted.device_tests == []
    assert device.summary([])["outcome"].startswith("not run")


def test_a_forced_test_changes_no_score_and_stands_in_the_manifest(study, monkeypatch, tmp_path):
    spec = detectors.spec("vae", {"seed": 5}, study.params.model_dump())
    plain = fit_and_score(study, spec)
    with monkeypatch.context() as patch:
        patch.setenv("DEVICE_TEST", "1")
        patch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
        again = fit_and_score(Study.open(study.params), spec)
        assert [record["passed"] for record in again.device_tests] == [True, True]  # before the fit and the scores
        patch.setattr(training, "plan", lambda study: [each for each in plan(study) if each.column in FEW])
        run = Run(tmp_path / "run")
        fit_all(study, run)
    np.testing.assert_array_equal(plain.scores, again.scores)
    tested = run.read("manifest")["device_test"]
    assert tested["outcome"] == "passed" and tested["tests"] == 2 and 0 <= tested["difference"] < tested["tolerance"]


def test_a_device_that_computes_wrong_stops_the_run_with_one_line(study, monkeypatch):
    monkeypatch.setenv("DEVICE_TEST", "1")
    faulty_layers(monkeypatch)
    with pytest.raises(DeviceFault) as caught:
        fit_and_score(study, detectors.spec("autoencoder", {"seed": 6}, study.params.model_dump()))
    line = str(caught.value)
    assert isinstance(caught.value, UserError) and "\n" not in line
    assert "CPU: the layer encoder: dense" in line and "DEVICE=cpu" in line and "DEVICE=auto" in line


def test_the_cpu_takes_over_where_that_is_asked_for(study, monkeypatch):
    monkeypatch.setenv("DEVICE_TEST", "1")
    monkeypatch.setenv("DEVICE", "auto")
    faulty_layers(monkeypatch)
    placed = []
    monkeypatch.setattr("lib.core.backend.use_cpu", lambda: placed.append(os.environ.__setitem__("DEVICE", "cpu")))
    fitted = fit_and_score(study, detectors.spec("autoencoder", {"seed": 7}, study.params.model_dump()))
    assert len(placed) == 1 and np.isfinite(fitted.scores).all()
    summary = device.summary(fitted.device_tests)
    assert summary["outcome"] == "failed; the CPU computed" and summary["layer"].startswith("encoder: dense")
    assert cache.read_json(fitted.fit_folder / "device_test.json")["passed"] is False
