"""The glossary: what the terms of a report mean, in a sentence each.

The definitions hold in every study. A report links the first use of a term in each chapter to its definition.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    Attributes:
        name: as the glossary prints it.
        definition: one sentence, Markdown.
        others: other words that mean it; plurals with s need no mention.
    """

    name: str
    definition: str
    others: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """`"term-anomaly-score"`."""
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower().replace("β", "beta")).strip("-")

    @property
    def words(self) -> tuple[str, ...]:
        """The name without its explanation in parentheses, and the other words."""
        return (re.sub(r" \(.*\)", "", self.name), *self.others)


TERMS: tuple[Term, ...] = (
    Term(
        "Accuracy",
        "The share of images decided correctly: detected anomalies, and normal images that are not flagged.",
    ),
    Term("Anomaly", "An image of any class but the normal one.", ("anomalies",)),
    Term(
        "Anomaly score",
        "The number that a detector gives an image; a higher score means that the image is less like the normal ones.",
        ("score",),
    ),
    Term(
        "AUPR",
        "The area under the curve of precision against recall; its chance level is the share of anomalies in the test "
        "set.",
    ),
    Term(
        "AUPRO",
        "The area under the curve of the share of each defect that is found, averaged over defects, against the false "
        "positive rate of pixels, up to a limit of that rate and divided by it.",
    ),
    Term(
        "AUROC",
        "The area under the ROC curve: the probability that a random anomaly scores higher than a random normal image.",
    ),
    Term(
        "Autoencoder",
        "A network that compresses an image to a latent vector and reconstructs the image from it.",
    ),
    Term(
        "Backbone",
        "A network trained on other images, here on ImageNet, and used unchanged to describe images.",
        ("pretrained network",),
    ),
    Term("Balanced accuracy", "The mean of recall and the share of normal images that are not flagged."),
    Term("Baseline", "A simple, cheap detector that others are compared with."),
    Term("Calibration set", "Normal images, not fitted on, whose scores a threshold is set by."),
    Term(
        "Clopper-Pearson interval",
        "A confidence interval of a rate, computed from the exact binomial distribution.",
        ("Clopper and Pearson",),
    ),
    Term(
        "Confidence interval",
        "The range of values that is compatible with the test images; other images of the same kind would give another "
        "value and another range.",
        ("95 % interval",),
    ),
    Term("Detected anomaly (true positive)", "An anomaly that is flagged.", ("detected anomalies", "true positive")),
    Term("Detector", "Anything that gives every image an anomaly score."),
    Term(
        "Embedding",
        "The vector of numbers with which a network describes an image or a patch of it.",
    ),
    Term("Ensemble", "Several detectors together; its score is the mean of the ranks of their scores."),
    Term("F1", "The harmonic mean of precision and recall.", ("F1 score",)),
    Term(
        "False alarm (false positive)",
        "A normal image that is flagged.",
        ("false positive",),
    ),
    Term(
        "False alarm rate (false positive rate)",
        "The share of normal images that are flagged.",
        ("false positive rate", "FPR"),
    ),
    Term("Fit set", "The normal images that a detector is fitted on."),
    Term(
        "FPR at 95 % TPR",
        "The false alarm rate at the threshold that detects 95 % of the anomalies.",
    ),
    Term("Heat map", "A picture of where in an image a detector finds the largest differences."),
    Term(
        "Held out",
        "Not fitted on: a detector is tested fairly only on images that are held out.",
        ("held-out", "hold out", "holds out"),
    ),
    Term("HOG", "Histograms of oriented gradients: a description of an image by the directions of its edges."),
    Term(
        "KL divergence",
        "A measure of how far one distribution is from another; in a VAE, from the distribution of the latent vector "
        "of an image to a standard normal one.",
        ("KL term",),
    ),
    Term(
        "Latent vector",
        "The short vector to which an autoencoder compresses an image; the numbers in it are the latent values.",
        ("latent value",),
    ),
    Term("Leaderboard", "The table of all detectors of a study, compared on the same held-out images."),
    Term(
        "Mahalanobis distance",
        "A distance from the mean of the normal images that takes into account how much each direction varies among "
        "them.",
        ("Mahalanobis",),
    ),
    Term(
        "MCC",
        "Matthews correlation coefficient: the correlation between decision and truth, zero for decisions at random.",
        ("Matthews correlation coefficient",),
    ),
    Term("Mask", "A picture that marks the pixels of the defects of an image."),
    Term("Missed anomaly (false negative)", "An anomaly that is not flagged.", ("missed anomalies", "false negative")),
    Term(
        "Near-duplicate",
        "An image that differs from another one only slightly, for example by its compression; the two must not be in "
        "different sets.",
    ),
    Term("Normal image", "An image of the one class that the study declares normal."),
    Term(
        "Pixel AUROC",
        "The AUROC of the values of heat maps, pixel by pixel: pixels of defects against all others.",
    ),
    Term(
        "Posterior collapse",
        "A failure of a VAE: the latent vector carries almost no information, and all reconstructions are alike.",
        ("posterior has collapsed",),
    ),
    Term("Precision", "The share of flagged images that are anomalies."),
    Term("Prevalence", "The share of anomalies among the images; in use it is seldom that of a data set."),
    Term("Protocol", "Which images a detector is fitted on and which it is tested on."),
    Term("Recall (true positive rate)", "The share of anomalies that are flagged.", ("true positive rate", "TPR")),
    Term(
        "Reconstruction error",
        "The difference between an image and its reconstruction, as a rule the mean squared error over all pixels.",
        ("mean squared error",),
    ),
    Term("Resubstitution", "Testing on the images that were fitted on; the results are better than on new images."),
    Term(
        "ROC curve",
        "Recall against false alarm rate at every possible threshold.",
    ),
    Term(
        "Seed",
        "The number from which all random choices follow: initial weights, order of the images, division into sets.",
    ),
    Term("Seed noise", "How much a result varies when the same detector is fitted with another seed."),
    Term(
        "Shortcut",
        "A baseline that uses a property of the file or of the frame and nothing that the image shows, for example the "
        "file size.",
    ),
    Term(
        "Split conformal calibration",
        "Setting the threshold by the scores of held-out normal images, so that the expected false alarm rate on new "
        "images of the same kind does not exceed a target.",
        ("split conformal prediction",),
    ),
    Term(
        "SSIM",
        "Structural similarity: a comparison of two images by their local brightness, contrast and structure.",
    ),
    Term("Test set", "The images that the reported figures are measured on."),
    Term("Threshold", "The value of the score above which an image is flagged as an anomaly."),
    Term(
        "VAE",
        "A variational autoencoder: its encoder gives a distribution for the latent vector, and a KL divergence in the "
        "loss keeps that distribution close to a standard normal one.",
        ("variational autoencoder",),
    ),
    Term(
        "Validation set",
        "Normal images and anomalies, with labels, that a detector or a threshold is chosen by; they are not in the "
        "test set.",
    ),
    Term("β-VAE", "A VAE whose KL divergence is multiplied by a weight β."),
)

# Words that contain a term and do not mean it; in the second "scores" is a verb.
OTHER_MEANINGS = ("mixed precision", "anomaly scores higher")
