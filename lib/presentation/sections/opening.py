"""How a page opens: the study it is of, and whether its parameters are those of the study's file."""

from collections.abc import Mapping
from typing import Any

from lib.evaluation.comparison import fit_and_save
from lib.params import Parameters
from lib.presentation import show, text
from lib.study import Run, Study, differences, open_run


def announce(declared: Mapping[str, Any]) -> None:
    """Shows in JupyterLab which study a page is of, and whether its parameters are those of the study's file.

    Args:
        declared: Of `lib.params.declared`.
    """
    show.in_lab(text.opening(Parameters.model_validate(dict(declared)), differences(declared)))


def opened(name: str, **changes: Any) -> tuple[Run, Study]:
    """Opens the run of a study, as `lib.study.open_run` does; first shows what differs from the study's file."""
    run, study = open_run(name, fit_and_save, **changes)
    changed = differences(run.read("params"))
    show.in_lab(text.opening(study.params, changed))
    if notice := text.draft(changed, study.params.study):
        show.prose(notice)
    return run, study
