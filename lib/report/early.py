"""Pages of the chapters that are finished, in the folder of a report that takes long, listed in `index.html`.

They lie where the finished pages will, so that these replace them. Imports nothing slow.
"""

import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Self

from lib.core.cache import write_json
from lib.report import verdicts
from lib.report.verdicts import UNFINISHED, Verdict

if TYPE_CHECKING:
    from lib.study import Study

SOON = 60.0  # seconds; a report that is made by then needs no early pages


class Early:
    """Writes them while kernels are busy; a problem with them is told, and ends nothing."""

    def __init__(self, folder: Path, notice: str, found: Mapping[str, Verdict]):
        """Writes nothing yet.

        Args:
            folder: of the report in the making.
            notice: printed on its first page.
            found: the verdict on each notebook, as `build` keeps it.
        """
        self._folder, self._notice, self._found = folder, notice, found
        self._soon, self._shown = time.monotonic() + SOON, 0
        self._ended, self._pool = Event(), ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._pool.shutdown(cancel_futures=True)
        with suppress(FileNotFoundError):
            (self._folder / UNFINISHED).unlink()

    def show(self, study: "Study") -> None:
        """Writes the pages of the chapters before the first unfinished one in a thread, not before `SOON`."""
        self._pool.submit(self._write, study)

    def _write(self, study: "Study") -> None:
        if self._ended.wait(max(self._soon - time.monotonic(), 0)):
            return
        from lib.report import studies, uptodate
        from lib.report.rendering import render_finished

        texts = uptodate.notebooks(study)
        names = list(takewhile(lambda stem: self._found[stem].verdict == verdicts.OK, (text.stem for text in texts)))
        if len(names) in (self._shown, len(texts)):
            return
        try:
            notebooks = [self._folder / "notebooks" / f"{name}.ipynb" for name in names]
            render_finished(study, notebooks, texts[len(names) :], self._notice, self._folder)
            state = f"in progress, {len(names)} of {len(texts)} chapters"
            write_json(self._folder / UNFINISHED, {"status": state, "title": study.params.title})
            studies.write_index(self._folder.parent)
            self._shown = len(names)
        except Exception as error:
            print(f"{study.params.study}: no early pages ({verdicts.in_a_line(error)})", file=sys.stderr)
