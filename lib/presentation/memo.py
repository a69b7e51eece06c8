"""The parts of a report's first page, a decision memo: question, answer, figures, picture, warnings, what to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """One of the three figures of the first page; plain text.

    Attributes:
        value: The figure, such as `"98.3 %"`.
        label: What it is, such as `"of anomalies detected"`.
        note: Counts and interval, such as `"1,289 of 1,298; 95 % interval 98.7 to 99.7 %"`.
    """

    value: str
    label: str
    note: str


@dataclass(frozen=True)
class Picture:
    """The picture of the first page.

    Attributes:
        image: The bytes of an SVG.
        alt: A description for people who do not see it.
        caption: Markdown, one paragraph.
    """

    image: bytes
    alt: str
    caption: str


@dataclass(frozen=True)
class Memo:
    """The first page of a report. All sentences are Markdown and may refer to figures, tables and chapters.

    Attributes:
        question: The question of the study, one or two sentences, plain text.
        answer: The answer in one sentence; may be empty.
        in_use: What the answer means for 1,000 images in use; may be empty.
        boxes: Three figures, or none.
        picture: A detected anomaly, a missed one and a false alarm; None where there are none.
        warnings: What limits the answer, one sentence or two each, most serious first; may be empty.
        next_steps: What to do next, one sentence each; may be empty.
    """

    question: str
    answer: str = ""
    in_use: str = ""
    boxes: tuple[Box, ...] = ()
    picture: Picture | None = None
    warnings: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
