"""Data as users have them, from few or only good images to a full disk: a right division or one clear line."""

import errno
import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
from folders import numbered, picture, study, write
from PIL import Image

from lib import __main__, data, params
from lib.core import cache
from lib.core.errors import UserError
from lib.data import ImageSet, NewImages, duplicates, grouping, preparation, splits
from lib.study import Study, holdout_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def refused(root, **changes):
    with pytest.raises(UserError) as error:
        Study.open(study(root, **changes))
    assert "\n" not in str(error.value)
    return str(error.value)


def ids(opened, part):
    return set(opened.images.table["id"].to_numpy()[getattr(opened.split, part)])


# Few images, and only good ones.


@pytest.mark.parametrize("count", [3, 4, 12, 70])
@pytest.mark.parametrize("validation_share", [0.0, 0.3])
def test_only_good_images_are_divided_into_three_sets(tmp_path, count, validation_share):
    opened = Study.open(study(write(tmp_path, numbered("good", count)), validation_share=validation_share))
    parts = opened.parts
    assert parts["fit"] + parts["calibration"] + parts["normal"] == count
    assert min(parts["fit"], parts["calibration"], parts["normal"]) >= 1
    assert (parts["anomalies"], parts["dropped"], len(opened.split.validation)) == (0, 0, 0)
    assert opened.counts == {"images": count, "classes": 1, "normal": count, "anomalies": 0}
    assert abs(parts["fit"] - 0.6 * count) <= 1 and holdout_of(opened) is opened


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_normal_images_are_refused(tmp_path, count):
    assert "at least 3 are needed" in refused(write(tmp_path, [*numbered("good", count), *numbered("bad", 5)]))


def test_two_images_can_be_prepared_and_looked_at(tmp_path):
    images = data.load(study(write(tmp_path, numbered("good", 2))))
    assert images.images.shape == (2, 32, 32, 3) and duplicates.of_images(images).tolist() == [0, 1]


def test_one_anomaly_cannot_be_validated_on_and_two_can(tmp_path):
    root = write(tmp_path, [*numbered("good", 12), *numbered("bad", 1)])
    assert Study.open(study(root)).parts["anomalies"] == 1
    assert "of 1 anomaly" in refused(root, validation_share=0.2)
    write(root, numbered("bad", 2))
    parts = Study.open(study(root, validation_share=0.2)).parts
    assert (parts["validation_anomalies"], parts["anomalies"], parts["validation_normal"]) == (1, 1, 1)


def test_resubstitution_needs_anomalies(tmp_path):
    root = write(tmp_path, numbered("good", 5))
    assert "without anomalies" in refused(root, protocol="resubstitution", detector="autoencoder")


def test_an_inspecting_study_needs_no_validation_set(tmp_path):
    root = write(tmp_path, [*numbered("good", 12), *numbered("bad", 5)])
    opened = Study.open(study(root, detectors=[{"pca": {"components": 2}}]))
    assert opened.params.refines and holdout_of(opened) is opened and not len(opened.split.validation)


# Near-duplicates, and pictures that look like them.


def fixed_camera(root, folder, count, seed=0):
    """The same part photographed again and again: a shift by a pixel, some noise, another brightness."""
    random = np.random.default_rng(seed)
    part = scipy.ndimage.gaussian_filter(picture(5, 96, 96).astype(float), (2, 2, 0))
    (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shifted = np.roll(part, random.integers(-1, 2, 2), axis=(0, 1)) * random.uniform(0.95, 1.05)
        noisy = np.clip(shifted + random.normal(0, 4, part.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / folder / f"{number:03d}.png")
    return root


@pytest.mark.parametrize("count", [12, 70])
def test_similar_parts_before_a_fixed_camera_are_not_swallowed_as_copies(tmp_path, count):
    root = fixed_camera(fixed_camera(tmp_path, "good", count), "dent", 10, seed=1)
    twin = (root / "good/000.png").read_bytes()
    (root / "good/zz.png").write_bytes(twin)
    opened = Study.open(study(root, image_size=64))
    assert duplicates.of_images(opened.images).max() == 0  # by looks alone, all are copies of one
    parts = opened.parts
    assert abs(parts["fit"] - 0.6 * (count + 1)) <= 2 and parts["anomalies"] == 10 and not parts["dropped"]
    assert f"{count + 1} of {count + 1} normal images look as much alike" in opened.grouping
    assert "only identical files count" in opened.grouping
    sides = [{"good/000.png", "good/zz.png"} & ids(opened, part) for part in splits.PARTS]
    assert sorted(map(len, sides)) == [0, 0, 0, 2]  # identical files stay together


def copied(root, count=40, copies=4):
    """Different pictures, some of which are there again, a little brighter."""
    write(root, numbered("good", count), height=96, width=96)
    for number in range(copies):
        image = np.asarray(Image.open(root / f"good/{number:03d}.png"))
        Image.fromarray(np.clip(image * 0.95, 0, 255).astype(np.uint8)).save(root / f"good/copy_{number}.png")
    return root


def test_a_few_near_duplicates_stay_on_one_side_unless_each_image_is_for_itself(tmp_path):
    root = copied(tmp_path)
    pairs = [{f"good/{number:03d}.png", f"good/copy_{number}.png"} for number in range(4)]
    for seed in range(8):
        opened = Study.open(study(root, seed=seed))
        assert all(any(pair <= ids(opened, part) for part in splits.PARTS) for pair in pairs)
        assert "8 images in 4 groups" in opened.grouping and opened.crossing == 0
    opened = [Study.open(study(root, seed=seed, duplicates="keep")) for seed in range(8)]
    assert not all(any(pair <= ids(each, part) for part in splits.PARTS) for pair in pairs for each in opened)
    assert all("duplicates: keep" in each.grouping for each in opened)


def with_manifest(root, columns, names, values):
    lines = [",".join([name, *row]) for name, row in zip(names, values, strict=True)]
    (root / "manifest.csv").write_text("\n".join([f"path,{columns}", *lines]), encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", ["group", "keep"])
def test_images_of_one_group_stay_on_one_side_of_every_split(tmp_path, rule):
    names = [*numbered("good", 36), *numbered("bad", 12)]
    rows = [(name.split("/")[0], f"part {number % 12}") for number, name in enumerate(names)]
    root = with_manifest(write(tmp_path, names), "label,group", names, rows)
    for seed in range(8):
        opened = Study.open(study(root, seed=seed, duplicates=rule))
        group = opened.images.column("group")
        sides = [set(group[getattr(opened.split, part)]) for part in splits.PARTS]
        assert sum(map(len, sides)) == len(set.union(*sides)) and "(12 groups)" in opened.grouping
        assert len(opened.split.dropped) == len(opened.split.fit) / 3 + len(opened.split.calibration) / 3


def test_too_few_groups_are_refused_with_the_way_out(tmp_path):
    names = numbered("good", 20)
    rows = [("good", "ab"[number % 2]) for number in range(20)]
    line = refused(with_manifest(write(tmp_path, names), "label,group", names, rows))
    assert "20 normal images in 2 groups" in line and "at least 3 are needed" in line and "split" in line


def test_near_duplicates_and_named_groups_are_connected():
    named = np.array(["a", "a", "", "", "b", "c"], object)
    assert grouping.joined(np.array([0, 1, 1, 3, 3, 5]), named).tolist() == [0, 0, 0, 1, 1, 2]
    assert grouping.joined(np.array([0, 1, 1]), np.array([""] * 3, object)).tolist() == [0, 1, 1]


def test_more_images_than_can_be_compared_are_grouped_by_identity(monkeypatch):
    pictures = np.stack([picture(seed, 64, 64) for seed in range(30)])
    pictures[20] = pictures[3]
    pictures[21] = np.clip(pictures[4] * 0.97, 0, 255)
    images = ImageSet.of(pictures)
    monkeypatch.setattr(duplicates, "MOST", 29)
    found = grouping.of(images, np.zeros(30, int), "group")
    assert found.near[20] == 3 and found.near[21] == 21 and "only identical files" in found.finding


# Splits that the data set gives.


def divided(root, names):
    return Study.open(study(write(root, names)))


def test_a_given_test_set_stays_whole_and_given_training_images_are_divided(tmp_path):
    names = [*numbered("train/good", 20), *numbered("test/good", 5), *numbered("test/dent", 4)]
    opened = divided(tmp_path, names)
    assert opened.given and ids(opened, "test") == set(names[20:]) and opened.parts["normal"] == 5
    assert (opened.parts["fit"], opened.parts["calibration"]) == (15, 5)  # 0.6 to 0.2
    assert not len(opened.split.validation)


def test_given_normal_validation_images_calibrate(tmp_path):
    names = [*numbered("train/good", 10), *numbered("validation/good", 4), *numbered("test_public/good", 3)]
    opened = divided(tmp_path, [*names, *numbered("test_public/bad", 3)])
    assert ids(opened, "fit") == set(names[:10]) and ids(opened, "calibration") == set(names[10:14])


def test_given_anomalies_to_validate_on_are_joined_by_half_of_the_normal_ones(tmp_path):
    names = [*numbered("train/good", 10), *numbered("train/bad", 2), *numbered("val/good", 6)]
    names += [*numbered("val/bad", 4), *numbered("test/good", 3), *numbered("test/bad", 3)]
    opened = divided(tmp_path, names)
    assert ids(opened, "dropped") == {"train/bad/000.png", "train/bad/001.png"}
    assert opened.parts["validation_normal"] == opened.parts["calibration"] == 3
    assert opened.parts["validation_anomalies"] == 4 and len(ids(opened, "fit")) == 10


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([("good", "train")] * 4 + [("good", "")] + [("bad", "test")], "split: 1 image has none, such as good/004.png"),
        ([("good", "train")] * 5 + [("bad", "test")], "no normal image is given to test"),
        ([("good", "test")] * 5 + [("bad", "train")], "no normal image is given to train"),
        ([("good", "train")] + [("good", "test")] * 4 + [("bad", "test")], "at least 2 are needed"),
    ],
)
def test_a_given_split_that_lacks_something_is_one_line(tmp_path, rows, line):
    names = [*numbered("good", 5), *numbered("bad", 1)]
    assert line in refused(with_manifest(write(tmp_path, names), "label,split", names, rows))


def test_near_duplicates_across_a_given_split_are_counted_and_not_moved(tmp_path):
    names = [*numbered("train/good", 20), *numbered("test/good", 5), *numbered("test/dent", 4)]
    write(tmp_path, names, height=96, width=96)
    for source, copy in (("train/good/000", "test/good/003"), ("train/good/007", "test/dent/001")):
        (tmp_path / f"{copy}.png").write_bytes((tmp_path / f"{source}.png").read_bytes())
    opened = Study.open(study(tmp_path))
    assert opened.crossing == 2 and ids(opened, "test") == set(names[20:])
    opened.check_split()
    leaky = replace(opened, split=replace(opened.split, test=np.union1d(opened.split.test, opened.split.fit[:1])))
    with pytest.raises(UserError, match="the same image"):
        leaky.check_split()


# New images.


@pytest.fixture(scope="module")
def fitted_on(tmp_path_factory):
    """A folder of images of many kinds, and the set that is prepared of it."""
    root = write(tmp_path_factory.mktemp("parts"), [*numbered("good", 5), *numbered("bad/deep", 2, "jpg")])
    Image.fromarray(picture(7, 300, 200, 4)).save(root / "good/clear.png")
    Image.fromarray(picture(8, channels=1)).save(root / "good/grey.bmp")
    Image.fromarray((picture(9, channels=1) * 16).astype(np.uint16)).save(root / "good/measured.tif")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield root, data.load(study(root, intensity="window:0,4095"))


@pytest.mark.parametrize("count", [1, 3, 256])
def test_new_images_are_prepared_bit_for_bit_as_those_fitted_on(fitted_on, count):
    root, images = fitted_on
    new = NewImages.of(root, images.preparation)
    chunks = list(new.chunks(32, count))
    assert [len(chunk) for chunk in chunks[:-1]] == [count] * (len(chunks) - 1)
    assert new.files == images.table["id"].tolist() == [name for chunk in chunks for name in chunk.table["id"]]
    assert (np.concatenate([chunk.images for chunk in chunks]) == images.images).all() and not new.unreadable
    for column in ("height", "width", "file_bytes", "sha256", "format", "bits", "quality"):
        assert [value for chunk in chunks for value in chunk.column(column)] == images.column(column).tolist()
    at = np.concatenate([chunk.at(48).images for chunk in chunks])
    assert at.shape[1:] == (48, 48, 3)
    taken = chunks[0].take([0]).at(48)
    assert (taken.images == at[:1]).all() and (taken.at(32).images == images.images[:1]).all()


def test_new_images_may_be_a_file_a_list_a_text_or_a_manifest(fitted_on, tmp_path, monkeypatch):
    root, images = fitted_on
    monkeypatch.chdir(root)
    text = tmp_path / "list.txt"
    text.write_text(f"{root}/good/001.png\n\n{root}/good/grey.bmp\n", encoding="utf-8")
    manifest = tmp_path / "new.csv"
    manifest.write_text(f"path,group\n{root}/good/001.png,a\n", encoding="utf-8")
    for where, names in {
        "good/001.png": ["001.png"],
        root / "good" / "001.png": ["001.png"],
        ("good/001.png", "./good/000.png", "good/001.png"): ["good/000.png", "good/001.png"],
        text: [f"{root}/good/001.png", f"{root}/good/grey.bmp"],
        manifest: [f"{root}/good/001.png"],
    }.items():
        new = NewImages.of(where, images.preparation)
        assert new.files == names and len(new) == len(names)
        assert sum(len(chunk) for chunk in new.chunks(32)) == len(names)
    assert new.group.tolist() == ["a"] and next(new.chunks(32)).column("group").tolist() == ["a"]
    assert NewImages.of("good", images.preparation).without({"000.png", "clear.png"}).files[0] == "001.png"


def test_new_images_that_cannot_be_read_are_listed_and_the_rest_goes_on(fitted_on, tmp_path):
    write(tmp_path, ["a.png", "c.png", "ground_truth/a.png"])
    (tmp_path / "b.png").write_bytes(b"x")
    new = NewImages.of(tmp_path, fitted_on[1].preparation)
    assert [chunk.table["id"].tolist() for chunk in new.chunks(32)] == [["a.png", "c.png"]]
    assert new.files == ["a.png", "b.png", "c.png"] and new.unreadable[0][0] == "b.png"


@pytest.mark.parametrize("where", ["nowhere", "empty", ["nowhere.png"], []])
def test_new_images_that_are_not_there_are_one_line(fitted_on, tmp_path, where, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as refused:
        NewImages.of(where, fitted_on[1].preparation)
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="another version of this code"):
        NewImages.of("empty", fitted_on[1].preparation | {"code": "other"})


def test_new_images_of_the_published_preparation_are_prepared_in_its_way(tmp_path):
    """A detector of a TFDS set sees new files as TensorFlow decodes and resizes them, without antialiasing."""
    from lib.core.backend import tf

    write(tmp_path, ["a.jpg", "b.png", "c.webp", "d.bmp"], height=90, width=70)
    rules = ImageSet.of(np.zeros((1, 8, 8, 3), np.uint8)).preparation
    (chunk,) = NewImages.of(tmp_path, rules).chunks(32)
    make = preparation.maker(32, rules)
    for number, name in enumerate(("a.jpg", "b.png", "c.webp", "d.bmp")):
        content = (tmp_path / name).read_bytes()
        pixels = np.asarray(Image.open(tmp_path / name)) if name == "c.webp" else tf.io.decode_image(content, 3)
        plain = tf.image.resize(tf.cast(pixels, tf.float32) / 255, [32, 32]).numpy() * 255
        assert np.abs(chunk.images[number] - plain).max() < 0.51, name
        if name != "c.webp":
            as_in_the_set, _ = make(preparation.Original(name, "x", encoded=content))
            assert (chunk.images[number] == as_in_the_set).all(), name
    assert chunk.table["sha256"].nunique() == 4 and chunk.column("group").tolist() == [""] * 4


# Data sets of tensorflow-datasets.


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory):
    """A data set with configs and the same file name in two splits, as tensorflow-datasets writes it."""
    import lib.core.backend  # noqa: F401, I001 - quietly, so first
    import tensorflow_datasets as tfds

    class ToyParts(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="plain"), tfds.core.BuilderConfig(name="other"))

        def _info(self):
            label = tfds.features.ClassLabel(names=["a", "b"])
            keys = {"image": tfds.features.Image(shape=(None, None, 3)), "label": label}
            features = tfds.features.FeaturesDict(keys | {"image/file_name": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("image", "label"))

        def _split_generators(self, manager):
            return {"train": self._generate_examples(0), "test": self._generate_examples(10)}

        def _generate_examples(self, seed):
            for number in range(3):
                name = f"{number}.png" if seed == 0 or number else "only.png"
                yield number, {"image": picture(seed + number), "label": number % 2, "image/file_name": name}

    folder = tmp_path_factory.mktemp("tfds")
    ToyParts(data_dir=folder, config="plain").download_and_prepare()
    return folder


@pytest.fixture
def toy_set(toy_folder, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(toy_folder))
    return params.load("digits").model_copy(update={"dataset": "toy_parts/plain", "normal_class": "a"})


def test_a_config_after_a_slash_works_and_equal_file_names_in_two_splits_are_two_images(toy_set):
    images = data.load(toy_set)
    names = ["a/0.png", "a/only.png", "test/a/2.png", "test/b/1.png", "train/a/2.png", "train/b/1.png"]
    assert images.table["id"].tolist() == names and images.version == "1.0.0"
    single = data.load(toy_set.model_copy(update={"splits": "train"}))
    assert single.table["id"].tolist() == ["a/0.png", "a/2.png", "b/1.png"]  # a prefix only where one is needed
    with pytest.raises(UserError, match="same class and file name"):
        data.load(toy_set.model_copy(update={"splits": "train[:2]+train[1:]"}))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("caltech10", "did you mean 'caltech101'?"),
        ("foldr", "did you mean 'folder'?"),
        ("mnist_corrupted/idntity", "no config 'idntity' (did you mean 'identity'?)"),
        ("mnist/plain", "no config 'plain'"),
        ("toy_parts/other", "toy_parts/other"),
        ("no_such_set/x", "no_such_set/x"),
    ],
)
def test_a_misspelt_data_set_or_config_is_one_line(toy_set, name, line):
    with pytest.raises(UserError) as refused:
        data.load(toy_set.model_copy(update={"dataset": name}))
    assert line in str(refused.value) and "\n" not in str(refused.value)


# The disk.


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_is_full_or_read_only_is_one_line_and_leaves_nothing_half_written(tmp_path, number, monkeypatch):
    def fails(*_):
        raise OSError(number, os.strerror(number))

    root = write(tmp_path, numbered("good", 4))
    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", fails)
    line = refused(root)
    assert "ANOMALY_CACHE_DIR" in line and ("no space left" in line) == (number == errno.ENOSPC)
    assert not list((cache.paths.cache_folder() / "images").iterdir())
    monkeypatch.undo()


def test_an_error_of_the_disk_anywhere_is_one_line_of_the_command(monkeypatch, capsys):
    def fails(_):
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/report.pdf")

    monkeypatch.setattr("lib.commands.params.run", fails)
    assert __main__.main(["params", "digits"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("no space left for /somewhere/report.pdf: free some") and printed.count("\n") == 1


# Many images.


def test_memory_does_not_grow_with_the_number_of_images_beyond_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "ROWS", 100)
    monkeypatch.setattr(preparation, "maker", lambda size, rules: made)

    def made(original):
        row = preparation._row(original, original.id.encode(), 8, 8) | {"group": "", "given": "", "mask": ""}
        return np.full((16, 16, 3), len(original.id), np.uint8), row | {"format": "PNG", "bits": 8, "quality": 0}

    class Many:
        name, version, channels, class_names, layout = "many", "1", 3, ("good",), None

        def __init__(self, count):
            self.count = count

        def originals(self):
            return (preparation.Original(f"good/{number:07d}", "good") for number in range(self.count))

    peaks = []
    for count in (1000, 4000):
        folder = tmp_path / str(count)
        folder.mkdir()
        tracemalloc.start()
        preparation.prepare(Many(count), 16, folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    row = 700  # bytes: what the table itself needs, and its order
    assert peaks[1] - peaks[0] < 3000 * row, peaks


def test_hundreds_of_thousands_of_images_are_divided_in_seconds():
    names = np.char.add("good/", np.arange(200_000).astype(str)).astype(object)
    labels = (np.arange(200_000) % 10 == 0).astype(int)
    shares = {"fit_share": 0.6, "calibration_share": 0.2, "validation_share": 0.2, "seed": 1}
    split = splits.holdout(names, labels, np.arange(200_000), **shares)
    splits.check(split, names, names, np.arange(200_000))
    assert len(split.fit) == 108_000


def test_a_group_with_many_of_the_normal_images_is_a_kind_of_part_and_a_small_one_is_one_part():
    parts = np.repeat([f"part {number}" for number in range(60)], 5)
    assert grouping.kinds(parts) == []  # 300 images, no part has more than 5
    named = np.concatenate([parts, np.repeat(["mono", "poly"], 150), np.repeat([""], 20)])
    assert grouping.kinds(named) == ["mono", "poly"]
    assert grouping.kinds(np.repeat(["a", "b", "c"], 30)) == []  # too few to say so: they stay together


def test_images_of_a_kind_of_part_are_in_every_set(tmp_path):
    names = numbered("good", 240)
    root = write(tmp_path, names, height=8, width=8)
    with_manifest(root, "label,group", names, [["good", "mono" if number % 2 else "poly"] for number in range(240)])
    opened = Study.open(study(root))
    for part in ("fit", "calibration", "test"):
        assert set(opened.images.column("group")[getattr(opened.split, part)]) == {"mono", "poly"}
    assert "'mono' and 'poly' are too large to stay in one set, and are divided image by image." in opened.grouping
