"""New images scored by the workers of a cluster, in the chunks that one machine makes too: the same file comes out."""

import functools
from pathlib import Path

from lib.core.cache import content_key
from lib.core.errors import UserError
from lib.data import NewImages
from lib.evaluation.scoring import Chunks, Scorer, chunks_of
from lib.sweep import cluster


def score(scorer: Scorer, study: str, detector: str, images: str, beside: Path, scheduler: str) -> None:
    """Make every chunk that is missing exist beside the file that the table is for, where `Scorer.run` finds it.

    The workers have this code, the report of the study and the images under the same paths.

    Args:
        scorer: of that study and detector.
        study: name of the study.
        detector: name of a saved detector; empty: the one that the report recommends.
        images: as `Scorer.score` takes them.
        beside: the file.
        scheduler: address of a Dask scheduler.

    Raises:
        UserError: the images cannot be read, a chunk could not be scored, or the scheduler does not answer or was lost.
    """
    new, kept = scorer.opened(images, beside)
    absolute = str(Path(images).absolute())
    wanted = [
        (content_key(str(beside.absolute()), number), (study, detector, absolute, beside.absolute(), number))
        for number in range(chunks_of(new))
        if kept.get(number) is None
    ]
    if wanted and (failed := cluster.carry_out(run, wanted, scheduler)):
        first = next(iter(failed.values()))
        raise UserError(f"score: {len(failed):,} of {len(wanted):,} chunks failed; the first: {first}")


def run(study: str, detector: str, images: str, beside: Path, number: int) -> str:
    """Score one chunk in a worker; returns why it could not be scored, else empty text."""
    try:
        scorer, new, kept = _opened(study, detector, images, beside)
        scorer.part(new, kept, number)
    except UserError as error:
        return str(error)
    return ""


@functools.lru_cache(1)
def _opened(study: str, detector: str, images: str, beside: Path) -> tuple[Scorer, NewImages, Chunks]:
    scorer = Scorer.of(study, detector)
    return scorer, *scorer.opened(images, beside)
