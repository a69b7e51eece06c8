"""A study as a report: `build` executes its notebooks (`execute`) and renders them (`render`).

`uptodate` decides what of this is necessary; `studies` writes the page that lists all reports.
"""
