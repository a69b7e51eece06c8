"""The part that says whether the images are enough."""

from lib.evaluation import readiness as checks
from lib.presentation import show, tables, text
from lib.presentation.tables import literal
from lib.study import Study


def readiness(study: Study) -> None:
    """What the images of a study allow, before anything is fitted, and what to collect next."""
    if study.params.dataset != "folder":
        show.nothing("the images are a published data set")
        return
    findings = checks.readiness(study)
    show.table(
        tables.readiness([text.readiness_cells(finding) for finding in findings]),
        label="tab-readiness",
        caption="Whether the images are enough: green is enough, amber limits what the report can say, red is lacking.",
    )
    show.prose(text.readiness(findings))
    images = study.images
    notes = [f"**Layout.** {literal(images.finding)}", text.left_out(images.unreadable, images.masks_missing)]
    show.prose(" ".join(note for note in notes if note))
