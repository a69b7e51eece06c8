"""Small folders of images for tests, written with Pillow: noise, so that no two pictures are alike."""

import numpy as np
from PIL import Image

from lib.params import Parameters


def picture(seed, height=40, width=48, channels=3):
    """Smooth noise, uint8 (height, width, channels), or (height, width) for one channel."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, channels), np.uint8)
    large = [np.asarray(Image.fromarray(noise[..., channel]).resize((width, height))) for channel in range(channels)]
    return large[0] if channels == 1 else np.stack(large, axis=-1)


def write(root, names, **shape):
    """An image for each name; another picture for each path."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(hash_of(name) + number, **shape)).save(path)
    return root


def write_masks(root, names):
    """Masks with a white square in the upper left quarter."""
    mask = np.zeros((40, 48), np.uint8)
    mask[:20, :24] = 255
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(root / name)


def hash_of(name):
    return sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 2**32


def numbered(folder, count, suffix="png"):
    return [f"{folder}/{number:03d}.{suffix}" for number in range(count)]


def study(root, **changes):
    """The parameters of a study of a folder."""
    values = {"study": "parts", "dataset": "folder", "images": str(root), "normal_class": "good", "image_size": 32}
    values |= {"protocol": "holdout", "fit_share": 0.6, "calibration_share": 0.2, "detector": "auto"}
    return Parameters(**(values | changes))
