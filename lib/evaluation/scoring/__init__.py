"""New images scored by a detector that a report saved.

from lib.evaluation.scoring import Scorer
scorer = Scorer.of("parts")
table = scorer.score("folder")
"""

from lib.evaluation.scoring.chunks import Chunks, clear
from lib.evaluation.scoring.output import check_output, write
from lib.evaluation.scoring.scorer import DECISIONS, Scored, Scorer, chunks_of

__all__ = ["DECISIONS", "Chunks", "Scored", "Scorer", "check_output", "chunks_of", "clear", "write"]
