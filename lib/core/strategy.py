"""Several devices that fit one network together, by `STRATEGY` in the environment; none: one device.

`mirrored`: all GPUs of this machine. `multi_worker`: those of all processes that `TF_CONFIG` names. It is no parameter
of a study, and in no key, since it changes results only as float32 rounding does; see `networks.replicas`.
"""

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from lib.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import tensorflow as tf

KINDS = ("mirrored", "multi_worker")
LONGEST_WAIT = 300  # seconds in which all workers have to have started; STRATEGY_WAIT in the environment changes it
# Ends its parent, unless that closes the pipe in time: TensorFlow waits in C++ code that lets no other thread run.
_CLOCK = """
import os, select, signal, sys
if not select.select([0], [], [], float(sys.argv[1]))[0]:
    print(sys.argv[2], file=sys.stderr, flush=True)
    os.kill(os.getppid(), signal.SIGKILL)
"""


def asked() -> str:
    """One of `KINDS`, or an empty string: one device.

    Raises:
        UserError: `STRATEGY` is something else.
    """
    given = os.environ.get("STRATEGY", "").lower()
    if given not in ("", *KINDS):
        hint = did_you_mean(given, list(KINDS))
        raise UserError(f"STRATEGY: {given[:40]!r} is unknown{hint}; set {' or '.join(KINDS)}, or unset it")
    return given


def worker() -> tuple[int, int]:
    """The number of this worker, from 0, which is the chief, and the number of all workers, at least 2.

    Raises:
        UserError: `TF_CONFIG` does not name them.
    """
    try:
        config = json.loads(os.environ.get("TF_CONFIG", ""))
        workers, task = config["cluster"]["worker"], config["task"]
        index, count = task["index"], len(workers)
        if task["type"] == "worker" and type(index) is int and 0 <= index < count >= 2 and len(config["cluster"]) == 1:
            return index, count
    except (ValueError, TypeError, KeyError):
        pass
    raise UserError(
        'TF_CONFIG: set all workers and the place of this one, such as {"cluster": {"worker": ["HOST:PORT", '
        '"HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
    )


def create() -> "tf.distribute.Strategy":
    """The strategy asked for; TensorFlow's default, of one device, where none is. `multi_worker` waits for all workers.

    TensorFlow wants it before its first operation.

    Raises:
        UserError: `STRATEGY` or `TF_CONFIG` is wrong, or the workers do not find each other.
    """
    import tensorflow as tf

    if asked() == "mirrored":
        return tf.distribute.MirroredStrategy()
    if asked() == "multi_worker":
        return _joined(tf)
    return tf.distribute.get_strategy()


def _joined(tf) -> "tf.distribute.Strategy":
    index, count = worker()
    try:
        wait = float(os.environ.get("STRATEGY_WAIT") or LONGEST_WAIT)
    except ValueError:
        raise UserError("STRATEGY_WAIT: set a number of seconds, such as 300") from None
    missing = f"worker {index}: not all {count} workers of TF_CONFIG have started"
    line = f"{missing} within {wait:g} seconds; run the same command on each"
    with subprocess.Popen([sys.executable, "-c", _CLOCK, str(wait), line], stdin=subprocess.PIPE):
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise UserError(f"{missing}, or an address is wrong: {error}") from None
