"""Where a delivery speaks of what Annex IV of the EU AI Act (Regulation (EU) 2024/1689) lists.

It is a table of contents for a reader who has to write a technical documentation, and no statement about the law.
"""

from collections.abc import Iterator

import pandas as pd

from lib.presentation.tables.markdown import to_markdown
from lib.report.delivery.facts import Facts

TITLE = "Headings of the EU AI Act's Annex IV and where this delivery speaks of them"
NOT = "not covered"
MACHINE = "`run/manifest.json` has the machine that the report was made on; other hardware: not covered"
TESTS = "*Data*, *Metrics*; `report.pdf`, `run/metrics.json`, `run/scores.parquet`; dated, not signed"
CLEANED = "near-duplicates and unreadable files: chapter 1 of the report; the rest: not covered"
FITS = "chapter 2 of the report; `run/fits.json` has all options"
HEADINGS = (
    ("1", "General description: intended purpose, versions", "*Intended use*, *Origin and licence*"),
    ("1", "Name of the provider", NOT),
    ("1", "Interaction with other hardware and software; forms in which it is placed on the market", NOT),
    ("1", "Hardware that it runs on", MACHINE),
    ("1", "User interface and instructions for use", "*How to use it*"),
    ("2 (a)", "Methods and steps of development; systems of third parties", "the report; `requirements.lock`"),
    ("2 (b)", "Design: general logic, main choices, what it is optimised for", FITS),
    ("2 (c)", "Architecture and computational resources", FITS),
    (
        "2 (d)",
        "Data: where they come from, their scope and main characteristics",
        "*Data*; chapter 1 of the report{data}",
    ),
    ("2 (d)", "How the data were obtained, selected, labelled and cleaned", CLEANED),
    ("2 (e)", "Human oversight", "not covered, but for *Intended use*"),
    ("2 (f)", "Changes that are planned in advance", NOT),
    ("2 (g)", "Validation and testing: data, metrics, logs and reports", TESTS),
    ("2 (g)", "Robustness and potentially discriminatory impacts", NOT),
    ("2 (h)", "Cybersecurity", "not covered, but for `SHA256SUMS`"),
    ("3", "Capabilities and limits, accuracy, foreseeable mistakes", "*Metrics*, *What fools it*, *Limits*"),
    ("3", "Specification of input data", "*Limits*; `images` in `provenance.json` of the detector"),
    ("4", "Why the metrics are appropriate", "the report; its glossary in `appendix.html`"),
    ("5", "Risk management system", NOT),
    ("6", "Changes made through the life cycle", NOT),
    ("7", "Harmonised standards applied", NOT),
    ("8", "EU declaration of conformity", NOT),
    ("9", "Monitoring after placing on the market", "not covered, but for *Drift check*"),
)


def table(facts: Facts) -> Iterator[str]:
    """What the table is, and the table."""
    yield "This says where to look. It does not say that the Act applies, or that what it asks for is fulfilled."
    data = ", `croissant.json`" if (facts.folder / "croissant.json").is_file() else ""
    rows = [(point, heading, where.format(data=data)) for point, heading, where in HEADINGS]
    yield to_markdown(pd.DataFrame(rows, columns=["Point", "Heading, shortened", "Where"]))
