"""What changed unseen is found: a flipped bit in the cache, an image that was replaced, a fit that has diverged."""

import os
import shutil

import numpy as np
import pytest
from folders import numbered, picture, study, write
from PIL import Image
from small_study import SMALL

from lib import data, detectors
from lib.core import cache, checksums
from lib.core.errors import UserError
from lib.study import Study, fits


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    yield
    checksums._check_once.cache_clear()


def flip(path, place=0.5):
    """Changes one bit of a file; its size and its times stay."""
    before, content = os.stat(path), bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def next_process():
    """A folder is read once a process; this stands for another one."""
    checksums._check_once.cache_clear()


DEFAULTS = SMALL | {"epochs": 2, "batch_size": 4}


def small_study(folder):
    """The parameters of a study of 24 images."""
    return study(write(folder / "parts", [*numbered("good", 20), *numbered("bad", 4)]), image_size=16)


def lines(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if "made again" in line]


# The cache.


def made(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "values.npy").write_bytes(bytes(range(256)))
    (folder / "a.json").write_text("{}")


@pytest.mark.parametrize("name", ["a.json", "deep/values.npy", "checksums.json"])
@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_damaged_or_missing_file_is_told_in_one_line_and_made_again(capsys, name, damage):
    folder = cache.cached("kind", "key", made)
    assert cache.has("kind", "key") and not lines(capsys)
    damage(folder / name)
    next_process()
    assert not cache.has("kind", "key")
    assert cache.cached("kind", "key", made) == folder and cache.has("kind", "key")
    (line,) = lines(capsys)
    assert line.startswith(f"{folder}: ") and (name in line or name == "checksums.json")
    assert (folder / "deep/values.npy").read_bytes() == bytes(range(256))
    assert not [each for each in folder.parent.iterdir() if each != folder]


def test_every_bit_of_a_file_counts():
    folder = cache.cached("kind", "key", made)
    for place in np.linspace(0, 1, 40):
        flip(folder / "deep/values.npy", place)
        next_process()
        assert checksums.problem(folder) == "deep/values.npy is damaged"
        flip(folder / "deep/values.npy", place)
        next_process()
        assert not checksums.problem(folder)


def test_a_folder_without_checksums_is_made_again_and_an_added_file_does_not_matter(capsys):
    folder = cache.cached("kind", "key", made)
    (folder / ".DS_Store").write_bytes(b"x")
    next_process()
    assert cache.has("kind", "key")
    (folder / "checksums.json").unlink()
    cache.cached("kind", "key", made)
    assert "has no checksums.json" in lines(capsys)[0]


def test_files_are_read_once_a_process(monkeypatch):
    folder = cache.cached("kind", "key", made)
    read = []
    sha256 = checksums.of_file
    monkeypatch.setattr(checksums, "of_file", lambda path: read.append(path) or sha256(path))
    for _ in range(3):
        cache.cached("kind", "key", made)
    assert len(read) == 2
    shutil.rmtree(folder)
    cache.cached("kind", "key", made)  # made again by this process or another: read again
    assert cache.has("kind", "key") and len(read) == 2 + 2 + 2


def test_a_failed_repair_leaves_the_damaged_folder_to_be_repaired_next_time():
    folder = cache.cached("kind", "key", made)
    flip(folder / "a.json")
    next_process()

    def fails(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.cached("kind", "key", fails)
    assert not cache.has("kind", "key")
    cache.cached("kind", "key", made)
    assert cache.has("kind", "key")


def test_whatever_a_study_keeps_is_found_damaged_and_made_again_to_equal_values(tmp_path, capsys):
    """Prepared images, groups, embeddings, fitted weights and scores: one bit of each file in turn."""
    small = small_study(tmp_path)
    specs = [detectors.spec(name, given, DEFAULTS) for name, given in (("features", {"size": 16}), ("autoencoder", {}))]

    def computed():
        next_process()
        opened = Study.open(small)
        return [fits.fit_and_score(opened, spec).scores for spec in specs]

    first = computed()
    files = [path for path in cache.paths.cache_folder().rglob("*") if path.parent.name != "locks" and path.is_file()]
    kinds = {path.relative_to(cache.paths.cache_folder()).parts[0] for path in files}
    assert {"images", "features", "fits", "scores"} <= kinds
    assert {".npy", ".npz", ".keras", ".parquet", ".json"} <= {path.suffix for path in files}
    for path in files:
        flip(path)
    capsys.readouterr()
    again = computed()
    assert {path.parent for path in files} == {path.parent for path in files if not checksums.problem(path.parent)}
    assert len(lines(capsys)) == len({path.parent for path in files})
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


# Images that changed after they were prepared.


def test_an_image_replaced_by_one_of_the_same_size_and_time_is_prepared_again(tmp_path):
    root = write(tmp_path / "parts", numbered("good", 4))
    Image.fromarray(picture(1)).save(root / "good/001.bmp")
    first = data.load(study(root))
    path = root / "good/001.bmp"
    before = os.stat(path)
    Image.fromarray(picture(2)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(path)
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = data.load(study(root))
    assert second.fingerprint != first.fingerprint and second.version != first.version
    row = list(second.table["id"]).index("good/001.bmp")
    assert (second.images[row] != first.images[row]).any()


def test_a_removed_and_an_added_image_are_noticed(tmp_path):
    root = write(tmp_path / "parts", numbered("good", 4))
    states = [data.state(study(root))]
    assert len(data.load(study(root))) == 4
    write(root, ["good/new.png"])
    states.append(data.state(study(root)))
    assert len(data.load(study(root))) == 5
    (root / "good/002.png").unlink()
    states.append(data.state(study(root)))
    found = data.load(study(root))
    assert len(found) == 4 and "good/002.png" not in set(found.table["id"]) and len(set(states)) == 3


# A fit that has diverged.


@pytest.fixture
def diverging(tmp_path):
    """A small study, and its autoencoder with a learning rate that no parameter set may have."""
    spec = detectors.spec("autoencoder", {}, DEFAULTS)
    return Study.open(small_study(tmp_path)), detectors.with_options(spec, "Autoencoder", learning_rate=1e30)


def refusal(*given):
    with pytest.raises(UserError) as refused:
        fits.fit_and_score(*given)
    return str(refused.value)


def test_a_diverged_fit_is_one_line_with_the_name_of_the_detector_and_is_not_kept(diverging):
    line = refusal(*diverging)
    assert line.startswith("Autoencoder: the fit has diverged: ") and "smaller learning_rate than 1e+30" in line
    assert not [*cache.paths.cache_folder().glob("fits/*")] and not [*cache.paths.cache_folder().glob("scores/*")]


def test_weights_that_are_not_numbers_are_not_kept_though_the_losses_are(diverging, monkeypatch):
    opened, spec = diverging
    from lib.detectors.reconstruction import detector as module

    learn = module.ReconstructionDetector.learn

    def spoilt(self, images, indices):
        history = learn(self, images, indices)
        weights = self.network.model.get_weights()
        weights[-1][:] = np.nan
        self.network.model.set_weights(weights)
        return history

    monkeypatch.setattr(module.ReconstructionDetector, "learn", spoilt)
    line = refusal(opened, detectors.with_options(spec, "Autoencoder", learning_rate=0.001))
    assert "its weights are not finite numbers" in line
    assert not [*cache.paths.cache_folder().glob("fits/*")]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_numbers_are_not_judged(diverging, monkeypatch, value):
    opened, _ = diverging
    spec = detectors.spec("mean_image", {}, DEFAULTS)
    score = spec.kind.detector.score

    def spoilt(self, images):
        scores = score(self, images)
        scores[7] = value
        return scores

    monkeypatch.setattr(spec.kind.detector, "score", spoilt)
    line = refusal(opened, spec)
    assert spec.label in line and "not a finite number" in line
    assert not [*cache.paths.cache_folder().glob("scores/*")]
