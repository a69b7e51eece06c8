"""Image sets: preparation, other sizes, subsets, sets in memory, sources, and data sets that cannot be had."""

import os
import socket
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from lib import data, params
from lib.core.errors import UserError
from lib.data import ImageSet, resizing, sources
from lib.data.sources import tfds


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield data.load(params.load("digits").model_copy(update={"image_size": 32}))


@pytest.fixture(scope="module")
def originals(digits):
    """The digits as scikit-learn has them, float (N, 8, 8) in [0, 1], in the order of the prepared images."""
    return load_digits().images[[int(name.split("/")[1]) for name in digits.table["id"]]] / 16


# Preparation.


def test_all_digits_are_prepared_in_order_of_their_ids(digits):
    assert digits.images.shape == (1797, 32, 32, 1) and digits.images.dtype == np.uint8
    assert (len(digits), digits.size, digits.channels) == (1797, 32, 1)
    ids = digits.table["id"].tolist()
    assert ids == sorted(ids) and len(set(ids)) == 1797
    assert (digits.table["id"].str.split("/").str[0] == digits.table["class_name"]).all()


def test_resizing_is_bilinear_about_pixel_centres(digits, originals):
    places = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)  # an enlargement by four, edges repeated
    rows = np.array([[np.interp(places, np.arange(8), line) for line in image] for image in originals[:50]])
    expected = np.array([[np.interp(places, np.arange(8), line) for line in image.T] for image in rows])
    prepared = digits.images[:50, :, :, 0] / 255
    # Rounded to 8 bits twice: from 17 grey levels, and after resizing.
    assert np.abs(prepared - expected.transpose(0, 2, 1)).max() <= 1.01 / 255


def test_images_are_memory_mapped_and_read_only(digits):
    assert isinstance(digits.images, np.memmap)
    for images in (digits.images, digits.take([0]).images, ImageSet.of(np.zeros((1, 8, 8, 1), np.uint8)).images):
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 0


def test_loading_again_gives_the_same_images_and_fingerprint(digits, empty):
    again = data.load(params.load("digits").model_copy(update={"image_size": 32}))
    assert again.fingerprint == digits.fingerprint and (again.images == digits.images).all()


def test_labels_are_1_for_all_but_the_normal_class(digits):
    labels = digits.labels("8")
    assert (labels == 0).sum() == (digits.table["class_name"] == "8").sum() == 174


def test_an_unknown_normal_class_is_refused_in_one_line(digits):
    with pytest.raises(UserError, match="normal_class: 'eight' is not a class of digits") as refused:
        digits.labels("eight")
    assert "\n" not in str(refused.value)


# Other sizes and subsets.


def test_another_size_is_prepared_from_the_originals_once(digits, empty):
    large = digits.at(64)
    assert large.images.shape == (1797, 64, 64, 1) and isinstance(large.images, np.memmap)
    assert large is digits.at(64) and large.at(32) is digits and digits.at(32) is digits
    assert digits.pixels() is digits.images and digits.pixels(64) is large.images
    assert large.fingerprint != digits.fingerprint and large.table.equals(digits.table)
    directly = data.load(params.load("digits").model_copy(update={"image_size": 64}))
    assert directly.fingerprint == large.fingerprint and (directly.images == large.images).all()


def test_a_subset_has_images_and_rows_in_the_order_given(digits):
    indices = np.array([1700, 3, 250, 3])
    subset = digits.take(indices)
    assert type(subset.images) is np.ndarray and (subset.images == np.asarray(digits.images)[indices]).all()
    assert subset.table["id"].tolist() == digits.table["id"].iloc[indices].tolist()
    assert subset.table.index.tolist() == [0, 1, 2, 3] and subset.labels("8").shape == (4,)
    fingerprints = {digits.take(rows).fingerprint for rows in ([1, 2], [2, 1], [1], [])} | {digits.fingerprint}
    assert len(fingerprints) == 5 and digits.take([1, 2]).fingerprint in fingerprints


def test_a_subset_at_another_size_is_the_subset_of_that_size(digits):
    subset, same = digits.take([900, 7, 30]).take([2, 0]).at(64), digits.at(64).take([900, 7, 30]).take([2, 0])
    assert (subset.images == digits.at(64).images[[30, 900]]).all()
    assert subset.fingerprint == same.fingerprint and subset.table.equals(same.table)


# Sets in memory.


def test_a_set_in_memory_describes_its_pixels():
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
    images[2] = images[0]
    made = ImageSet.of(images)
    assert (made.images == images).all() and (made.name, made.class_names) == ("images", ["image"])
    assert made.table["id"].tolist() == ["image/000000", "image/000001", "image/000002"]
    assert (made.table[["height", "width", "file_bytes"]] == [16, 24, 16 * 24 * 3]).all(axis=None)
    assert made.table["sha256"].duplicated().tolist() == [False, False, True]
    assert list(made.table) == ["id", "class_name", "height", "width", "file_bytes", "sha256"]


def test_a_set_in_memory_takes_the_table_given_and_fills_the_rest():
    images = np.zeros((3, 8, 8, 1), np.uint8)
    made = ImageSet.of(images, pd.DataFrame({"class_name": ["b", "a", "b"], "width": [9, 8, 7]}, index=[5, 6, 7]))
    assert made.table["width"].tolist() == [9, 8, 7] and made.table["height"].tolist() == [8, 8, 8]
    assert made.class_names == ["a", "b"] and made.labels("b").tolist() == [0, 1, 0]


def test_the_fingerprint_of_a_set_in_memory_follows_from_its_content():
    images = np.zeros((2, 8, 8, 1), np.uint8)
    other = images.copy()
    other[1, 7, 7] = 1
    wide = pd.DataFrame({"width": [8, 9]})
    sets = [ImageSet.of(images), ImageSet.of(other), ImageSet.of(images, wide), ImageSet.of(images).at(16)]
    assert len({made.fingerprint for made in sets}) == 4
    assert ImageSet.of(images.copy()).fingerprint == sets[0].fingerprint


def test_bilinear_resizing_is_tensorflow_s_to_the_last_bit():
    from lib.core.backend import tf

    random = np.random.default_rng(0)
    for height, width, channels, size in (
        (8, 8, 1, 16),
        (300, 200, 3, 96),
        (1, 5, 3, 7),
        (50, 50, 1, 50),
        (9, 33, 3, 32),
    ):
        pixels = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
        floats = tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [size, size]).numpy()
        np.testing.assert_array_equal(resizing.bilinear(pixels, size), np.rint(floats * np.float32(255)))


def test_a_set_in_memory_is_resized_as_prepared_images_are(digits, originals):
    made = ImageSet.of(np.rint(originals * 255).astype(np.uint8)[..., None], digits.table)
    assert (made.at(32).images == digits.images).all() and made.at(32).table.equals(digits.table)
    assert made.at(32) is made.at(32) and made.at(32).at(8).fingerprint == made.fingerprint
    assert (made.take([5, 2]).pixels(32) == digits.images[[5, 2]]).all()


@pytest.mark.parametrize(
    ("images", "rows", "message"),
    [
        (np.zeros((2, 8, 8, 1)), 2, "expected uint8"),
        (np.zeros((2, 8, 8), np.uint8), 2, "expected uint8"),
        (np.zeros((2, 8, 8, 4), np.uint8), 2, "expected uint8"),
        (np.zeros((2, 8, 8, 1), np.uint8), 3, "2 images, and a table of 3 rows"),
    ],
)
def test_what_is_not_a_set_of_images_is_refused(images, rows, message):
    with pytest.raises(ValueError, match=message):
        ImageSet.of(images, pd.DataFrame({"width": range(rows)}))


def test_a_set_without_originals_refuses_another_size():
    images = ImageSet("plain", "1", np.zeros((1, 8, 8, 1), np.uint8), pd.DataFrame({"id": ["a/1"]}), ["a"], "key")
    assert images.at(8) is images
    for refusing in (images, images.take([0])):
        with pytest.raises(ValueError, match="plain: images of 8 px without originals cannot be prepared at 16 px"):
            refusing.pixels(16)


# Sources.

TOY = """
import numpy as np
from lib.data.sources.base import Original, register

@register
class Toy:
    names, fallback, name, version, channels, count, class_names = ("toy",), False, "toy", "1", 3, None, ("a", "b")

    @classmethod
    def of(cls, params):
        return cls(params.splits) if params.dataset == "toy" else None

    def __init__(self, splits):
        self.splits = splits

    def ready(self, download=True):
        pass

    def originals(self):
        yield Original("b/1", "b", pixels=np.full((20, 30, 3), 7, np.uint8))
        yield Original("a/1", "a", pixels=np.full((10, 10, 3), len(self.splits), np.uint8))
        if self.splits == "twice":
            yield Original("a/1", "a", pixels=np.zeros((10, 10, 3), np.uint8))
"""


@pytest.fixture
def toy(empty, tmp_path, monkeypatch):
    """The file of a new source, and the parameters of a study of its images."""
    file = tmp_path / "toy.py"
    file.write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    before = list(sources.KINDS)
    yield file, params.load("digits").model_copy(update={"dataset": "toy", "normal_class": "a"})
    sources.KINDS[:] = before
    del sys.modules["lib.data.sources.toy"]


def test_a_source_is_one_file(toy):
    images = data.load(toy[1])
    assert images.table["id"].tolist() == ["a/1", "b/1"] and images.images.shape == (2, 16, 16, 3)
    assert images.table[["height", "width"]].to_numpy().tolist() == [[10, 10], [20, 30]]
    assert images.images.mean(axis=(1, 2, 3)).tolist() == [3, 7] and images.labels("a").tolist() == [0, 1]


def test_other_code_of_a_source_prepares_anew_and_equal_pixels_keep_the_fingerprint(toy, tmp_path):
    file, study = toy
    images = data.load(study)
    with open(file, "a", encoding="utf-8") as code:
        code.write("# another comment\n")
    assert data.load(study).fingerprint == images.fingerprint
    assert len(os.listdir(tmp_path / "cache" / "images")) == 2


def test_splits_that_differ_in_punctuation_alone_are_different_images(toy):
    first, rest, longer = (
        data.load(toy[1].model_copy(update={"splits": splits})) for splits in ("a[:1]", "a[1:]", "a[:1%]")
    )
    assert len({images.images.filename for images in (first, rest, longer)}) == 3
    assert first.fingerprint == rest.fingerprint != longer.fingerprint  # the toy's pixels follow the name's length


def test_two_images_with_one_id_are_refused(toy):
    with pytest.raises(UserError, match="toy has two images with the same class and file name"):
        data.load(toy[1].model_copy(update={"splits": "twice"}))


# Data sets that cannot be had.


def test_without_data_and_network_the_reason_comes_within_ten_seconds(empty, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    started = time.monotonic()
    reason = data.missing(params.load("airplanes"))
    assert time.monotonic() - started < 10
    assert "caltech101 3.0.2" in reason and "data.caltech.edu" in reason and "\n" not in reason
    with pytest.raises(data.Unavailable):
        data.load(params.load("airplanes"))


def test_a_host_that_never_answers_is_given_up_within_ten_seconds(empty, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(tfds, "_ask", lambda address: over.wait(30) and "")
    monkeypatch.setattr(tfds, "REACH_SECONDS", 1.0)
    started = time.monotonic()
    reason = data.missing(params.load("airplanes"))
    over.set()
    assert "did not answer" in reason and time.monotonic() - started < 10


def test_the_embedded_study_is_never_missing(empty):
    assert data.missing(params.load("digits")) == ""


@pytest.mark.parametrize(("wanted", "hint"), [("caltech1001", "caltech101"), ("digit", "digits")])
def test_an_unknown_data_set_is_refused_in_one_line(empty, wanted, hint):
    with pytest.raises(UserError, match="not one that tensorflow-datasets has") as refused:
        data.load(params.load("airplanes").model_copy(update={"dataset": wanted}))
    assert f"did you mean '{hint}'?" in str(refused.value) and "\n" not in str(refused.value)
