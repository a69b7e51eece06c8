"""The zip of a delivery and its checksums: the same files give the same bytes."""

import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from lib.core import checksums
from lib.core.unpacking import SUMS

FIRST = datetime(1980, 1, 1, tzinfo=UTC)  # the first date that a zip can hold
LAST = datetime(2107, 12, 31, tzinfo=UTC)
MODE = 0o100644  # a file that its owner may write and everyone read
COMPRESSED = {".pdf", ".png", ".npz", ".keras", ".parquet"}  # compressed once; a second time saves nothing


def files(folder: Path) -> list[str]:
    """Names of all files below a folder, `/` between their parts, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of every other file of a folder, as `sha256sum --check` reads them."""
    lines = [f"{checksum}  {name}\n" for name, checksum in checksums.of(folder, files(folder)).items() if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def write(folder: Path, target: Path, date: datetime) -> None:
    """Pack a folder, itself the only one at the top, with one date and one mode for all files."""
    moment = min(max(date.astimezone(UTC), FIRST), LAST).timetuple()[:6]
    with zipfile.ZipFile(target, "w") as packed:
        for name in files(folder):
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", moment)
            entry.create_system, entry.external_attr = 3, MODE << 16  # 3: Unix
            entry.compress_type = zipfile.ZIP_STORED if Path(name).suffix in COMPRESSED else zipfile.ZIP_DEFLATED
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, packed.open(entry, "w") as place:
                shutil.copyfileobj(source, place, 1 << 20)
