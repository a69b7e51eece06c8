"""Prepared images: the embedded digits, and what is said of a data set that cannot be had."""

import socket
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lib import data, params
from lib.core.errors import UserError


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield data.load(params.load("digits"))


def test_every_digit_is_there_once_in_order_of_its_id(digits):
    assert digits.images.shape == (1797, 32, 32, 1) and digits.images.dtype == np.uint8
    ids = digits.table["id"].tolist()
    assert ids == sorted(ids) and len(set(ids)) == 1797
    assert (digits.table["id"].str.split("/").str[0] == digits.table["class_name"]).all()


def test_resizing_is_bilinear_about_pixel_centres(digits):
    originals = load_digits().images[[int(name.split("/")[1]) for name in digits.table["id"][:50]]] / 16
    places = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)  # an enlargement by four, edges repeated
    rows = np.array([[np.interp(places, np.arange(8), line) for line in image] for image in originals])
    expected = np.array([[np.interp(places, np.arange(8), line) for line in image.T] for image in rows])
    prepared = digits.images[:50, :, :, 0] / 255
    # Rounded to 8 bits twice: from 17 grey levels, and after resizing.
    assert np.abs(prepared - expected.transpose(0, 2, 1)).max() <= 1.01 / 255


def test_images_are_mapped_and_cannot_be_written(digits):
    assert isinstance(digits.images, np.memmap)
    with pytest.raises(ValueError):
        digits.images[0] = 0


def test_labels_are_1_for_all_but_the_normal_class(digits):
    labels = digits.labels("8")
    assert (labels == 0).sum() == (digits.table["class_name"] == "8").sum() == 174


def test_an_unknown_normal_class_is_one_clear_line(digits):
    with pytest.raises(UserError, match="normal_class: 'eight' is not a class of digits") as refused:
        digits.labels("eight")
    assert "\n" not in str(refused.value)


def test_loading_again_gives_the_same_images_and_key(digits, empty):
    again = data.load(params.load("digits"))
    assert again.fingerprint == digits.fingerprint and (again.images == digits.images).all()


def test_without_the_data_and_without_a_network_it_is_said_within_ten_seconds(empty, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    started = time.monotonic()
    reason = data.missing(params.load("airplanes"))
    assert time.monotonic() - started < 10
    assert "caltech101 3.0.2" in reason and "data.caltech.edu" in reason and "\n" not in reason
    with pytest.raises(data.Unavailable):
        data.load(params.load("airplanes"))


def test_a_network_that_never_answers_is_given_up_within_ten_seconds(empty, monkeypatch):
    monkeypatch.setattr(data, "_ask", lambda address: time.sleep(30) or "")
    monkeypatch.setattr(data, "REACH_SECONDS", 1.0)
    started = time.monotonic()
    assert "did not answer" in data.missing(params.load("airplanes"))
    assert time.monotonic() - started < 10


def test_the_embedded_study_is_never_missing(empty):
    assert data.missing(params.load("digits")) == ""


def test_an_unknown_data_set_is_one_clear_line(empty):
    wanted = params.load("airplanes").model_copy(update={"dataset": "caltech1001"})
    with pytest.raises(UserError, match="not one that tensorflow-datasets has") as refused:
        data.load(wanted)
    assert "did you mean 'caltech101'?" in str(refused.value)
