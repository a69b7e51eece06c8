"""A user's folder: each arrangement is told by looking, and what cannot be used is one line."""

import os

import numpy as np
import pandas as pd
import pytest
from folders import numbered, picture, study, write, write_masks
from PIL import Image

from lib import data, params
from lib.core.errors import UserError
from lib.data import layouts, masks

MVTEC = [
    *numbered("train/good", 4),
    *numbered("test/good", 2),
    *numbered("test/scratch", 2),
    *numbered("test/hole", 1),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def rows(images):
    """Class and given part of each id."""
    columns = (images.table["id"], images.column("class_name"), images.column("given"))
    return {name: (class_name, given) for name, class_name, given in zip(*columns, strict=True)}


def refused(root, **changes):
    """The one line by which a folder is refused."""
    with pytest.raises(UserError) as error:
        data.load(study(root, **changes))
    assert "\n" not in str(error.value)
    return str(error.value)


# Arrangements.


def test_class_folders_are_classes_at_any_depth(tmp_path):
    write(tmp_path, ["cat/a.png", "cat/2024/may/b.JPG", "dog/a.png", "dog/x/c.webp"])
    images = data.load(study(tmp_path, normal_class="cat"))
    assert images.table["id"].tolist() == ["cat/2024/may/b.JPG", "cat/a.png", "dog/a.png", "dog/x/c.webp"]
    assert images.column("class_name").tolist() == ["cat", "cat", "dog", "dog"]
    assert images.class_names == ["cat", "dog"] and images.labels("cat").tolist() == [0, 0, 1, 1]
    assert images.finding == "2 class folders." and images.name == tmp_path.name
    assert layouts.look(tmp_path).normal == ""


@pytest.mark.parametrize("good", ["good", "OK", "Normal"])
def test_good_images_beside_defects(tmp_path, good):
    write(tmp_path, [*numbered(good, 3), *numbered("dent", 1), *numbered("crack", 2)])
    images = data.load(study(tmp_path, normal_class=good))
    assert images.finding == f"Good images in {good}, beside 2 folders of defects."
    assert layouts.look(tmp_path).normal == good and images.class_names == sorted([good, "dent", "crack"])


def test_masks_beside_class_folders_are_no_class(tmp_path):
    write(tmp_path, [*numbered("good", 3), *numbered("dent", 2)])
    write_masks(tmp_path, ["ground_truth/dent/000_mask.png"])
    images = data.load(study(tmp_path))
    assert images.class_names == ["dent", "good"] and images.masks_missing == ["dent/001.png"]
    assert images.column("mask").tolist() == ["ground_truth/dent/000_mask.png", "", "", "", ""]


def test_a_folder_of_images_alone_holds_normal_images(tmp_path):
    write(tmp_path, ["b.png", "a.bmp"])
    images = data.load(study(tmp_path, normal_class="fine"))
    assert rows(images) == {"a.bmp": ("fine", ""), "b.png": ("fine", "")}
    assert "all taken as normal" in images.finding and not images.labels("fine").any()


def test_mvtec_ad_keeps_its_split_and_pairs_its_masks_by_stem(tmp_path):
    write(tmp_path, MVTEC)
    write_masks(tmp_path, ["ground_truth/scratch/000_mask.png", "ground_truth/hole/000_mask.png"])
    images = data.load(study(tmp_path))
    assert len(images) == 9 and images.finding.startswith("MVTec AD layout, divided into train and test")
    assert rows(images)["train/good/000.png"] == ("good", "train")
    assert rows(images)["test/good/000.png"] == ("good", "test")
    assert rows(images)["test/hole/000.png"] == ("hole", "test")
    masked = dict(zip(images.table["id"], images.column("mask"), strict=True))
    assert masked["test/scratch/000.png"] == "ground_truth/scratch/000_mask.png"
    assert masked["test/hole/000.png"] == "ground_truth/hole/000_mask.png"
    assert sum(mask != "" for mask in masked.values()) == 2 and images.masks_missing == ["test/scratch/001.png"]


def test_mvtec_ad_2_has_a_validation_set_and_its_unlabelled_images_are_left_out(tmp_path):
    names = [*numbered("train/good", 3), *numbered("validation/good", 2), *numbered("test_public/good", 2)]
    write(tmp_path, [*names, *numbered("test_public/bad", 2), *numbered("test_private", 3)])
    write(tmp_path, numbered("test_private_mixed", 1))
    write_masks(tmp_path, ["test_public/ground_truth/bad/000_mask.png", "test_public/ground_truth/bad/001_mask.png"])
    images = data.load(study(tmp_path))
    assert len(images) == 9 and images.class_names == ["bad", "good"] and images.masks_missing == []
    assert (
        images.finding.startswith("MVTec AD 2 layout") and "4 images of test_private have no labels" in images.finding
    )
    assert rows(images)["validation/good/001.png"] == ("good", "validation")
    assert rows(images)["test_public/bad/001.png"] == ("bad", "test")
    assert (images.column("mask") != "").sum() == 2


@pytest.mark.parametrize("word", ["val", "Valid", "validation"])
def test_class_folders_below_train_and_test_are_a_given_split(tmp_path, word):
    parts = ("train", word, "test")
    write(tmp_path, [name for part in parts for label in ("cat", "dog") for name in numbered(f"{part}/{label}", 2)])
    images = data.load(study(tmp_path, normal_class="cat"))
    assert rows(images)[f"{word}/dog/001.png"] == ("dog", "validation") and len(images) == 12
    assert rows(images)["train/dog/001.png"] == ("dog", "train")


def test_a_validation_folder_is_the_test_set_where_there_is_no_other(tmp_path):
    write(tmp_path, [*numbered("train/good", 2), *numbered("val/good", 2), *numbered("val/bad", 2)])
    images = data.load(study(tmp_path))
    assert set(images.column("given")) == {"train", "test"} and "there is no test set" in images.finding


def test_one_split_folder_alone_is_no_split(tmp_path):
    write(tmp_path, [*numbered("train/good", 2), *numbered("train/bad", 2)])
    images = data.load(study(tmp_path))
    assert set(images.column("given")) == {""} and images.class_names == ["bad", "good"]


@pytest.fixture
def visa(tmp_path):
    root = tmp_path / "candle"
    write(root, [*numbered("Data/Images/Normal", 5, "JPG"), *numbered("Data/Images/Anomaly", 2, "JPG")])
    write_masks(root, ["Data/Masks/Anomaly/000.png"])
    (root / "image_anno.csv").write_text("image,label,mask\n", encoding="utf-8")
    return root


@pytest.mark.parametrize("where", ["own", "parent"])
def test_visa_is_divided_as_its_table_says(visa, where):
    folder = (visa if where == "own" else visa.parent) / "split_csv"
    folder.mkdir()
    lines = [f"candle,{'train' if n < 3 else 'test'},normal,candle/Data/Images/Normal/00{n}.JPG," for n in range(5)]
    lines += [f"candle,test,anomaly,candle/Data/Images/Anomaly/00{n}.JPG,x" for n in range(2)]
    lines += ["capsules,test,normal,capsules/Data/Images/Normal/000.JPG,"] * (where == "parent")
    (folder / "1cls.csv").write_text("\n".join(["object,split,label,image,mask", *lines]), encoding="utf-8")
    (folder / "2cls_highshot.csv").write_text("object,split,label,image,mask\n", encoding="utf-8")
    images = data.load(study(visa, normal_class="Normal"))
    assert rows(images)["Data/Images/Normal/002.JPG"] == ("Normal", "train")
    assert rows(images)["Data/Images/Anomaly/001.JPG"] == ("Anomaly", "test")
    assert "VisA layout, divided as split_csv/1cls.csv says" in images.finding
    assert images.masks_missing == ["Data/Images/Anomaly/001.JPG"] and layouts.look(visa).normal == "Normal"


def test_visa_without_a_table_is_not_divided(visa):
    images = data.load(study(visa, normal_class="Normal"))
    assert set(images.column("given")) == {""} and len(images) == 7


# Manifests.


def manifest(root, text, name="manifest.csv"):
    (root / name).write_text(text, encoding="utf-8")
    return root / name


@pytest.mark.parametrize("form", ["inside.csv", "inside.parquet", "named.csv", "semicolons"])
def test_a_manifest_wins_over_the_names_of_folders(tmp_path, form):
    write(tmp_path, ["x/a.png", "x/b.png", "y/c.dat.png", "y/unused.png"])
    write_masks(tmp_path, ["m/b.png"])
    text = "Path,label,split,mask,group,note\n./x/a.png,ok,Train,,7,\n"
    text += "x/b.png,dent,TEST,m/b.png,8,q\ny/c.dat.png,ok,val,,7,\n"
    path = tmp_path
    if form == "inside.parquet":
        table = pd.read_csv(manifest(tmp_path, text, "t.csv")).rename(columns={"Path": "path"})
        table.to_parquet(tmp_path / "manifest.parquet")
    elif form == "named.csv":
        path = manifest(tmp_path, text, "list.csv")
    else:
        manifest(tmp_path, text.replace(",", ";") if form == "semicolons" else text)
    images = data.load(study(path, normal_class="ok"))
    expected = {"x/a.png": ("ok", "train"), "x/b.png": ("dent", "test"), "y/c.dat.png": ("ok", "validation")}
    assert rows(images) == expected and images.column("mask").tolist() == ["", "m/b.png", ""]
    assert [float(group) for group in images.column("group")] == [7, 8, 7]
    assert "manifest" in images.finding.lower() and "splits, masks and groups" in images.finding
    assert images.name == ("list" if form == "named.csv" else tmp_path.name)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("path,class\na.png,ok\n", "has no column 'label'"),
        ("path,label\na.png,ok\n\nb.png,ok\nc.png,ok\n", "line 5: c.png is not there"),
        ("path,label\na.png,ok\nb.png,ok\n./a.png,ok\n", "line 4: names an image that was named before: a.png"),
        ("path,label,split\na.png,ok,train\nb.png,ok,trian\n", "line 3: has the split 'trian'"),
        ("path,label,mask\na.png,ok,\nb.png,ok,m.png\n", "line 3: m.png is not there"),
        ("path,label\na.png,\n", "line 2: has no label"),
        ("path,label\n,ok\n", "line 2: has no path"),
        ("path,label\na.png,ok,b\nb.png,ok,c,d\n", "cannot be read as a manifest"),
        ("path,label\n", "has no rows"),
        ("", "cannot be read as a manifest"),
    ],
)
def test_a_wrong_manifest_is_one_line_that_says_which_row(tmp_path, text, line):
    write(tmp_path, ["a.png", "b.png"])
    manifest(tmp_path, text)
    assert line in refused(tmp_path, normal_class="ok")


def test_a_manifest_that_is_no_text_and_two_manifests_are_refused(tmp_path):
    write(tmp_path, ["a.png"])
    (tmp_path / "manifest.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    assert "cannot be read as a manifest" in refused(tmp_path)
    (tmp_path / "manifest.parquet").write_bytes(b"nothing")
    assert "keep one of them" in refused(tmp_path)


# What is in a folder.


def test_other_files_hidden_ones_and_linked_folders_are_left_out(tmp_path):
    root = write(tmp_path / "parts", [*numbered("good", 2), *numbered("bad", 1), ".hidden/a.png", "good/.b.png"])
    write(tmp_path / "elsewhere", ["c.png"])
    for name in ("good/Thumbs.db", "notes.txt", "good/e.gif.txt"):
        (root / name).write_bytes(b"x")
    os.symlink(tmp_path / "elsewhere", root / "good" / "linked")
    os.symlink(root, root / "bad" / "circle")
    os.symlink(tmp_path / "elsewhere" / "c.png", root / "good" / "link.png")
    images = data.load(study(root))
    assert images.table["id"].tolist() == ["bad/000.png", "good/000.png", "good/001.png", "good/link.png"]
    assert "2 files of other types were ignored" in images.finding
    assert "2 links to folders were not followed" in images.finding


def test_a_name_that_is_not_unicode_is_listed(tmp_path):
    root = write(tmp_path, [*numbered("good", 3), "bad/Zürich <b>&$#.png", "bad/图像.png"])
    try:
        os.link(root / "good/000.png", os.fsencode(root / "good") + b"/\xff.png")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    images = data.load(study(root, unreadable_share=0.5))
    assert [reason for _, reason in images.unreadable] == ["its name is not valid Unicode (UTF-8); rename it"]
    assert {"bad/Zürich <b>&$#.png", "bad/图像.png"} < set(images.table["id"])


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ([], "holds no JPEG, PNG, WebP, BMP or TIFF images"),
        (["a.png", "bad/b.png"], "1 image of"),
        (["train/good/a.png", "test/good/b.png", "test/c.png"], "test/c.png of"),
        (["bottle/train/good/a.png", "bottle/test/bad/a.png", "nut/train/good/a.png"], "holds several data sets"),
        (["candle/Data/Images/Normal/a.png", "pcb1/Data/Images/Normal/a.png"], "holds several data sets"),
        (["good/a.png", "bad/b.png"], "normal_class: 'god' is not a class of"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(tmp_path, names, line):
    tmp_path.joinpath("notes.txt").write_text("x")
    assert line in refused(write(tmp_path, names), normal_class="god")


def test_a_path_that_is_not_there_or_no_folder_is_one_line(tmp_path):
    assert "nowhere is not there" in refused(tmp_path / "nowhere")
    (tmp_path / "a.zip").write_bytes(b"x")
    assert "neither a folder nor a manifest" in refused(tmp_path / "a.zip")


def test_the_path_is_relative_to_the_parameter_files_or_to_home(tmp_path, monkeypatch):
    write(tmp_path / "parts", ["good/a.png", "bad/b.png"])
    monkeypatch.setattr("lib.core.paths.params_folder", lambda: tmp_path / "params")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(data.load(study("../parts"))) == len(data.load(study("~/parts"))) == 2


# Identity.


def test_a_changed_image_is_prepared_again_and_a_moved_folder_keeps_its_fingerprint(tmp_path):
    root = write(tmp_path / "one" / "parts", [*numbered("good", 3), *numbered("bad", 1)])
    first = data.load(study(root))
    assert data.load(study(root)).images.filename == first.images.filename
    (tmp_path / "two").mkdir()
    moved = root.rename(tmp_path / "two" / "parts")
    assert data.load(study(moved)).fingerprint == first.fingerprint
    before = data.state(study(moved))
    Image.fromarray(picture(99)).save(moved / "good/001.png")
    changed = data.load(study(moved))
    assert data.state(study(moved)) != before and data.state(params.load("digits")) == ""
    assert changed.version == changed.fingerprint != first.version == first.fingerprint
    assert changed.fingerprint != first.fingerprint and (changed.images[2] != first.images[2]).any()
    (moved / "good/002.png").unlink()
    assert len(data.load(study(moved))) == 3


def test_groups_and_splits_are_part_of_the_fingerprint(tmp_path):
    write(tmp_path, ["a.png", "b.png"])
    texts = ["path,label\na.png,ok\nb.png,ok\n", "path,label,group\na.png,ok,1\nb.png,ok,1\n"]
    prints = []
    for text in texts:
        manifest(tmp_path, text)
        prints.append(data.load(study(tmp_path, normal_class="ok")).fingerprint)
    assert prints[0] != prints[1]


# Masks.


def test_masks_are_paired_by_folder_and_stem_and_never_by_position():
    images = ["dent/a.png", "dent/b.JPG", "dent/c.png", "hole/a.png", "hole/d_mask.png"]
    files = ["dent/b_mask.png", "dent/c.tif", "hole/a_gt.png", "hole/d_mask_mask.png", "hole/z.png"]
    assert masks.paired(images, files) == ["", "dent/b_mask.png", "dent/c.tif", "hole/a_gt.png", "hole/d_mask_mask.png"]


def test_masks_are_read_at_any_size_for_the_images_taken(tmp_path):
    write(tmp_path, MVTEC)
    write_masks(tmp_path, ["ground_truth/scratch/001_mask.png"])
    images = data.load(study(tmp_path))
    place = images.table["id"].tolist().index("test/scratch/001.png")
    some = images.take(np.array([place, 0]))
    for size in (8, 32, 96):
        found = some.masks(size)
        assert found.shape == (2, size, size) and found.dtype == bool and not found[1].any()
        assert found[0, : size // 2, : size // 2].all() and found[0].mean() == pytest.approx(0.25, abs=0.01)
    assert some.at(64).masks(16).sum() == some.masks(16).sum()


def test_masks_of_every_mode_mark_what_is_not_background(tmp_path):
    square = np.zeros((10, 10), np.uint8)
    square[2:5, 3:7] = 1
    palette = Image.new("P", (10, 10))
    palette.putdata(square.ravel().tolist())
    palette.putpalette([255, 255, 255, 0, 0, 0])
    clear = np.dstack([np.full((10, 10, 3), 255, np.uint8), square * 255])
    for name, image in {
        "labels.png": Image.fromarray(square),
        "white.png": Image.fromarray(square * 255),
        "colour.png": Image.fromarray(np.dstack([square * 200, square * 0, square * 0])),
        "bits.png": Image.fromarray(square * 255).convert("1"),
        "deep.tif": Image.fromarray(square.astype(np.uint16)),
        "palette.png": palette,
        "clear.png": Image.fromarray(clear),
    }.items():
        image.save(tmp_path / name)
        assert (masks.read(tmp_path / name) == (square > 0)).all(), name


def test_a_mask_that_cannot_be_read_is_listed_as_missing(tmp_path):
    write(tmp_path, MVTEC)
    write_masks(tmp_path, ["ground_truth/scratch/000_mask.png"])
    (tmp_path / "ground_truth/scratch/001_mask.png").write_bytes(b"nothing")
    images = data.load(study(tmp_path))
    assert "test/scratch/001.png (ground_truth/scratch/001_mask.png: not an image" in images.masks_missing[1]
    assert (images.column("mask") != "").sum() == 1 and images.masks_missing[0] == "test/hole/000.png"
