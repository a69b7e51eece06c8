"""Near-duplicates: which changed images must be found, and which different ones must not."""

import io

import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
from PIL import Image

from lib import data, params
from lib.data import ImageSet, duplicates
from lib.data.duplicates import copies
from lib.params import Parameters

SIZE = 96


def photos(count, height=SIZE, width=SIZE, seed=0):
    """Noise with the falling spectrum of photographs: uint8 (count, height, width, 3)."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(4, count, height, width, 3)).astype(np.float32)
    waves = sum(
        wave * scipy.ndimage.gaussian_filter(layer, (0, wave, wave, 0.6))
        for wave, layer in zip((1, 3, 8, 16), noise, strict=True)
    )
    waves = waves / waves.std((1, 2, 3), keepdims=True)
    return np.clip(128 + 45 * waves, 0, 255).astype(np.uint8)


def shas(images):
    return [f"file {number}" for number in range(len(images))]


def sizes(images, height=200, width=300):
    return np.tile([height, width], (len(images), 1))


def reencoded(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(image, height, width):
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def levels(image, gain, offset):
    return np.clip(image * float(gain) + offset, 0, 255).astype(np.uint8)


COPIES = {
    "re-encoded": lambda image: reencoded(image, 60),
    "brighter": lambda image: levels(image, 1.1, 5),
    "darker": lambda image: levels(image, 0.7, 0),
    "halved": lambda image: resized(resized(image, SIZE // 2, SIZE // 2), SIZE, SIZE),
    "trimmed": lambda image: resized(image[1:-1, 1:-1], SIZE, SIZE),
    "grey": lambda image: np.repeat(image.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1),
    "mirrored": lambda image: image[:, ::-1],
    "mirrored and re-encoded": lambda image: reencoded(np.ascontiguousarray(image[:, ::-1]), 60),
}


def test_different_pictures_are_in_groups_of_their_own():
    images = photos(300)
    assert duplicates.groups(images, shas(images), sizes(images)).tolist() == list(range(300))


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_shares_its_originals_group(change):
    images = photos(40)
    both = np.concatenate([images, [COPIES[change](image) for image in images]])
    groups = duplicates.groups(both, shas(both), sizes(both))
    assert groups.tolist() == [*range(40), *range(40)]


def test_a_crop_at_the_scale_of_its_original_shares_its_group():
    wholes = photos(30, 320, 500)
    parts = wholes[:, 5:315, 120:400]
    both = np.stack([resized(image, SIZE, SIZE) for image in [*wholes, *parts]])
    groups = duplicates.groups(both, shas(both), np.concatenate([sizes(wholes, 320, 500), sizes(parts, 310, 280)]))
    assert (groups[:30] == np.arange(30)).all()
    assert set(groups[30:]) <= set(range(60)) and (groups[30:] == np.arange(30)).mean() > 0.9
    assert all(group in (number, number + 30) for number, group in enumerate(groups[30:]))


def test_the_same_file_shares_a_group_whatever_its_pixels():
    images = photos(4)
    groups = duplicates.groups(images, ["a", "b", "a", "c"], sizes(images))
    assert groups.tolist() == [0, 1, 0, 3]


def test_equal_pixels_share_a_group_even_plain_ones():
    images = np.zeros((5, SIZE, SIZE, 3), np.uint8)
    images[3:] = 200
    assert duplicates.groups(images, shas(images), sizes(images)).tolist() == [0, 0, 0, 3, 3]


def test_different_small_objects_before_a_plain_sky_are_not_near_duplicates():
    images = np.full((20, SIZE, SIZE, 3), 200, np.uint8)
    details = photos(20, 24, 48)
    images[:, 36:60, 24:72] = details
    groups = duplicates.groups(images, shas(images), sizes(images))
    assert groups.tolist() == list(range(20))


def test_copies_of_copies_are_one_group():
    first = photos(1)[0]
    second = COPIES["trimmed"](first)
    third = COPIES["trimmed"](second)
    images = np.stack([third, first, second])
    assert duplicates.groups(images, shas(images), sizes(images)).tolist() == [0, 0, 0]


def test_groups_do_not_depend_on_the_order_of_images():
    images = photos(30)
    images = np.concatenate([images, [COPIES["brighter"](image) for image in images[:10]]])
    order = np.random.default_rng(3).permutation(40)
    straight = duplicates.groups(images, shas(images), sizes(images))
    mixed = duplicates.groups(images[order], shas(images), sizes(images))
    together = straight[:, None] == straight
    assert ((mixed[:, None] == mixed) == together[np.ix_(order, order)]).all()


def test_small_originals_are_near_duplicates_only_if_equal():
    digits = data.load(Parameters(study="digits", dataset="digits", normal_class="0", image_size=32))
    table = digits.table
    groups = duplicates.groups(digits.images, table["sha256"], table[["height", "width"]])
    equal = table.groupby("sha256")["id"].transform("size") > 1
    shared = pd.Series(groups).groupby(groups).transform("size") > 1
    assert (shared.to_numpy() == equal.to_numpy()).all()
    images = np.concatenate([digits.images[:50], digits.images[7:8]])
    assert duplicates.groups(images, shas(images), sizes(images, 8, 8))[50] == 7


@pytest.mark.parametrize("side", [32, 64, 100, 224])
def test_hashes_are_of_the_picture_not_of_its_size(side):
    images = photos(20, 224, 224)
    here = copies.perceptual_hashes(np.stack([resized(image, side, side) for image in images]))
    assert here.dtype == np.uint64 and here.shape == (20,)
    assert np.bitwise_count(here ^ copies.perceptual_hashes(images)).max() <= copies.HASH_CUT


def test_hashes_are_the_same_in_chunks_and_for_grey_images(monkeypatch):
    images = photos(9)[..., :1]
    whole = copies.perceptual_hashes(images)
    monkeypatch.setattr(copies, "CHUNK", 4)
    assert (copies.perceptual_hashes(images) == whole).all()
    assert (copies.perceptual_hashes(np.repeat(images, 3, axis=-1)) == whole).mean() > 0.5  # but for rounding


def test_unrelated_pictures_differ_in_about_half_of_the_bits():
    hashes = copies.perceptual_hashes(photos(100))
    differ = np.bitwise_count(hashes[:, None] ^ hashes)[np.triu_indices(100, 1)]
    assert 28 < differ.mean() < 36


def test_structure_is_one_for_equal_images_and_does_not_mind_brightness():
    grey = copies.shrink(photos(5), 48)
    one, other = copies.standardised(grey), copies.standardised(grey * 0.6 + 20)
    assert np.allclose(copies.structure(one, one), 1, atol=0.02)
    assert np.allclose(copies.structure(one, other), copies.structure(one, one), atol=1e-3)
    assert (np.abs(copies.structure(one, one[::-1])[:2]) < 0.3).all()
    assert copies.structure(one * 0, one * 0).tolist() == [0] * 5


def test_shrinking_keeps_the_mean():
    images = photos(3, 90, 90)
    for side in (32, 48, 90):
        grey = copies.shrink(images, side)
        assert grey.shape == (3, side, side)
        assert np.allclose(grey.mean((1, 2)), copies.shrink(images, 90).mean((1, 2)), atol=1e-2)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_are_no_special_case(count):
    images = photos(2)[:count]
    assert duplicates.groups(images, shas(images), sizes(images)).tolist() == list(range(count))


def test_arrays_of_different_lengths_are_refused():
    images = photos(2)
    with pytest.raises(ValueError, match="2 images, 1 file hashes and 2 sizes"):
        duplicates.groups(images, ["a"], sizes(images))


def test_groups_of_a_set_are_cached_by_its_fingerprint(monkeypatch):
    pictures = photos(3)
    images = ImageSet.of(pictures[[0, 1, 0, 2]])
    assert duplicates.of_images(images).tolist() == [0, 1, 0, 3]
    assert duplicates.of_images(images.take([1, 2, 0])).tolist() == [0, 1, 1]
    monkeypatch.setattr(duplicates, "groups", None)
    assert duplicates.of_images(images).tolist() == [0, 1, 0, 3]


def test_the_summary_counts_images_groups_and_those_across_classes():
    table = pd.DataFrame({"class_name": list("xxxyyzzyz")})
    summary = duplicates.summary(table, np.array([0, 0, 2, 2, 2, 5, 6, 5, 6]))
    across = [{"classes": ["x", "y"], "groups": 1}, {"classes": ["y", "z"], "groups": 1}]
    assert summary == {"images": 9, "groups": 4, "across": across}


def test_the_summary_lists_the_classes_that_share_most_groups_first():
    table = pd.DataFrame({"class_name": list("xyyzyzxyz")})
    summary = duplicates.summary(table, np.array([0, 0, 1, 1, 2, 2, 3, 3, 3]))
    pairs = [(*row["classes"], row["groups"]) for row in summary["across"]]
    assert pairs == [("y", "z", 3), ("x", "y", 2), ("x", "z", 1)]


def test_the_summary_of_no_duplicates_is_empty():
    table = pd.DataFrame({"class_name": ["x", "y"]})
    assert duplicates.summary(table, np.array([0, 1])) == {"images": 0, "groups": 0, "across": []}


@pytest.mark.caltech101
@pytest.mark.timeout(300)
def test_the_known_near_duplicates_of_caltech101_are_found():
    """Half of its leopards are the other half mirrored; Faces_easy is cropped from Faces; airplanes differ."""
    caltech = data.load(params.load("airplanes"))
    groups = duplicates.of_images(caltech)
    rows = caltech.table.assign(group=groups)
    rows = rows[rows.duplicated("group", keep=False)]
    single_class = rows.groupby("group").filter(lambda group: group["class_name"].nunique() == 1)
    within = single_class.groupby("class_name")["group"].nunique()
    assert within["leopards"] == 100 and "airplanes" not in within
    assert [row["classes"] for row in duplicates.summary(caltech.table, groups)["across"]] == [["faces", "faces_easy"]]
    of = dict(zip(caltech.table["id"], groups, strict=True))
    paired = sum(of[name] == of[name.replace("faces/", "faces_easy/")] for name in of if name.startswith("faces/"))
    assert paired > 400
