"""A network from a Keras file of the user, read without running any code that the file may hold."""

from typing import Any

from lib.core import archives, paths
from lib.core.backend import keras
from lib.core.errors import UserError
from lib.detectors.features import files


def load(backbone: str, sha256: str) -> keras.Model:
    """The network of a `.keras` file.

    It is given float32 images (n, H, W, C) with values from 0 to 255 and colours in the order red, green, blue, as
    networks of `keras.applications` with preprocessing of their own are; for other ranges put a `Rescaling` layer
    first. It returns an embedding (n, D) or a feature map (n, h, w, D).

    Args:
        backbone: path of the file, relative to `params/`.
        sha256: of the file; no other file is read.

    Raises:
        UserError: the file is not there, is another one, cannot be read, runs code, or is another kind of network.
    """
    files.check(backbone, sha256)
    path = files.path_of(backbone)
    shown = f"backbone: {paths.shown(path)}"
    try:
        network = archives.load(path)
    except ValueError as error:
        raise UserError(f"{shown}: {error}") from None
    if problem := _problem(network):
        raise UserError(f"{shown}: {problem}")
    return network


def _problem(network: Any) -> str:
    """Why a model cannot be a backbone; empty if it can."""
    if not isinstance(network, keras.Model) or len(getattr(network, "inputs", None) or ()) != 1:
        return "not a model with one input; give a Functional or Sequential one"
    taken, given = network.inputs[0].shape, getattr(network, "outputs", ())
    if len(taken) != 4 or taken[1] != taken[2] or taken[3] not in (1, 3):
        return f"its input is {taken}, and has to be square images (N, H, W, C) of 1 or 3 channels"
    if len(given) != 1 or len(given[0].shape) not in (2, 4) or not given[0].shape[-1]:
        return "its output has to be one embedding (N, D) or one feature map (N, h, w, D)"
    return ""
