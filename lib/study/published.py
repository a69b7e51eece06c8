"""The published figures that a study is compared with, as `params/published/` has them."""

from collections.abc import Mapping
from typing import Any

from lib.core import cache, paths
from lib.core.errors import UserError
from lib.params import Parameters


def published(params: Parameters) -> dict[str, Any]:
    """The published figures that a study is compared with; empty where it names none.

    Raises:
        UserError: the file it names is not there.
    """
    if not params.published:
        return {}
    path = paths.params_folder() / "published" / f"{params.published}.json"
    if not path.is_file():
        raise UserError(f"published: {paths.shown(path)} is not there")
    return cache.read_json(path)


def published_at(params: Parameters, name: str, threshold: float) -> Mapping[str, Any] | None:
    """The published figures of a detector at a threshold; None where there are none."""
    figures = published(params).get("detectors", {}).get(name, {}).get("thresholds", {})
    return figures.get(f"{threshold:g}")


def citation(params: Parameters) -> str:
    """How pages cite the study that is about the same normal class of the same data set, `[@key]`; empty without one.

    Such a study may be of another protocol, so that its figures cannot be compared with these; its claims can.
    """
    for path in sorted((paths.params_folder() / "published").glob("*.json")):
        record = cache.read_json(path)
        if (record["data"], record["normal_class"]) == (params.dataset, params.normal_class):
            return f"[@{record['cite']}]"
    return ""
