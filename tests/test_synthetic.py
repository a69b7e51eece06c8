"""Synthetic defects: exact masks, the whole layout, and no pixel of a photograph in two images."""

import hashlib

import numpy as np
import pytest
import skimage.data
from PIL import Image

from lib.__main__ import main
from lib.core.errors import UserError
from lib.data import synthetic


@pytest.fixture(scope="module", params=synthetic.TEXTURES)
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "set"
    counts = synthetic.write(folder, request.param)
    return folder, counts, getattr(skimage.data, request.param)()


def read(path):
    return np.asarray(Image.open(path))


def cells(photograph, size):
    """Every tile that a grid from the corner cuts out, by its place."""
    places = range(0, 512 - size + 1, size)
    return {(top, left): photograph[top : top + size, left : left + size] for top in places for left in places}


def test_the_layout_is_that_of_mvtec(written):
    folder, counts, _ = written
    assert set(counts) == {"train/good", "test/good", "test/hole", "test/scratch", "test/stain"}
    for part, number in counts.items():
        assert sorted(path.name for path in (folder / part).iterdir()) == [f"{n:03d}.png" for n in range(number)]
    truth = folder / "ground_truth"
    assert {path.name for path in truth.iterdir()} == {"hole", "scratch", "stain"}
    for path in folder.glob("test/*/*.png"):
        mask = truth / path.parent.name / f"{path.stem}_mask.png"
        assert mask.is_file() == (path.parent.name != "good")
    assert len(list(truth.rglob("*.png"))) == sum(counts[f"test/{name}"] for name in ("hole", "scratch", "stain"))


def test_no_two_images_share_a_pixel_and_masks_mark_what_changed(written):
    """Each image is found again in the photograph, with the pixels of its mask left out."""
    folder, counts, photograph = written
    grid = cells(photograph, 48)
    places = []
    for path in sorted([*folder.glob("train/good/*.png"), *folder.glob("test/*/*.png")]):
        image = read(path)
        mask = np.zeros(image.shape, bool)
        if path.parent.name != "good":
            values = read(folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png")
            assert values.shape == image.shape and set(np.unique(values)) == {0, 255}
            mask = values == 255
        found = [place for place, cell in grid.items() if np.array_equal(cell[~mask], image[~mask])]
        assert len(found) == 1, path
        assert (image != grid[found[0]])[mask].all()
        places += found
    assert len(set(places)) == len(places) == sum(counts.values())


@pytest.mark.parametrize("defect", synthetic.DEFECTS)
@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("side", [16, 48, 96])
def test_a_defect_changes_exactly_its_mask_on_any_surface(defect, level, side):
    tile = np.full((side, side), level, np.uint8)
    before = tile.copy()
    for seed in range(20):
        new, mask = synthetic.plant(tile, defect, np.random.default_rng(seed))
        assert new.dtype == np.uint8 and np.array_equal(new != tile, mask)
        assert 0 < mask.mean() < 0.3
    assert np.array_equal(tile, before)


def test_defects_can_be_seen_and_are_small(written):
    folder, _, photograph = written
    for path in folder.glob("test/*/*.png"):
        if path.parent.name != "good":
            mask = read(folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png") > 0
            image = read(path).astype(float)
            original = next(
                cell for cell in cells(photograph, 48).values() if np.array_equal(cell[~mask], image[~mask])
            )
            assert mask.mean() < 0.25
            assert np.abs(image - original)[mask].mean() > 10  # of 255


def digest(folder):
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*.png")}


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        synthetic.write(tmp_path / name, "brick", 64, seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "two") != digest(tmp_path / "other")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"texture": "wood"}, "there is no 'wood'; choose one of brick, grass, gravel"),
        ({"size": 8}, "16 to 96 pixels wide, and 8 was given"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(tmp_path, options, words):
    with pytest.raises(UserError, match=words) as error:
        synthetic.write(tmp_path / "set", **options)
    assert "\n" not in str(error.value) and not (tmp_path / "set").exists()


def test_files_that_are_there_are_left_alone(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert main(["synthetic", str(tmp_path)]) == 2
    assert "give a new or an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_the_command_says_what_it_wrote_that_defects_are_drawn_and_what_comes_next(tmp_path, capsys):
    assert main(["synthetic", str(tmp_path / "set"), "--texture", "grass", "--size", "96"]) == 0
    said = capsys.readouterr().out
    assert "25 images of grass, 15 in train/good, 4 in test/good" in said
    assert "drawn" in said and f"make study NAME=grass IMAGES={tmp_path / 'set'}" in said
