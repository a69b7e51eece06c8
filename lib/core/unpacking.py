"""A delivered zip: unpacked without trust in its names and sizes, and checked against its own list of checksums."""

import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from lib.core import checksums
from lib.core.errors import UserError

MOST_BYTES = 20 * 2**30  # of all files unpacked
MOST_FILES = 100_000
SUMS = "SHA256SUMS"


def unpack(archive: Path, folder: Path, most_bytes: int = MOST_BYTES) -> Path:
    """Unpacks a zip whose files lie in one folder.

    Args:
        archive: the zip.
        folder: to unpack into.
        most_bytes: of all files together; more is refused, whatever sizes the zip states.

    Returns:
        The folder in `folder` that holds everything.

    Raises:
        UserError: it is no zip or cut short; a name leads out of its folder or is there twice; an entry is a link or
            encrypted; it is too large.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            parts = opened.infolist()
            root = _checked(archive, parts)
            left = most_bytes
            for part in parts:
                target = folder / part.filename
                if part.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(part) as source, target.open("xb") as file:
                    while block := source.read(2**20):
                        left -= len(block)
                        if left < 0:
                            raise UserError(f"{archive}: unpacked it is larger than {most_bytes / 2**30:g} GB; refused")
                        file.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        reason = " ".join(str(error).split()) or "it ends too early"
        raise UserError(f"{archive}: not a whole zip file ({reason}); get it again") from None
    except (FileNotFoundError, IsADirectoryError) as error:
        if error.filename != str(archive):
            raise
        raise UserError(f"{archive}: no such file; CRATE names the zip that `make deliver` wrote") from None
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{archive}: two of its names are one file here; refused") from None
    return folder / root


def _checked(archive: Path, parts: list[zipfile.ZipInfo]) -> str:
    """The one folder that holds every entry, each of which is a plain file or folder inside of it."""
    if len(parts) > MOST_FILES:
        raise UserError(f"{archive}: has {len(parts):,} entries, more than {MOST_FILES:,}; refused")
    for part in parts:
        name = PurePosixPath(part.filename)
        if name.is_absolute() or ".." in name.parts or not name.parts or re.search(r"[\\:\x00-\x1f]", part.filename):
            raise UserError(f"{archive}: {part.filename[:120]!r} leads out of its folder; refused")
        kind = stat.S_IFMT(part.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UserError(f"{archive}: {part.filename[:120]!r} is a link or a device; refused")
        if part.flag_bits & 1:
            raise UserError(f"{archive}: {part.filename[:120]!r} is encrypted; refused")
    roots = {PurePosixPath(part.filename).parts[0] for part in parts}
    if len(roots) != 1:
        raise UserError(f"{archive}: is no delivered study, whose files lie in one folder; it has {len(roots)}")
    return roots.pop()


def check_sums(folder: Path) -> int:
    """Checks every file in a folder against its `SHA256SUMS`, which has the form of `sha256sum`.

    Returns:
        How many files were checked.

    Raises:
        UserError: there is no list; a file is not the one listed, is missing, or is not listed.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise UserError(f"{folder.name}: has no {SUMS}, so nothing in it can be checked; refused")
    listed = {}
    for number, line in enumerate(sums.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        found = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if found is None:
            raise UserError(f"{folder.name}/{SUMS}, line {number}: not in the form of sha256sum; refused")
        listed[found[2].removeprefix("./")] = found[1]
    there = checksums.of(folder)
    there.pop(SUMS)
    for name, wanted in listed.items():
        if name not in there:
            raise UserError(f"{folder.name}/{name}: listed in {SUMS}, and not there; get the zip again")
        if there[name] != wanted:
            raise UserError(f"{folder.name}/{name}: was changed, its checksum is not that of {SUMS}; refused")
    if unlisted := sorted(there.keys() - listed.keys()):
        raise UserError(f"{folder.name}/{unlisted[0]}: not listed in {SUMS}; refused")
    return len(listed)
