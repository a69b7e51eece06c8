"""A study as a report: `build` executes its notebooks (`execute`) and renders them (`rendering`, with `render`).

`early` shows the chapters that are finished while others are executed; `uptodate` decides what of this is
necessary; `studies` writes the page that lists all reports.
"""

import sys

# nbformat imports jsonschema, which would compile a grammar of IRIs for 2 s; it does without, and notebooks have none.
sys.modules.setdefault("rfc3987_syntax", None)
