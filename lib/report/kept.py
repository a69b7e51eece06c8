"""Executed notebooks, kept until something that they depend on changes.

A notebook depends on its own text, the parameters it declares, the code of `lib/` (but for `lib/report`, which only
renders), the published figures, the versions of the libraries, the device, and on what the notebooks before it left
in the run folder. Where all of these are the same, so would its outputs be, and they are taken from the cache
together with the files that it wrote into the run folder. One execution a study and notebook is kept.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.core import cache, paths
from lib.study.run import Run

MANIFEST = "manifest.json"  # says when and from which commit, so it differs every time and decides nothing


@dataclass(frozen=True)
class Step:
    """One notebook of one study, about to be executed.

    Attributes:
        study: name of the study.
        source: the notebook.
        target: where the executed notebook goes.
        taken: the parameters that it declares, by name.
        run: the run folder, as the notebooks before this one left it.
        origin: what `Study.provenance` says.
    """

    study: str
    source: Path
    target: Path
    taken: Mapping[str, Any]
    run: Run
    origin: Mapping[str, Any]

    @cached_property
    def before(self) -> dict[str, str]:
        """The files of the run folder by relative path, each with its SHA-256; the manifest is left out."""
        return _state(self.run.folder)

    @cached_property
    def key(self) -> str:
        """A key, equal for executions that would give the same."""
        code = [path for path in (paths.ROOT / "lib").rglob("*") if _decides(path)]
        code += (paths.params_folder() / "published").glob("*.json")
        lasting = {name: value for name, value in self.origin.items() if name not in {"created", "code"}}
        text = cache.files_key([self.source])
        return cache.content_key(text, dict(self.taken), cache.files_key(code), lasting, self.before)

    def restore(self) -> bool:
        """Puts a kept execution where a new one would have left it; says whether there was one to take."""
        wanted = self.key  # asked first: the notebook changes what it is made from
        try:
            record = json.loads((self._folder / "kept.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        files = {self._folder / "notebook.ipynb": self.target}
        files |= {self._folder / "run" / name: self.run.folder / name for name in record["files"]}
        if record["key"] != wanted or not all(path.is_file() for path in files):
            return False
        for path, place in files.items():
            _copy(path, place)
        if "params.json" in record["files"]:  # the execution had begun the run
            self.run.write("manifest", dict(self.origin))
        return True

    def keep(self) -> None:
        """Keeps the execution that has just ended well, in place of the one kept before."""
        folder = self._folder
        changed = [name for name, sha256 in _state(self.run.folder).items() if self.before.get(name) != sha256]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            made = Path(temporary) / "made"
            _copy(self.target, made / "notebook.ipynb")
            for name in changed:
                _copy(self.run.folder / name, made / "run" / name)
            cache.write_json(made / "kept.json", {"key": self.key, "files": changed})
            if folder.exists():
                os.replace(folder, Path(temporary) / "before")
            os.replace(made, folder)

    @property
    def _folder(self) -> Path:
        return paths.cache_folder() / "pages" / self.study / self.source.stem


def _state(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST]
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def _decides(path: Path) -> bool:
    inside = path.relative_to(paths.ROOT / "lib").parts
    return path.is_file() and "__pycache__" not in inside and inside[0] not in {"report", "__main__.py"}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    """Copies a file; a fitted model, which is large and which nobody edits, becomes one file in two places."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if source.suffix == ".keras":
        with contextlib.suppress(OSError):  # another file system, or one without links
            os.link(source, target)
            return
    shutil.copyfile(source, target)
