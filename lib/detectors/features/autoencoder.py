"""DFR: the error with which an autoencoder reconstructs the pretrained features of every patch.

Yang, Shi and Qi, DFR: deep feature reconstruction for unsupervised anomaly segmentation, 2020 (arXiv:2012.07122). An
autoencoder of 1 × 1 convolutions is fitted to the patches of normal images, and the heat map is its error. Three things
differ from the paper. The network is smaller, features are standardised, and it is fitted to a random sample of the
patches, since a patch is one row whatever image it is of. As in the paper, the latent vector is as long as the number
of principal components that have 90 % of the variance.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from lib.detectors.features import tiles
from lib.detectors.features.patches import POOL, PatchMethod, sampled

EXPLAINED = 0.9  # share of the variance that the principal components have
EPOCHS, BATCH, RATE = 60, 256, 1e-3  # of Adam
LAYERS = 4


class Autoencoder(PatchMethod):
    """Mean squared error of the reconstruction of every patch's features, each divided by its standard deviation.

    Attributes:
        mean: of each feature, float32 (D,).
        scale: what each feature is multiplied by, float32 (D,).
        weights_1, …, weights_4: of the layers D, H, L, H, D, float32 (in, out); ReLU follows all but the last.
        biases_1, …, biases_4: float32 (out,).
    """

    learned: ClassVar[tuple[str, ...]] = (
        "mean",
        "scale",
        *(f"{kind}_{layer}" for layer in range(1, LAYERS + 1) for kind in ("weights", "biases")),
    )

    def fit(self, maps: Iterable[np.ndarray], images: int) -> None:
        """Fits to patch features of normal images.

        Args:
            maps: batches of tiles, float32 (m, h, w, D) each, all tiles of an image in one batch.
            images: number of images in all batches, 1 to `POOL`.
        """
        pool = sampled(maps, POOL // images, self.seed, self.tiles**2)
        self.mean, deviation = pool.mean(axis=0), pool.std(axis=0)
        # A feature that hardly varies is rounding, and is not divided by its own deviation.
        self.scale = 1 / np.maximum(deviation, max(1e-3 * deviation.mean(), 1e-6))
        rows = (pool - self.mean) * self.scale
        for name, value in fitted(rows, latent_size(rows), self.seed).items():
            setattr(self, name, value)

    def maps(self, maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Heat maps, float32 (m, H, W) each, of patch features; see `lib.detectors.features.patches.Patches.maps`."""
        for batch in maps:
            count, height, width, depth = batch.shape
            # A product for each image: one of more rows rounds otherwise, and a score must not depend on the batch.
            rows = (np.asarray(batch, np.float32).reshape(count, height * width, depth) - self.mean) * self.scale
            values = rows
            for layer in range(1, LAYERS + 1):
                values = values @ getattr(self, f"weights_{layer}") + getattr(self, f"biases_{layer}")
                values = np.maximum(values, 0, out=values) if layer < LAYERS else values
            errors = np.square(values - rows).mean(axis=2)
            yield tiles.joined(errors.reshape(count, height, width), self.tiles)


def latent_size(rows: np.ndarray) -> int:
    """Number of principal components that have `EXPLAINED` of the variance of rows (n, D), at least 1."""
    variances = np.linalg.eigvalsh(np.cov(rows, rowvar=False).reshape(rows.shape[1], -1))[::-1].clip(0)
    if not variances.sum() > 0:
        return 1
    return int(np.searchsorted(variances.cumsum() / variances.sum(), EXPLAINED)) + 1


def fitted(rows: np.ndarray, latent: int, seed: int) -> dict[str, np.ndarray]:
    """Fits the autoencoder.

    Args:
        rows: standardised features, float32 (n, D).
        latent: length of the latent vector.
        seed: of everything that is random.

    Returns:
        Weights and biases by name.
    """
    from lib.core.backend import keras, tf, untuned

    depth, steps = rows.shape[1], -(-len(rows) // BATCH)
    hidden = (depth + latent) // 2
    keras.utils.set_random_seed(seed)
    inner = [keras.layers.Dense(size, "relu") for size in (hidden, latent, hidden)]
    network = keras.Sequential([keras.Input((depth,)), *inner, keras.layers.Dense(depth)])
    network.compile(keras.optimizers.Adam(RATE), "mse", steps_per_execution=steps, jit_compile=False)
    # All epochs are one for Keras: the end of an epoch takes longer than its steps.
    shuffled = tf.data.Dataset.from_tensor_slices(rows).shuffle(len(rows), seed=seed).batch(BATCH).repeat(EPOCHS)
    network.fit(untuned(shuffled.map(lambda batch: (batch, batch))), shuffle=False, verbose=0)
    values = iter(network.get_weights())
    return {f"{kind}_{layer}": next(values) for layer in range(1, LAYERS + 1) for kind in ("weights", "biases")}
