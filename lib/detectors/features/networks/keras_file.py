"""A network from a Keras file of the user, read without running any code that the file may hold."""

import json
import zipfile
from collections.abc import Iterator
from typing import Any

from lib.core import paths
from lib.core.backend import keras
from lib.core.errors import UserError
from lib.detectors.features import files

# Layers that run code, or files in formats that can hold code.
REFUSED = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "function"}


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
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        if odd := next(_code(config), ""):
            raise UserError(f"{shown}: has a part that could run code ({odd}); save it with layers of Keras alone")
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except UserError:
        raise
    except Exception as error:  # damaged files and unknown layers raise many types
        line = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError(f"{shown}: not a Keras model that can be read ({line})") from None
    if problem := _problem(network):
        raise UserError(f"{shown}: {problem}")
    return network


def _code(value: Any) -> Iterator[str]:
    """Names in a configuration of what may run code: everything but layers and objects of Keras itself."""
    if isinstance(value, dict):
        name, module = value.get("class_name"), value.get("module")
        if name in REFUSED:
            yield str(name)
        elif name and isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins"):
            yield f"{module}.{name}"
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _code(entry)


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
