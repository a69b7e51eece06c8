"""What would do better: every refinement that a study names, judged on the same held-out images and put to use.

Candidates are made (`candidates`), judged on a validation part and on the judged images (`judged`), put together where
validation gains by it (`ensembles`), and set against what the published study recommends (`verdicts`); `page` and
`words` say what a page shows of it.
"""

from lib.evaluation.comparison.candidates import Candidate, candidates
from lib.evaluation.comparison.ensembles import combine
from lib.evaluation.comparison.health import CARRIES, health, rate_distortion
from lib.evaluation.comparison.judged import Judged, best, judge, noise
from lib.evaluation.comparison.recommendations import RECOMMENDATIONS, choice, recommendations
from lib.presentation.refinements import (
    by_published_score,
    costs,
    differences,
    ensembles,
    leading,
    notable,
    published_network,
    record,
    rows,
    sizes,
    telling,
)
from lib.presentation.text import refinements as words
from lib.study.features import heat_maps

__all__ = [
    "CARRIES",
    "RECOMMENDATIONS",
    "Candidate",
    "Judged",
    "best",
    "by_published_score",
    "candidates",
    "choice",
    "combine",
    "costs",
    "differences",
    "ensembles",
    "health",
    "heat_maps",
    "judge",
    "leading",
    "noise",
    "notable",
    "published_network",
    "rate_distortion",
    "recommendations",
    "record",
    "rows",
    "sizes",
    "telling",
    "words",
]
