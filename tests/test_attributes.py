"""Attributes of images painted so that the true values are known."""

import colorsys

import numpy as np
import pandas as pd
import pytest

from lib.data import ImageSet, attributes

GREY, WHITE, BLACK, RED, BLUE = (128, 128, 128), (255, 255, 255), (0, 0, 0), (220, 20, 20), (70, 120, 200)
SIZE = 96


def plain(colour):
    return np.full((SIZE, SIZE, 3), colour, dtype=np.uint8)


def box(background, colour, share=0.6, right=0, down=0):
    """A square of some share of the image in its middle, or moved off it by pixels."""
    image = plain(background)
    half = round(SIZE * share**0.5) // 2
    rows, columns = (
        slice(SIZE // 2 - half + down, SIZE // 2 + half + down),
        slice(SIZE // 2 - half + right, SIZE // 2 + half + right),
    )
    image[rows, columns] = colour
    return image


def measured(*images):
    return attributes.measure(np.stack(images))


def one(image):
    return measured(image).iloc[0]


def test_a_red_square_over_most_of_a_grey_image():
    values = one(box(GREY, RED))
    assert values["red_share"] == pytest.approx(0.6, abs=0.02)
    assert values["background_share"] == pytest.approx(0.4, abs=0.02)
    assert values["object_area"] == pytest.approx(0.6, abs=0.02)
    assert values["object_centring"] == pytest.approx(1, abs=0.01)
    assert values["background_grey"] == values["background_grey_or_blue"] == 1
    assert values["background_blue"] == values["background_white"] == values["white_margin"] == 0
    assert values["background_uniformity"] == 1
    assert values["saturation"] == pytest.approx(0.6 * 200 / 220, abs=0.02)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_the_area_of_a_box_is_its_area(share):
    assert one(box(BLUE, WHITE, share))["object_area"] == pytest.approx(share, abs=0.02)


def test_a_wide_object_counts_as_the_box_it_spans():
    image = plain(BLUE)
    image[40:56, 8:88] = WHITE
    assert one(image)["object_area"] == pytest.approx(16 * 80 / SIZE**2, abs=0.01)


@pytest.mark.parametrize("colour", [GREY, WHITE, BLACK, RED, BLUE])
def test_a_plain_image_has_no_object(colour):
    values = one(plain(colour))
    assert (values["object_area"], values["object_centring"], values["background_share"]) == (0, 1, 1)
    assert (values["edge_density"], values["ground_contrast"], values["ground_texture"]) == (0, 0, 0)
    assert values["background_uniformity"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("colour", "name"), [(GREY, "background_grey"), (BLUE, "background_blue"), (WHITE, "background_white")]
)
def test_a_background_counts_as_one_colour_only(colour, name):
    values = one(box(colour, RED, 0.2))
    others = {"background_grey", "background_blue", "background_white"} - {name}
    assert values[name] == 1 and all(values[other] == 0 for other in others)


def test_black_and_red_backgrounds_are_neither_grey_blue_nor_white():
    for values in (one(plain(BLACK)), one(plain(RED))):
        assert values["background_grey_or_blue"] == values["background_white"] == 0


def test_an_object_off_the_centre_is_less_centred():
    middle, near, far = (one(box(GREY, RED, 0.1, right, right))["object_centring"] for right in (0, 10, 30))
    assert middle > near > far
    assert far == pytest.approx(1 - 30 / 48, abs=0.01)


def test_blank_strips_are_measured_and_then_ignored():
    pasted = plain(WHITE)
    pasted[:, 8:92] = box(BLUE, RED, 0.2)[:, 6:90]
    values, bare = one(pasted), one(box(BLUE, RED, 0.2))
    assert values["white_margin"] == pytest.approx(12 / SIZE, abs=0.03)  # and one mixed line beside each strip
    assert values["background_blue"] == 1 and values["background_white"] == 0
    assert values["background_share"] == pytest.approx(bare["background_share"], abs=0.05)


def test_edges_count_steps():
    stripes = plain(BLACK)
    stripes[:, ::4] = WHITE
    smooth = np.repeat(np.linspace(0, 255, SIZE)[None, :, None], SIZE, 0).repeat(3, -1).astype(np.uint8)
    assert one(stripes)["edge_density"] > 10 * one(smooth)["edge_density"]
    assert one(smooth)["edge_density"] == pytest.approx(1 / SIZE, rel=0.1)


def test_ground_below_a_sky():
    image = plain(BLUE)
    rng = np.random.default_rng(0)
    image[64:] = rng.integers(40, 120, (32, SIZE, 1))
    values, upside_down = one(image), one(image[::-1])
    assert values["ground_contrast"] > 0.2 and values["ground_texture"] > 0.05
    assert upside_down["ground_texture"] == pytest.approx(-values["ground_texture"], abs=1e-6)


def test_layers_are_background_and_an_object_before_them_is_not():
    """By the most frequent colour alone, half of this image would be object."""
    image = plain(BLUE)
    image[48:] = (90, 130, 60)
    image[36:60, 24:72] = WHITE
    values = one(image)
    assert values["object_area"] == pytest.approx(24 * 48 / SIZE**2, abs=0.02)
    assert values["background_share"] == pytest.approx(1 - 24 * 48 / SIZE**2, abs=0.02)
    assert values["object_centring"] == pytest.approx(1, abs=0.01)


def test_a_sky_of_two_colours_is_background():
    image = plain(BLUE)
    image[:, 50:] = (170, 180, 190)
    image[40:56, 30:66] = RED
    assert one(image)["background_share"] == pytest.approx(1 - 16 * 36 / SIZE**2, abs=0.02)


def test_a_speck_is_no_object():
    image = plain(BLUE)
    image[20:26, 20:26] = RED
    values = one(image)
    assert (values["object_area"], values["object_centring"], values["object_red"]) == (0, 1, 0)


def test_clutter_beside_an_object_does_not_count():
    bare, cluttered = box(GREY, RED, 0.2), box(GREY, RED, 0.2)
    for row, column in ((12, 14), (14, 80), (80, 12), (78, 76)):
        cluttered[row : row + 6, column : column + 6] = WHITE
    assert one(cluttered)["object_area"] == pytest.approx(one(bare)["object_area"], abs=1e-6)


def test_object_red_is_of_the_object_and_not_of_its_background():
    assert one(box(GREY, RED, 0.2))["object_red"] == pytest.approx(1, abs=0.02)
    assert one(box(RED, GREY, 0.2))["object_red"] == pytest.approx(0, abs=0.02)
    half = box(GREY, RED, 0.2)
    half[SIZE // 2 :][half[SIZE // 2 :, :, 0] == RED[0]] = WHITE
    assert one(half)["object_red"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("brown", [(120, 80, 60), (90, 60, 50), (190, 150, 140)])
def test_brown_and_pink_are_not_red(brown):
    assert one(plain(brown))["red_share"] == one(box(GREY, brown))["object_red"] == 0


@pytest.mark.parametrize("sky", [BLUE, GREY, WHITE, (150, 180, 230)])
def test_smooth_blue_grey_and_white_look_like_sky(sky):
    values = one(box(sky, RED, 0.2))
    assert values["ground_share"] == values["background_not_sky"] == 0


@pytest.mark.parametrize("ground", [(90, 130, 60), (150, 110, 70), BLACK])
def test_grass_earth_and_black_do_not_look_like_sky(ground):
    image = plain(BLUE)
    image[64:] = ground
    values, everywhere = one(image), one(plain(ground))
    assert values["ground_share"] == 1 and 0.3 < values["background_not_sky"] < 0.5
    assert everywhere["ground_share"] == everywhere["background_not_sky"] == 1
    assert one(image[::-1])["ground_share"] == 0


def test_grey_gravel_is_ground():
    gravel = np.random.default_rng(4).integers(90, 170, (SIZE, SIZE, 1), dtype=np.uint8).repeat(3, -1)
    assert one(gravel)["ground_share"] > 0.9


def warmth(hue):
    return (1 + np.cos(np.radians(hue - 30))) / 2


@pytest.mark.parametrize("hue", range(0, 360, 30))
def test_warmth_is_that_of_the_hue_of_most_colour(hue):
    colour = np.array(colorsys.hsv_to_rgb(hue / 360, 0.7, 0.9)) * 255
    opposite = np.array(colorsys.hsv_to_rgb((hue / 360 + 0.5) % 1, 0.7, 0.9)) * 255
    image = box(colour.astype(np.uint8), opposite.astype(np.uint8), 0.3)
    assert one(image)["dominant_warmth"] == pytest.approx(warmth(hue), abs=1e-6)


def test_vivid_pixels_outweigh_many_dull_ones_of_another_hue():
    assert one(box((120, 124, 130), (240, 20, 20), 0.2))["dominant_warmth"] == pytest.approx(warmth(0), abs=1e-6)


@pytest.mark.parametrize("colour", [GREY, BLACK, WHITE])
def test_images_without_colour_are_neither_warm_nor_cold(colour):
    assert one(plain(colour))["dominant_warmth"] == 0.5


def test_grey_and_colour_arrays_measure_alike():
    grey = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)
    one_channel, three = attributes.measure(grey), attributes.measure(np.repeat(grey, 3, -1))
    assert one_channel.equals(three)
    assert (one_channel["saturation"] == 0).all()


def test_every_attribute_has_a_description_and_is_in_its_range():
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (20, 31, 47, 3), dtype=np.uint8)
    blocks = np.kron(rng.integers(0, 256, (20, 4, 4, 3)), np.ones((1, 9, 7, 1))).astype(np.uint8)
    for images in (noise, blocks, np.zeros((1, 4, 4, 3), np.uint8), np.full((1, 4, 4, 1), 255, np.uint8)):
        frame = attributes.measure(images)
        assert list(frame) == list(attributes.DESCRIPTIONS)
        assert len(frame) == len(images) and frame.notna().all(axis=None)
        assert (frame.min().drop("ground_texture") >= 0).all() and (frame.max() <= 1 + 1e-6).all()
        assert (frame["ground_texture"] >= -1).all()


def test_an_image_is_measured_the_same_alone_and_among_others():
    images = np.random.default_rng(3).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    together = attributes.measure(images)
    alone = attributes.measure(images[4:5])
    assert together.iloc[[4]].reset_index(drop=True).equals(alone)


def test_measurements_of_a_set_are_cached_by_its_fingerprint(monkeypatch):
    images = ImageSet.of(np.random.default_rng(5).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8))
    measured_once = attributes.of_images(images)
    pd.testing.assert_frame_equal(measured_once, attributes.measure(images.images))
    other = images.take([3, 1])
    pd.testing.assert_frame_equal(attributes.of_images(other), measured_once.iloc[[3, 1]].reset_index(drop=True))
    monkeypatch.setattr(attributes, "measure", None)
    pd.testing.assert_frame_equal(attributes.of_images(images), measured_once)


def test_no_images_give_no_rows():
    frame = attributes.measure(np.zeros((0, 32, 32, 3), np.uint8))
    assert frame.shape == (0, len(attributes.DESCRIPTIONS))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 32, 32, 3), np.float32), "expected uint8"),
        (np.zeros((32, 32, 3), np.uint8), "shape"),
        (np.zeros((2, 32, 32, 4), np.uint8), "shape"),
        (np.zeros((2, 3, 3, 3), np.uint8), "4 × 4"),
    ],
)
def test_other_arrays_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        attributes.measure(images)
