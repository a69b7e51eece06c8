"""Attributes of images whose truth is known because they were painted for it."""

import colorsys

import numpy as np
import pytest

from lib.data import attributes

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
    found = one(box(GREY, RED))
    assert found["red_share"] == pytest.approx(0.6, abs=0.02)
    assert found["background_share"] == pytest.approx(0.4, abs=0.02)
    assert found["object_area"] == pytest.approx(0.6, abs=0.02)
    assert found["object_centring"] == pytest.approx(1, abs=0.01)
    assert found["background_grey"] == found["background_grey_or_blue"] == 1
    assert found["background_blue"] == found["background_white"] == found["white_margin"] == 0
    assert found["background_uniformity"] == 1
    assert found["saturation"] == pytest.approx(0.6 * 200 / 220, abs=0.02)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_the_area_of_a_box_is_its_area(share):
    assert one(box(BLUE, WHITE, share))["object_area"] == pytest.approx(share, abs=0.02)


def test_a_wide_object_counts_as_the_box_it_spans():
    image = plain(BLUE)
    image[40:56, 8:88] = WHITE
    assert one(image)["object_area"] == pytest.approx(16 * 80 / SIZE**2, abs=0.01)


@pytest.mark.parametrize("colour", [GREY, WHITE, BLACK, RED, BLUE])
def test_a_plain_image_has_no_object(colour):
    found = one(plain(colour))
    assert (found["object_area"], found["object_centring"], found["background_share"]) == (0, 1, 1)
    assert (found["edge_density"], found["ground_contrast"], found["ground_texture"]) == (0, 0, 0)
    assert found["background_uniformity"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("colour", "name"), [(GREY, "background_grey"), (BLUE, "background_blue"), (WHITE, "background_white")]
)
def test_backgrounds_are_told_apart(colour, name):
    found = one(box(colour, RED, 0.2))
    others = {"background_grey", "background_blue", "background_white"} - {name}
    assert found[name] == 1 and all(found[other] == 0 for other in others)


def test_black_and_red_backgrounds_are_neither_grey_blue_nor_white():
    for found in (one(plain(BLACK)), one(plain(RED))):
        assert found["background_grey_or_blue"] == found["background_white"] == 0


def test_an_object_off_the_centre_is_less_centred():
    middle, near, far = (one(box(GREY, RED, 0.1, right, right))["object_centring"] for right in (0, 10, 30))
    assert middle > near > far
    assert far == pytest.approx(1 - 30 / 48, abs=0.01)


def test_blank_strips_are_measured_and_then_ignored():
    pasted = plain(WHITE)
    pasted[:, 8:92] = box(BLUE, RED, 0.2)[:, 6:90]
    found, bare = one(pasted), one(box(BLUE, RED, 0.2))
    assert found["white_margin"] == pytest.approx(12 / SIZE, abs=0.03)  # and one mixed line beside each strip
    assert found["background_blue"] == 1 and found["background_white"] == 0
    assert found["background_share"] == pytest.approx(bare["background_share"], abs=0.05)


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
    found, upside_down = one(image), one(image[::-1])
    assert found["ground_contrast"] > 0.2 and found["ground_texture"] > 0.05
    assert upside_down["ground_texture"] == pytest.approx(-found["ground_texture"], abs=1e-6)


def test_layers_are_background_and_what_stands_before_them_is_not():
    """A most frequent colour alone would take half of this image for object."""
    image = plain(BLUE)
    image[48:] = (90, 130, 60)
    image[36:60, 24:72] = WHITE
    found = one(image)
    assert found["object_area"] == pytest.approx(24 * 48 / SIZE**2, abs=0.02)
    assert found["background_share"] == pytest.approx(1 - 24 * 48 / SIZE**2, abs=0.02)
    assert found["object_centring"] == pytest.approx(1, abs=0.01)


def test_a_sky_of_two_colours_is_background():
    image = plain(BLUE)
    image[:, 50:] = (170, 180, 190)
    image[40:56, 30:66] = RED
    assert one(image)["background_share"] == pytest.approx(1 - 16 * 36 / SIZE**2, abs=0.02)


def test_a_speck_is_no_object():
    image = plain(BLUE)
    image[20:26, 20:26] = RED
    found = one(image)
    assert (found["object_area"], found["object_centring"], found["object_red"]) == (0, 1, 0)


def test_clutter_beside_an_object_does_not_count():
    bare, cluttered = box(GREY, RED, 0.2), box(GREY, RED, 0.2)
    for row, column in ((12, 14), (14, 80), (80, 12), (78, 76)):
        cluttered[row : row + 6, column : column + 6] = WHITE
    assert one(cluttered)["object_area"] == pytest.approx(one(bare)["object_area"], abs=1e-6)


def test_red_is_told_of_the_object_not_of_its_ground():
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
    found = one(box(sky, RED, 0.2))
    assert found["ground_share"] == found["background_not_sky"] == 0


@pytest.mark.parametrize("ground", [(90, 130, 60), (150, 110, 70), BLACK])
def test_grass_earth_and_night_do_not(ground):
    image = plain(BLUE)
    image[64:] = ground
    found, all_of_it = one(image), one(plain(ground))
    assert found["ground_share"] == 1 and 0.3 < found["background_not_sky"] < 0.5
    assert all_of_it["ground_share"] == all_of_it["background_not_sky"] == 1
    assert one(image[::-1])["ground_share"] == 0


def test_grey_gravel_is_ground():
    gravel = np.random.default_rng(4).integers(90, 170, (SIZE, SIZE, 1), dtype=np.uint8).repeat(3, -1)
    assert one(gravel)["ground_share"] > 0.9


@pytest.mark.parametrize("hue", range(0, 360, 30))
def test_the_dominant_hue_is_that_of_most_colour(hue):
    colour = np.array(colorsys.hsv_to_rgb(hue / 360, 0.7, 0.9)) * 255
    opposite = np.array(colorsys.hsv_to_rgb((hue / 360 + 0.5) % 1, 0.7, 0.9)) * 255
    image = box(colour.astype(np.uint8), opposite.astype(np.uint8), 0.3)
    assert attributes.dominant_hue(image[None])[0] == pytest.approx(hue)
    assert one(image)["dominant_warmth"] == pytest.approx((1 + np.cos(np.radians(hue - 30))) / 2, abs=1e-6)


def test_vivid_pixels_outweigh_many_dull_ones():
    image = box((120, 124, 130), (240, 20, 20), 0.2)
    assert attributes.dominant_hue(image[None])[0] == 0


def test_grey_has_no_hue():
    assert np.isnan(attributes.dominant_hue(np.stack([plain(GREY), plain(BLACK), plain(WHITE)]))).all()
    assert one(plain(GREY))["dominant_warmth"] == 0.5


def test_grey_and_colour_arrays_measure_alike():
    grey = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)
    one_channel, three = attributes.measure(grey), attributes.measure(np.repeat(grey, 3, -1))
    assert one_channel.equals(three)
    assert (one_channel["saturation"] == 0).all()


def test_every_attribute_has_words_and_stays_in_its_range():
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (20, 31, 47, 3), dtype=np.uint8)
    blocks = np.kron(rng.integers(0, 256, (20, 4, 4, 3)), np.ones((1, 9, 7, 1))).astype(np.uint8)
    for images in (noise, blocks, np.zeros((1, 4, 4, 3), np.uint8), np.full((1, 4, 4, 1), 255, np.uint8)):
        frame = attributes.measure(images)
        assert list(frame) == list(attributes.DESCRIPTIONS) == list(attributes.DEFINITIONS)
        assert len(frame) == len(images) and frame.notna().all(axis=None)
        lowest = frame.min() if len(frame) else frame
        assert (lowest.drop("ground_texture") >= 0).all() and (frame.max() <= 1 + 1e-6).all()
        assert (frame["ground_texture"] >= -1).all()


def test_an_image_is_measured_the_same_in_any_company():
    images = np.random.default_rng(3).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    together = attributes.measure(images)
    alone = attributes.measure(images[4:5])
    assert together.iloc[[4]].reset_index(drop=True).equals(alone)


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
