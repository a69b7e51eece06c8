"""What a source of images is, and the register of all sources.

A source is one file in this folder: a class with the members of `Source` and the decorator `register`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np

from lib.core.errors import UserError

if TYPE_CHECKING:  # the sources' code is part of the key of prepared images; the schema of parameters must not be
    from lib.params import Parameters


class Unavailable(UserError):
    """The data set is not on disk and cannot be downloaded now."""


@dataclass(frozen=True)
class Original:
    """One image before preparation: an encoded file, or pixels (H, W, C) uint8."""

    id: str
    class_name: str
    encoded: bytes | None = None
    pixels: np.ndarray | None = None


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
