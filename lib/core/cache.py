"""Content keys and atomic writes: how anything is stored on disk.

Every file is written under another name and moved into place, so a reader never meets half a file.
"""

import ast
import contextlib
import ctypes
import errno
import fcntl
import functools
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lib.core import checksums, paths
from lib.core.errors import of_the_disk
from lib.core.locks import lock

AT_ONCE = 8  # files that are flushed at the same time, for which the disk needs less time than one after the other
_unpublished: list[Path] = []  # temporary folders, which are flushed whole when they are published

_UMASK = os.umask(0o077)  # it can only be read by setting it
os.umask(_UMASK)


def content_key(*parts: Any) -> str:
    """A short key (16 hex digits) of JSON-able values; equal values give equal keys on every machine."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_key(files: list[Path]) -> str:
    """A key of files' names and bytes, in any order given."""
    return content_key(sorted((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files))


@functools.cache
def code_of(module: str) -> str:
    """A key of a module's code: its bytes, and those of every `lib` module that it imports, directly or not.

    Args:
        module: full name, such as `lib.data.attributes`; for a package, its `__init__.py`.

    Raises:
        ValueError: there is no such module in `lib`.
    """
    return files_key(code_files(module))


def code_files(*starts: str | Path) -> list[Path]:
    """The files that the keys of code are made of: modules, and every file of `lib` that they import, directly or not.

    Imports inside functions count, those for type checkers do not. `from lib.core import cache` names the module
    `lib.core.cache` alone; `from lib.data import load`, a name that a package's `__init__.py` defines, names that file
    and what it imports. A package that loads its modules lazily counts whole. Files other than Python's, such as a
    style sheet, count with the modules in their folder.

    Args:
        *starts: full names of modules of `lib`, or files: of `lib`, or a notebook's text.

    Returns:
        The files, sorted.

    Raises:
        ValueError: there is no such module in `lib`.
    """
    modules = _modules()
    files, waiting = set(), []
    for start in starts:
        file = start if isinstance(start, Path) else modules.get(start)
        if file is None:
            raise ValueError(f"code_files: there is no module {start}")
        waiting.append(file)
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += _imported_files(file, modules)
    folders = {file.parent for file in files}
    return sorted(files | {beside for folder in folders for beside in _data_files(folder)})


def _modules() -> dict[str, Path]:
    """The file of every module of `lib`, by its full name; listed anew each time, as code may be edited meanwhile."""
    found = {}
    for folder, _, names in os.walk(paths.ROOT / "lib"):
        package = ".".join(Path(folder).relative_to(paths.ROOT).parts)
        for name in names:
            if name == "__init__.py":
                found.setdefault(package, Path(folder, name))
            elif name.endswith(".py"):
                found[f"{package}.{name.removesuffix('.py')}"] = Path(folder, name)
    return found


def _data_files(folder: Path) -> list[Path]:
    if not folder.is_relative_to(paths.ROOT / "lib"):
        return []
    return [file for file in folder.iterdir() if file.is_file() and file.suffix != ".py" and file.name[0] != "."]


def _imported_files(file: Path, modules: dict[str, Path]) -> set[Path]:
    imports = _imports(file.read_bytes(), str(file))
    files = {next((modules[name] for name in names if name in modules), None) for names in imports} - {None}
    if file.name == "__init__.py" and ("lazy_loader",) in imports:
        files |= set(file.parent.glob("*.py"))
    return files


@functools.cache
def _imports(source: bytes, name: str) -> frozenset[tuple[str, ...]]:
    """The imports of `lib` and `lazy_loader` in a text, each as names of modules; the first that exists is meant."""
    imports: set[tuple[str, ...]] = set()
    waiting: list[ast.AST] = [ast.parse(source, name)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            imports |= {(alias.name,) for alias in node.names if alias.name.startswith(("lib.", "lazy_loader"))}
        elif isinstance(node, ast.ImportFrom) and node.module == "lazy_loader":
            imports.add(("lazy_loader",))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lib":
            imports |= {(f"{node.module}.{alias.name}", node.module) for alias in node.names}
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):  # statements, of which expressions have none
            waiting += getattr(node, part, ())
    return frozenset(imports)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; moved onto `path` if the block ends well, removed if it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_UMASK)
        if not any(folder in path.parents for folder in _unpublished):
            flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `folder`; takes its place if the block ends well, is removed if it does not."""
    with temporary_beside(folder) as made:
        yield made
        publish(made, folder)


@contextlib.contextmanager
def temporary_beside(folder: Path) -> Iterator[Path]:
    """Gives an empty temporary folder beside `folder`, removed after the block; earlier ones of killed processes too.

    A process holds a lock on its temporary folder, which ends with the process.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        _remove_abandoned(left)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True) as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            made = Path(name) / "made"
            made.mkdir()
            _unpublished.append(made)
            yield made
        finally:
            _unpublished[:] = [other for other in _unpublished if other.parent != Path(name)]
            os.close(handle)


def _remove_abandoned(folder: Path) -> None:
    """Remove a temporary folder unless a process holds its lock."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def publish(made: Path, folder: Path) -> None:
    """Move a finished folder into place, whole on disk first; what was there is then at `made`, or gone.

    Where the system can exchange two folders, one of the two is in place at every moment.
    """
    flush(made)
    if not folder.exists():
        os.replace(made, folder)
    elif not _exchange(made, folder):
        before = _before(folder)
        shutil.rmtree(before, ignore_errors=True)
        os.replace(folder, before)
        try:
            os.replace(made, folder)
        finally:
            recover(folder)
    flush(folder.parent, inside=False)


def recover(folder: Path) -> None:
    """Put back what `publish` had moved away when it ended between two moves, or remove it if it did not."""
    before = _before(folder)
    if before.exists() and not folder.exists():
        os.replace(before, folder)
    shutil.rmtree(before, ignore_errors=True)


def _before(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; false where the system or the file system cannot."""
    library, names = ctypes.CDLL(None, use_errno=True), [os.fsencode(one.absolute()), os.fsencode(other.absolute())]
    if hasattr(library, "renameat2"):  # Linux; -100 is AT_FDCWD and 2 RENAME_EXCHANGE
        return library.renameat2(-100, names[0], -100, names[1], 2) == 0
    if hasattr(library, "renamex_np"):  # macOS; 2 is RENAME_SWAP
        return library.renamex_np(*names, 2) == 0
    return False


def flush(path: Path, *, inside: bool = True) -> None:
    """Wait until a file, or a folder and all that is in it, is on the disk."""
    parts = [*path.rglob("*"), path] if inside and path.is_dir() else [path]
    if len(parts) == 1:
        return _flush(path)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(_flush, parts))  # raises what one of them raised


def _flush(path: Path) -> None:
    if path.is_symlink():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot flush
            raise
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON whole or not at all; NaN is refused, since JSON has none."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of a file; empty where it is missing, damaged or no object."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def cached(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder `<cache>/<kind>/<key>`, made by `make(folder)` if it is not there yet, or no longer as it was made.

    `make` writes into a temporary folder, which gets the checksums of its files and is moved into place whole. Each
    process checks them once. A folder without checksums, of an earlier version, is made again.

    Raises:
        UserError: the disk is full, or may not be written to.
    """
    folder = paths.cache_folder() / kind / key
    if not checksums.problem(folder):
        return folder
    with _disk_errors(folder.parent), lock(f"{kind}-{key}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if problem := checksums.problem(folder):
            if folder.exists():
                print(f"{paths.shown(folder)}: {problem}; it is made again", file=sys.stderr, flush=True)
            with temporary_beside(folder) as made:
                make(made)
                checksums.write(made)
                publish(made, folder)
    return folder


def has(kind: str, key: str) -> bool:
    """Whether `cached` would find a folder and not make it."""
    return not checksums.problem(paths.cache_folder() / kind / key)


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Makes one line of the error of a disk that is full or may not be written to."""
    try:
        yield
    except OSError as error:
        if line := of_the_disk(error, folder):
            raise line from None
        raise
