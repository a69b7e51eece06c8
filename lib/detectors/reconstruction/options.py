"""The options of the reconstruction detectors."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from lib.detectors.base import Options

SCORES = {
    "mse": "mean squared error, as published",
    "mae": "mean absolute error",
    "ssim": "structural dissimilarity, 1 - SSIM",
    "gradient": "squared error of the gradients",
    "relative_mse": "squared error as a share of the image's variance",
    "relative_gradient": "squared error of the gradients as a share of the image's own",
    "coarse": "squared error of the image averaged over blocks",
    "residual_neighbour": "distance of the residual over blocks to the nearest of the images fitted on",
    "latent_mahalanobis": "Mahalanobis distance of the latent vector",
    "latent_neighbour": "distance of the latent vector to the nearest of the images fitted on",
    "encoder_mahalanobis": "Mahalanobis distance of the encoder's features over blocks",
}

_LABELS = {
    "latent_dim": "latent {}",
    "epochs": "{} epochs",
    "seed": "seed {}",
    "width": "width × {:g}",
    "depth": "depth + {}",
    "batch_norm": "batch normalisation",
    "augmentation": "augmentation: {}",
    "denoising": "denoising {:g}",
    "loss": "loss: {}",
    "reshuffle": "new order each epoch",
    "fit_images": "{:.0%} of the images",
    "beta": "β = {:g}",
    "dtype_policy": "in {}",
    "score": "{}",
}


class NetworkOptions(Options):
    """Options of the autoencoder and the VAE; the defaults are the published study's."""

    scoring: ClassVar[frozenset[str]] = frozenset({"score"})

    image_size: int = Field(96, ge=16, le=512, multiple_of=8, description="side of the square images, pixels")
    latent_dim: int = Field(512, ge=1, le=8192, description="size of the latent vector")
    epochs: int = Field(20, ge=1, le=10_000, description="passes over the images fitted on")
    batch_size: int = Field(64, ge=1, le=4096, description="images a training step")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Adam's learning rate")
    dtype_policy: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="Keras dtype policy of the layers"
    )
    seed: int = Field(555, ge=0, le=2**31 - 1, description="seed of the weights, the order of images, all noise")
    width: float = Field(1.0, gt=0, le=8, description="filters of each convolution, as a multiple of the published")
    depth: int = Field(0, ge=0, le=4, description="further convolutions at each size")
    batch_norm: bool = Field(False, description="batch normalisation after each convolution")
    augmentation: Literal["none", "flips", "shifts", "colour", "hue", "all"] = Field(
        "none", description="how images are varied between epochs"
    )
    denoising: float = Field(0.0, ge=0, le=1, description="standard deviation of noise that has to be undone")
    loss: Literal["mse", "mae", "ssim"] = Field("mse", description="what is minimised")
    reshuffle: bool = Field(False, description="a new order of the images in each epoch")
    fit_images: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="share of the fit images that is used"
    )
    score: Literal[tuple(SCORES)] = Field("mse", description="anomaly score of a reconstruction")

    @classmethod
    def describe(cls, title: str, given: Mapping[str, Any]) -> str:
        """`latent 1024`, `width × 2, batch normalisation`; the title where nothing is given."""
        words = {key: _score_words(value) if key == "score" else value for key, value in given.items()}
        usual = {key: f"{key.replace('_', ' ')} {{}}" for key in words}
        changes = [(usual | _LABELS)[key].format(value).replace("%", " %") for key, value in words.items()]
        return ", ".join(changes if set(given) - {"score", "beta"} else [title, *changes])

    @classmethod
    def describe_score(cls, label: str, score: str) -> str:
        """The label of a detector judged by another score: `autoencoder, relative MSE`."""
        return f"{label}, {_score_words(score)}"


def _score_words(score: str) -> str:
    words = score.replace("mahalanobis", "Mahalanobis").split("_")
    return " ".join(word.upper() if word in {"mse", "mae", "ssim"} else word for word in words)
