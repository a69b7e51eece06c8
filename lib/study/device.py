"""When the device of a study is tested with a detector's own networks, and what follows from a wrong value.

The test runs before a detector is fitted and before it scores, on any device but a CPU; `DEVICE_TEST=1` in the
environment runs it on a CPU too. Where it fails the run stops, or, with `DEVICE=auto`, goes on with the CPU.
"""

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lib.core.errors import DeviceFault
from lib.detectors import Detector, selftest

Loaded = TypeVar("Loaded")

_tested: dict[int, tuple[Any, selftest.Result]] = {}  # networks that detectors share, such as a backbone
_failed: list[selftest.Result] = []  # the test after which this process went on with the CPU


def check(detector: Detector, channels: int) -> dict[str, Any]:
    """Test the device with the networks of a detector; returns the record of the test, empty if there was none.

    Args:
        detector: fitted or not.
        channels: of the images, 1 or 3.

    Raises:
        DeviceFault: the device computes wrong values.
    """
    if not detector.uses_device:
        return {}
    if _failed:
        return _failed[0].record()
    from lib.core import backend

    _check_device()
    forced = os.environ.get("DEVICE_TEST", "") not in ("", "0")
    parts = _networks(detector, channels) if forced or backend.device() != "CPU" else {}
    if not parts:
        return {}
    key = id(next(iter(parts.values())))
    if key not in _tested:
        _tested[key] = parts, selftest.run(parts, backend.device())  # the parts are kept, so that no id is used again
    result = _tested[key][1]
    if not result.passed:
        raise DeviceFault(result)
    return result.record()


@functools.cache
def _check_device() -> None:
    """`backend.check_device`, once for a process; an error is raised again each time."""
    from lib.core import backend

    backend.check_device()


def falls_back(fault: DeviceFault) -> bool:
    """Whether a run may go on after a fault, which `DEVICE=auto` says; if so, this process uses the CPU from now on."""
    if os.environ.get("DEVICE", "").lower() != "auto":
        return False
    from lib.core import backend
    from lib.detectors.features.networks import backbones

    _failed.append(fault.result)
    backbones.loaded.cache_clear()  # its weights lie on the device
    backend.use_cpu()
    return True


def tested(load: Callable[[], Loaded], channels: int = 3) -> Loaded:
    """What `load` returns, a detector or what has one as `detector`, after a test of the device.

    Raises:
        DeviceFault: the device computes wrong values.
    """
    loaded = load()
    try:
        check(getattr(loaded, "detector", loaded), channels)
    except DeviceFault as fault:
        if not falls_back(fault):
            raise
        return load()
    return loaded


def summary(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a manifest says of the tests before the fits of a study.

    Args:
        records: what `check` returned for each of them.
    """
    found = [dict(record) for record in records if record]
    if not found:
        return {"outcome": "not run: the device is a CPU"}
    failed = [record for record in found if not record["passed"]]
    largest = max(found, key=lambda record: (record["difference"] or 0.0) / record["tolerance"])
    return {
        "outcome": "failed; the CPU computed" if failed else "passed",
        **(failed[0] if failed else largest),
        "tests": len(found),
        "by_processor": sorted({name for record in found for name in record["by_processor"]}),
    }


def _networks(detector: Detector, channels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in (detector, *getattr(detector, "members", ())):
        if hasattr(one, "networks"):
            found |= one.networks(channels)
    return found
