"""How a user's folder is arranged, told by looking: what class each image has, its split, its group and its mask.

Five arrangements are known: class folders; `good`, `ok` or `normal` beside folders of defects, or images alone, which
are all normal; MVTec AD and MVTec AD 2 (P. Bergmann et al., CVPR 2019), and any classes below `train/`, `val/` and
`test/`; VisA (Y. Zou et al., ECCV 2022); a manifest, which wins over the names of folders.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib.core.errors import UserError
from lib.core.formatting import count, listed
from lib.data import files, manifests, masks

NORMAL = ("good", "ok", "normal")  # names of a class that is normal
MASKS = ("ground_truth", "masks")
SPLITS = manifests.SPLITS | {"test_public": "test"}
UNLABELLED = "test_private"  # of MVTec AD 2


@dataclass(frozen=True)
class Layout:
    """The images of a folder or manifest.

    Attributes:
        root: the folder that paths are below.
        table: one row an image, sorted by `id` (the path below the root): `class_name`, `given` (split), `group` and
            `mask` (path below the root); an empty text where there is none.
        normal: the class that is normal by its name; an empty string where no name says so.
        finding: what was found, one sentence.
        unreadable: files and folders that cannot be read, with reasons.
        version: a key that is another one when a file has changed.
    """

    root: Path
    table: pd.DataFrame
    normal: str
    finding: str
    unreadable: list[list[str]]
    version: str

    @property
    def class_names(self) -> tuple[str, ...]:
        """Every class, sorted."""
        return tuple(sorted(self.table["class_name"].unique()))

    def masks_missing(self, normal_class: str) -> list[str]:
        """Ids of the anomalies without a mask, where other images have one."""
        if not (self.table["mask"] != "").any():
            return []
        return self.table.loc[(self.table["class_name"] != normal_class) & (self.table["mask"] == ""), "id"].tolist()


def look(path: Path, normal_class: str = "") -> Layout:
    """The arrangement of a folder or manifest.

    Args:
        path: a folder, or a `.csv` or `.parquet` file.
        normal_class: class of images that lie in no class folder; `good` if empty.

    Raises:
        UserError: there is no such folder or file, it holds no images, or its arrangement is none of those above.
    """
    if not path.exists():
        raise UserError(f"images: {path} is not there; give the path of a folder or of a manifest")
    if path.is_file():
        if path.suffix.lower() not in manifests.SUFFIXES:
            raise UserError(f"images: {path} is neither a folder nor a manifest (.csv or .parquet)")
        return _of_manifest(path)
    if manifest := manifests.inside(path):
        return _of_manifest(manifest)
    listing = files.below(path)
    if not listing.paths:
        others = f"; {count(listing.ignored, 'other file')} in it" if listing.ignored else ""
        others += f"; {count(listing.links, 'link')} to folders not followed" if listing.links else ""
        raise UserError(f"images: {path} holds no JPEG, PNG, WebP, BMP or TIFF images{others}")
    return _of_folder(path, listing, normal_class or NORMAL[0])


def _of_manifest(path: Path) -> Layout:
    table = manifests.read(path)
    extra = [
        name for name, column in (("splits", "given"), ("masks", "mask"), ("groups", "group")) if any(table[column])
    ]
    finding = f"A manifest, {path.name}" + (f", which gives {listed(extra)} too" if extra else "")
    names = [path.name, *table["id"], *filter(None, table["mask"])]
    return _made(path.parent, table, finding, [], files.state(path.parent, names))


def _of_folder(root: Path, listing: files.Listing, normal_class: str) -> Layout:
    paths = listing.paths
    top = Counter(_first(path) for path in paths)
    splits = {name for name in top if name.lower() in SPLITS}
    others = {name for name in top if name not in splits and name not in MASKS and not name.startswith(UNLABELLED)}
    below_split = any(_first(path) in splits and path.count("/") > 1 for path in paths)
    extra: list[Path] = []
    if (root / "Data" / "Images").is_dir():
        table, finding, extra = _visa(root, paths)
    elif splits and not others and below_split:
        table, finding = _divided(root, paths, splits)
    elif set(top) == {""}:
        table = _table(paths, [normal_class] * len(paths))
        finding = "Images without class folders, which are all taken as normal"
    elif top[""]:
        raise UserError(
            f"images: {count(top[''], 'image')} of {root} ({paths[[_first(path) for path in paths].index('')]}) "
            "lie beside folders of images; move them into a folder that is named for their class"
        )
    else:
        _check_single(root, paths)
        table, finding = _classes(paths, top, normal_class)
    if listing.ignored:
        finding += f"; {count(listing.ignored, 'file')} of other types {_was(listing.ignored)} ignored"
    if listing.links:
        finding += f"; {count(listing.links, 'link')} to folders {_was(listing.links)} not followed"
    state = files.state(root, [*paths, *(str(path) for path in extra)])
    return _made(root, table, finding, listing.unreadable, state)


def _made(root: Path, table: pd.DataFrame, finding: str, unreadable: list[list[str]], version: str) -> Layout:
    names = sorted(set(table["class_name"]))
    normal = next((name for known in NORMAL for name in names if name.lower() == known), "")
    if masked := int((table["mask"] != "").sum()):
        finding += f"; {count(masked, 'image has a mask', 'images have masks')}"
    given = set(table["given"])
    if given == {"train", "validation"}:  # nothing would be left to test on
        table["given"] = table["given"].replace({"validation": "test"})
        finding += "; there is no test set, so the validation set is it"
    return Layout(root, table, normal, f"{finding}.", unreadable, version)


def _table(paths: Sequence[str], classes: Sequence[str], given: Sequence[str] | str = "") -> pd.DataFrame:
    table = pd.DataFrame({"id": paths, "class_name": classes})
    table["given"], table["group"], table["mask"] = given, "", ""
    return table


def _classes(paths: list[str], top: Counter, normal_class: str) -> tuple[pd.DataFrame, str]:
    """Class folders, at any depth below them, with masks in a folder beside them where they pair with images."""
    for folder in MASKS:
        if folder not in top or folder == normal_class or len(top) < 3:
            continue
        images = [path for path in paths if _first(path) != folder]
        own = masks.paired(images, [_rest(path) for path in paths if _first(path) == folder])
        if any(own):
            table, finding = _classes(images, Counter(_first(path) for path in images), normal_class)
            table["mask"] = [f"{folder}/{mask}" if mask else "" for mask in own]
            return table, finding
    table = _table(paths, [sys.intern(_first(path)) for path in paths])
    good = [name for name in top if name.lower() in NORMAL]
    if good and len(top) > 1:
        return table, f"Good images in {good[0]}, beside {count(len(top) - 1, 'folder')} of defects"
    return table, count(len(top), "class folder")


def _divided(root: Path, paths: list[str], splits: set[str]) -> tuple[pd.DataFrame, str]:
    """Classes below `train/`, `val/` and `test/`, as MVTec AD and MVTec AD 2 have them; masks in `ground_truth/`."""
    rows: list[str] = []
    of_masks: dict[str, str] = {}
    private = 0
    for path in paths:
        first, rest = _first(path), _rest(path)
        if first in MASKS:
            of_masks[rest] = path
        elif first not in splits:
            private += 1
        elif _first(rest) in MASKS:
            of_masks[_rest(rest)] = path
        elif "/" not in rest:
            raise UserError(
                f"images: {path} of {root} lies in no class folder; move it into one, such as {first}/{NORMAL[0]}/"
            )
        else:
            rows.append(path)
    classes = [sys.intern(_first(_rest(path))) for path in rows]
    given = [SPLITS[_first(path).lower()] for path in rows]
    named = sorted(splits, key=lambda name: [*SPLITS].index(name.lower()))
    if len(set(given)) == 1:  # one folder is no division
        table, finding = _table(rows, classes), f"Class folders below {_first(rows[0])}/"
    else:
        table, finding = _table(rows, classes, given), f"Divided into {listed(named)} by its folders"
        if "good" in classes and any(name.startswith("test") for name in splits):
            finding = (
                f"{'MVTec AD 2' if 'test_public' in splits else 'MVTec AD'} layout, {finding[0].lower()}{finding[1:]}"
            )
    own = masks.paired([_rest(path) for path in rows], of_masks)
    table["mask"] = [
        of_masks.get(mask, "") if part != "train" else "" for mask, part in zip(own, table["given"], strict=True)
    ]
    if private:
        finding += f"; {count(private, 'image')} of {UNLABELLED} {_has(private)} no labels and {_was(private)} ignored"
    return table, finding


def _visa(root: Path, paths: list[str]) -> tuple[pd.DataFrame, str, list[Path]]:
    rows = [path for path in paths if path.startswith("Data/Images/") and path.count("/") > 2]
    if not rows:
        raise UserError(f"images: {root} has the folders of VisA, but no images in Data/Images/Normal and Anomaly")
    below = [path.removeprefix("Data/Images/") for path in rows]
    table = _table(rows, [sys.intern(_first(path)) for path in below])
    prefix = "Data/Masks/"
    own = masks.paired(below, [path.removeprefix(prefix) for path in paths if path.startswith(prefix)])
    table["mask"] = [prefix + mask if mask else "" for mask in own]
    for folder in (root / "split_csv", root.parent / "split_csv"):
        if found := sorted(folder.glob("*.csv"), key=lambda file: (file.name != "1cls.csv", file.name)):
            table["given"] = _visa_split(root, found[0], rows)
            return table, f"VisA layout, divided as {folder.name}/{found[0].name} says", [found[0]]
    return table, "VisA layout, without a division", []


def _visa_split(root: Path, file: Path, rows: list[str]) -> list[str]:
    try:
        listing = pd.read_csv(file, dtype=str, keep_default_na=False)
        listing = listing[listing["image"].str.startswith(f"{root.name}/") | listing["image"].isin(rows)]
        images = [name.removeprefix(f"{root.name}/") for name in listing["image"]]
        given = dict(zip(images, (SPLITS[word.lower()] for word in listing["split"]), strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file}: not a table of VisA (object, split, label, image, mask): {error}") from None
    if absent := sorted(set(given) - set(rows)):
        raise UserError(f"{file}: {absent[0]} is not in {root} ({count(len(absent), 'such image')})")
    return [given.get(name, "") for name in rows]


def _check_single(root: Path, paths: list[str]) -> None:
    """Refuse a folder of several data sets, whose names would be taken for classes."""
    seconds = {_first(_rest(path)).lower() for path in paths}
    if {"train"} < seconds <= {*SPLITS, *MASKS} or {"data"} <= seconds <= {"data", ""}:
        raise UserError(f"images: {root} holds several data sets; name one of them, such as {root / _first(paths[0])}")


def _first(path: str) -> str:
    """The first folder of a path; an empty string if it lies in none."""
    return path.partition("/")[0] if "/" in path else ""


def _rest(path: str) -> str:
    return path.partition("/")[2]


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"
