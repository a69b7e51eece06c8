"""Several devices that fit one network together: the losses of one device, and mistakes as one line.

The devices are two logical CPUs of one process, and two processes on this machine. A part of a batch is summed in
another order than the whole, so values differ by float32 rounding: 1e-7 in one step, which later steps multiply. The
first epochs agree to 1e-5; noise of the VAE and its logarithms of variances lose one more digit.
"""

import functools
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import yaml
from small_digits import digits
from small_study import small
from test_training import network

from lib import detectors
from lib.__main__ import main
from lib.core import cache, paths, strategy
from lib.core.errors import UserError
from lib.study import Study, fits

TOLERANCE = {"autoencoder": 1e-5, "vae": 1e-4}
COUNTS = {"autoencoder": 69, "vae": 65}  # images; the last batch has 5, which two do not share evenly, or 1

FITS = """
import json
import tensorflow
from tensorflow import config
config.set_logical_device_configuration(
    config.list_physical_devices("CPU")[0], [config.LogicalDeviceConfiguration()] * 2
)
import test_strategy
from lib.core.backend import strategy
assert strategy.num_replicas_in_sync == 2
print(json.dumps(test_strategy.histories()))
"""


def histories():
    """The curves of a small network of each kind, without the times."""
    found = {}
    for name, count in COUNTS.items():
        history = network(name, epochs=3, beta=0.01).fit(digits(count, channels=3).images, name)
        found[name] = {key: values for key, values in history.items() if key != "seconds"}
    return found


def start(words, **environment):
    """A process of this Python, in the folder of the project; tests' helpers can be imported in it."""
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT / "tests"), **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *words], cwd=paths.ROOT, env=environment, text=True, **pipes)


def configs(count=2):
    """The `TF_CONFIG` of each worker, on free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{own.getsockname()[1]}" for own in sockets]
    for own in sockets:
        own.close()
    task = functools.partial(dict, type="worker")
    return [json.dumps({"cluster": {"worker": addresses}, "task": task(index=index)}) for index in range(count)]


def test_two_devices_have_the_losses_of_one():
    process = start(["-c", FITS], STRATEGY="mirrored")
    alone = histories()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    together = json.loads(out)
    for name, curves in alone.items():
        assert list(together[name]) == list(curves) and curves["loss"][-1] < 0.7 * curves["loss"][0]
        for key, values in curves.items():
            np.testing.assert_allclose(together[name][key], values, rtol=TOLERANCE[name], err_msg=f"{name}, {key}")


def test_two_workers_make_the_fit_of_one_process_and_the_chief_keeps_it(tmp_path):
    params = small(study="together", epochs=3, batch_size=15)
    file = tmp_path / "together.yaml"
    file.write_text(yaml.safe_dump(params.model_dump()), encoding="utf-8")
    command = ["-m", "lib", "together", str(file), "autoencoder"]
    workers = [
        start(command, STRATEGY="multi_worker", TF_CONFIG=config, ANOMALY_CACHE_DIR=str(tmp_path / f"cache{index}"))
        for index, config in enumerate(configs())
    ]
    study = Study.open(params)
    assert len(study.split.fit) % 15 % 2  # the last batch is no even number of images
    alone, _ = fits.fit(study, detectors.spec("autoencoder", {}, params.model_dump()))
    ended = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], ended
    saved = tmp_path / "cache0" / "fits" / alone.name  # the usual key, so that reports find it
    assert str(saved) in ended[0][0] and not (tmp_path / "cache1" / "fits").exists()
    found, expected = (cache.read_json(folder / "fit.json")["history"] for folder in (saved, alone))
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=TOLERANCE["autoencoder"])


def test_a_worker_that_is_alone_says_so_and_ends():
    worker = start(
        ["-m", "lib", "together", "digits", "vae"], STRATEGY="multi_worker", TF_CONFIG=configs()[0], STRATEGY_WAIT="2"
    )
    _, err = worker.communicate(timeout=60)
    assert worker.returncode and err.splitlines() == [
        "worker 0: not all 2 workers of TF_CONFIG have started within 2 seconds; run the same command on each"
    ]


@pytest.mark.parametrize(
    ("kind", "words", "line"),
    [
        ("miror", ["params", "digits"], "'miror' is unknown (did you mean 'mirrored'?); set mirrored or multi_worker"),
        ("multi_worker", ["params", "digits"], "unset it for other commands"),
        ("multi_worker", ["together", "digits", "vae"], "TF_CONFIG: set all workers and the place of this one"),
        ("", ["together", "digits", "vae"], "set STRATEGY=multi_worker, and TF_CONFIG"),
    ],
)
def test_a_mistake_is_one_line(kind, words, line, monkeypatch, capsys):
    monkeypatch.setenv("STRATEGY", kind)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert main(words) == 2
    err = capsys.readouterr().err
    assert line in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_tf_config_names_all_workers_and_the_place_of_this_one(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UserError, match="TF_CONFIG"):
        strategy.worker()
    monkeypatch.setenv("TF_CONFIG", configs(3)[2])
    assert strategy.worker() == (2, 3)
