"""What a source of images is, and the register of all sources.

A source is one file in this folder: a class with the members of `Source` and the decorator `register`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np

from lib.core.errors import UserError, did_you_mean

if TYPE_CHECKING:  # the sources' code is part of the key of prepared images; the schema of parameters must not be
    from lib.params import Parameters


class Unavailable(UserError):
    """The data set is not on disk and cannot be downloaded now."""


@dataclass(frozen=True)
class Original:
    """One image before preparation: an encoded file, or pixels (H, W, C) uint8, or the path of a file.

    Attributes:
        id: name of the image.
        class_name: its class.
        encoded: the bytes of a file.
        pixels: uint8 (H, W, C).
        path: of a file, to be read when the image is prepared.
        longer_id: taken instead of `id` where two images have the same.
        given: part of a split that the data set itself gives: `train`, `validation` or `test`.
        group: what the image is of, such as a part or a patient; an empty string if nothing is said.
        mask: path of its mask below the data set's folder; an empty string without one.
    """

    id: str
    class_name: str
    encoded: bytes | None = None
    pixels: np.ndarray | None = None
    path: Path | None = None
    longer_id: str = ""
    given: str = ""
    group: str = ""
    mask: str = ""


class Source(Protocol):
    """A labelled data set before preparation.

    Attributes:
        names: values of the parameter `dataset` to suggest where one is misspelt.
        fallback: whether the source takes any `dataset`, and so is asked last.
        name: name of the data set.
        version: its version; other images have another version.
        channels: 1 for grey images, 3 for colour.
        count: number of images, where it is known before they are read.
        class_names: every class, in the data set's order.

    A source of image files that are not known to be whole, such as a user's folder, has besides: `layout`, the
    `lib.data.layouts.Layout` of the files; `unreadable_share`, the share of files that may fail to be read;
    `settings`, what its prepared images depend on besides; and `preparation()`, how they are prepared, as
    `ImageSet.preparation` has it.
    """

    names: ClassVar[tuple[str, ...]] = ()
    fallback: ClassVar[bool] = False
    name: str
    version: str
    channels: int
    count: int | None
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, params: "Parameters") -> Self | None:
        """The source of a parameter set's images, None if `dataset` does not name one of this kind."""

    def ready(self, download: bool = True) -> None:
        """Make sure that the originals are on disk; download them where `download` allows.

        Raises:
            Unavailable: they are not on disk, and within 10 s it is known that they cannot be downloaded; or the
                download failed.
        """

    def originals(self) -> Iterator[Original]:
        """Every image once, in any order."""


KINDS: list[type[Source]] = []


def register(kind: type[Source]) -> type[Source]:
    """Add a class of sources to those that `lib.data.sources.source` chooses from."""
    KINDS.append(kind)
    return kind


def check_class(normal_class: str, class_names: list[str], name: str) -> None:
    """Check that a data set has a class.

    Raises:
        UserError: it has not.
    """
    if normal_class not in class_names:
        raise UserError(
            f"normal_class: '{normal_class}' is not a class of {name}{did_you_mean(normal_class, class_names)}; "
            f"its {len(class_names)} classes start with {', '.join(class_names[:5])}"
        )
