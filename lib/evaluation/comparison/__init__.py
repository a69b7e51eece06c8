"""Every detector of a study on one leaderboard, the published recommendations put to the test, and one choice.

A row of the leaderboard is a mapping: `column` (of `scores.parquet`), `name` (what pages call it), `family`, `kind`,
`changes` (options that differ from the published fit), `score` (of a reconstruction), `validation` (AUROC on the
validation set, by which detectors are chosen; None without one), `auroc`, `fpr_at_95_tpr`, `difference` (of its AUROC
to the baseline's, paired; None for the baseline) and `seconds` (of fitting and scoring all images, or None).
"""

from lib.evaluation.comparison.choice import answer, best, best_of_families, calibrate, candidates, deciding, record
from lib.evaluation.comparison.latent import CARRIES, latent_use, rate_distortion
from lib.evaluation.comparison.leaderboard import leaderboard, noise, validation_auroc
from lib.evaluation.comparison.recommendations import HELPED, HURT, NOISE, RECOMMENDATIONS, UNTRIED, recommendations
from lib.evaluation.comparison.saving import fit_and_save, save_detectors
from lib.evaluation.comparison.selections import by_published_score, cheap, leading, notable, published_network

__all__ = [
    "CARRIES",
    "HELPED",
    "HURT",
    "NOISE",
    "RECOMMENDATIONS",
    "UNTRIED",
    "answer",
    "best",
    "best_of_families",
    "by_published_score",
    "calibrate",
    "candidates",
    "cheap",
    "deciding",
    "fit_and_save",
    "latent_use",
    "leaderboard",
    "leading",
    "noise",
    "notable",
    "published_network",
    "rate_distortion",
    "recommendations",
    "record",
    "save_detectors",
    "validation_auroc",
]
