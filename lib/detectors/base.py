"""What a detector is, and the registry in which each kind of detector stands under its name.

A kind is one file in a folder of `lib/detectors/` with one `register`. Its module must not import TensorFlow; what
needs it is imported inside functions, from a subpackage.
"""

import hashlib
import importlib
import json
import pkgutil
import re
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from lib.core.cache import content_key, read_json, replacing, write_json
from lib.core.errors import UserError, did_you_mean

History = dict[str, list[float]]  # one list a curve, one value an epoch; empty where nothing is iterated
FILE, STATE = "detector.json", "state.npz"


class Images(Protocol):
    """What a detector may ask of images; `lib.data.ImageSet` is one."""

    table: pd.DataFrame  # one row an image: id, class_name, height, width, file_bytes, sha256
    fingerprint: str

    def __len__(self) -> int: ...

    def pixels(self, size: int | None = None) -> np.ndarray:
        """uint8 (N, size, size, C), prepared once for each size."""

    def at(self, size: int) -> "Images":
        """The same images prepared at another size."""

    def take(self, indices: np.ndarray) -> "Images":
        """Some of the images, in the order given."""


class Options(BaseModel):
    """Options of a kind of detector; a field that bears the name of a study's parameter takes its value by default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    scoring: ClassVar[frozenset[str]] = frozenset()  # options that leave the fit as it is and change the score

    @classmethod
    def describe(cls, title: str, given: Mapping[str, Any]) -> str:
        """What a detector with these options is called on pages; `given` are those that differ from the defaults."""
        return ", ".join([title, *(f"{key.replace('_', ' ')} {value}" for key, value in given.items())])


class ImageOptions(Options):
    """Options of a detector that looks at pixels and has nothing to set but their number."""

    image_size: int = 96


class Detector(ABC):
    """Learns what is normal from normal images alone, and scores how far an image is from it.

    Some can do more, which is asked of the object and not of its name: `reconstruct(images)`, float32 (N, H, W, C) in
    [0, 1]; `heatmap(images, indices)`, float32 (n, h, w), higher is more abnormal, of all images if no indices are
    given; `embed(images)`, float32 (N, D); `nearest(images)`, int (N,), which of the images fitted on, in ascending
    order of their indices, has the nearest embedding; `left_out()`, the score of each image fitted on by the detector
    fitted on all others; `latent_use(images)`, see `lib.detectors.reconstruction.detector`; `layers()`, one row a
    layer; `all_scores(images, indices)`, every value of the option `score` with its scores, in one pass.

    Attributes:
        kind: what the registry says of it; set by `register`.
        options: of the model that the registry names.
        learned: names of the attributes that a fit sets; each is an array, kept in `state.npz`.
        uses_device: whether TensorFlow computes its scores, on a GPU where there is one.
    """

    kind: ClassVar["Kind"]
    uses_device: ClassVar[bool] = False
    learned: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Options):
        self.options = options

    def prepare(self, images: Images) -> float:
        """Makes what other detectors share, such as embeddings; returns the seconds that it took when it was made."""
        return 0.0

    def prepare_score(self, images: Images) -> float:
        """Makes what the scores of every value of the scoring options share; returns the seconds, as `prepare` does."""
        return 0.0

    def fit(self, images: Images, indices: np.ndarray) -> History:
        """Fits to the images at `indices`, normal images only, at least one; returns the history of the fit.

        Raises:
            ValueError: there are no images to fit to.
        """
        if not len(indices):
            raise ValueError(f"{self.kind.name}: no images to fit to")
        indices = np.sort(indices)  # a memory map is read in its own order
        history = self.learn(images, indices)
        self.learn_score(images, indices)
        return history

    @abstractmethod
    def learn(self, images: Images, indices: np.ndarray) -> History:
        """The part of a fit that every value of the scoring options shares."""

    def learn_score(self, images: Images, indices: np.ndarray) -> None:  # noqa: B027 - most have nothing to do here
        """The part of a fit that only the option `score` needs: nothing by default, or for a network's usual score."""

    @abstractmethod
    def score(self, images: Images) -> np.ndarray:
        """Anomaly scores, float64 (N,); higher is more abnormal."""

    def save(self, folder: Path) -> None:
        """Writes everything that `load` needs into `folder`, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / STATE) as temporary:
            np.savez(temporary, **self.arrays())
        write_json(folder / FILE, {"kind": self.kind.name, "options": self.options.model_dump(mode="json")})

    def arrays(self) -> dict[str, np.ndarray]:
        """What the fit has learned, by name; `set_arrays` takes it back."""
        return {name: getattr(self, name) for name in self.learned}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes what `arrays` returned.

        Raises:
            KeyError: an array is missing.
        """
        for name in self.learned:
            setattr(self, name, arrays[name])

    def key(self) -> str:
        """A key of what the fit has learned; scoring options are not in it."""
        options = self.options.model_dump(mode="json", exclude=set(self.options.scoring))
        learned = {
            name: [str(array.dtype), array.shape, hashlib.sha256(np.ascontiguousarray(array)).hexdigest()]
            for name, array in self.arrays().items()
        }
        return content_key(self.kind.name, options, learned)

    @classmethod
    def load(cls, folder: Path, options: Options) -> Self:
        """The detector that `save` wrote; `lib.detectors.load` finds the class and the options.

        Raises:
            UserError: a file is missing, not readable, or another detector's.
        """
        detector = cls(options)
        try:
            with open(folder / STATE, "rb") as file, np.load(file) as state:
                detector.set_arrays(dict(state))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise unreadable(folder, cls.kind.name, error) from None
        return detector

    @classmethod
    def modules(cls) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Modules whose code decides what is fitted, and what is scored; see `lib.core.cache.code_of`."""
        return (cls.__module__,), (cls.__module__,)


@dataclass(frozen=True)
class Kind:
    """A kind of detector.

    Attributes:
        name: in a parameter set.
        family: `autoencoder`, `features`, `baseline`, `shortcut`, `ensemble`, or a word of its own.
        title: what it is called on pages.
        options: the model of its options.
        detector: the class.
        fitted_alone: whether every study fits it without naming it, as cheap detectors are.
    """

    name: str
    family: str
    title: str
    options: type[Options]
    detector: type[Detector]
    fitted_alone: bool = False


_KINDS: dict[str, Kind] = {}


def register(
    name: str, *, family: str, title: str, options: type[Options] = ImageOptions
) -> Callable[[type[Detector]], type[Detector]]:
    """Enters a class into the registry under a name.

    Baselines and shortcuts are fitted by every study; all others by those that name them.
    """

    def enter(detector: type[Detector]) -> type[Detector]:
        detector.kind = Kind(name, family, title, options, detector, family in {"baseline", "shortcut"})
        _KINDS[name] = detector.kind
        return detector

    return enter


def kinds() -> dict[str, Kind]:
    """Every kind of detector by name, in the order of their folders and files."""
    _discover()
    return dict(sorted(_KINDS.items(), key=lambda pair: pair[1].detector.__module__))


@cache
def _discover() -> None:
    """Imports each module one folder below this one; deeper ones may need TensorFlow."""
    package = importlib.import_module("lib.detectors")
    for folder in pkgutil.iter_modules(package.__path__, "lib.detectors."):
        if folder.ispkg:
            inside = importlib.import_module(folder.name)
            for module in pkgutil.iter_modules(inside.__path__, f"{folder.name}."):
                if not module.ispkg:
                    importlib.import_module(module.name)


def kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UserError: there is none.
    """
    known = kinds()
    if name not in known:
        raise UserError(f"'{name}' is not a detector{did_you_mean(name, list(known))}; there are {', '.join(known)}")
    return known[name]


def load(folder: str | Path, **options: Any) -> Detector:
    """The fitted detector that lies in a folder.

    Args:
        folder: where `Detector.save` wrote it.
        **options: scoring options to change.

    Raises:
        UserError: a file is missing or not readable, or there is no such kind of detector any more.
    """
    own_kind, values = recorded(Path(folder), **options)
    return own_kind.detector.load(Path(folder), values)


def recorded(folder: Path, **options: Any) -> tuple[Kind, Options]:
    """The kind and the options of the fitted detector that lies in a folder; arguments and errors as of `load`."""
    try:
        record = read_json(folder / FILE)
        own_kind = kind(record["kind"])
        return own_kind, own_kind.options.model_validate_json(json.dumps(record["options"] | options))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(folder, "detector", error) from None


def unreadable(folder: Path, name: str, error: Exception) -> UserError:
    """The one line for a folder that does not hold a fitted detector."""
    reason = " ".join(str(error).split())[:160]
    return UserError(f"{folder}: not a fitted {name} ({reason}); remove the folder to fit again")


def groups_of(images: Images) -> np.ndarray:
    """The group of each image, such as its part or module, text (N,); empty text where none is given."""
    if "group" not in images.table:
        return np.full(len(images), "")
    return images.table["group"].fillna("").to_numpy(str)


def slug(label: str) -> str:
    """A label as a name for columns and folders: lower-case letters, digits and underscores."""
    plain = label.replace("β", "beta").replace("−", "minus ").replace("×", "x").replace("%", " percent")
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
