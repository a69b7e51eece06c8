"""The appendix of a report, as the notebook of its last chapter: glossary, references, and where it came from."""

from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.params import BASELINE, NETWORK, Parameters
from lib.presentation import tables
from lib.presentation.text.glossary import TERMS


def appendix(manifest: Mapping[str, Any], params: Mapping[str, Any]) -> nbformat.NotebookNode:
    """Make the notebook that `read_chapters` takes as the appendix.

    Args:
        manifest: the run's `manifest.json`.
        params: the run's `params.json`.

    Returns:
        A notebook with every term of the glossary and an empty list of references; `read_chapters` leaves only the
        terms that the report uses and lists the works that it cites.
    """
    terms = sorted(TERMS, key=lambda term: term.name.lower().replace("β", "beta"))
    glossary = "\n\n".join(f"[{term.name}]{{#{term.anchor}}}\n:   {term.definition}" for term in terms)
    return new_notebook(
        cells=[
            new_markdown_cell("# Appendix"),
            new_markdown_cell(f"## Glossary\n\n{glossary}"),
            new_markdown_cell("## References\n\n::: {#refs}\n:::"),
            new_markdown_cell("## Where this report came from"),
            _table(
                tables.provenance(dict(_provenance(manifest))),
                "tab-provenance",
                "Data, code, versions and machine that this report was made with.",
                "run/manifest.json",
            ),
            _table(_parameters(_used(params)), "tab-parameters", "Parameters of the study.", "run/params.json"),
        ]
    )


def _used(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, without those of networks and of folders where the study has none."""
    networks = params["detector"] == BASELINE or any(name in str(params["detectors"]) for name in ("encoder", "vae"))
    spared = set() if networks else NETWORK | {"dtype_policy"}
    spared |= set() if params["dataset"] == "folder" else {"unreadable_share"}
    return {key: value for key, value in params.items() if key not in spared}


def _provenance(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    data, code = manifest["data"], manifest["code"]
    yield "Data set", f"{data['name']} {data['version']}"
    yield "Images", f"{data['images']:,}"
    yield "Fingerprint of the images", data["fingerprint"]
    yield "Code", f"commit {code['commit'] or 'unknown'}"
    yield "Fingerprint of the code", code["files"]
    yield "Device", manifest["device"]
    yield "Machine", manifest["machine"]
    yield "Made", manifest["created"].replace("T", " ").replace("+00:00", " UTC")
    yield "Versions", [f"{name} {version}" for name, version in manifest["versions"].items()]


def _parameters(params: Mapping[str, Any]) -> Any:
    """A row for each parameter that has a value, with its description in the schema."""
    given = {name: value for name, value in params.items() if value not in ("", [])}
    frame = tables.provenance({name: _written(value) for name, value in given.items()})
    frame.columns = ["Parameter", "Value"]
    descriptions = [Parameters.model_fields[name].description or "" for name in given]
    return frame.assign(Meaning=[text[:1].upper() + text[1:] for text in descriptions])


def _written(value: Any) -> Any:
    """A value of a parameter as text; a mapping in a list as `latent_dim 64 and beta 0.01`."""
    if isinstance(value, list):
        return [_written(item) for item in value]
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {_written(item)}" for key, item in value.items())
    return str(value)


def _table(frame: Any, label: str, caption: str, origin: str) -> nbformat.NotebookNode:
    """A cell without code that shows a table from a file of the run, as `lib.presentation.show` does."""
    report = {"kind": "table", "label": label, "caption": caption}
    markdown = tables.to_markdown(frame)
    output = new_output("display_data", data={"text/markdown": markdown}, metadata={"report": report})
    return new_code_cell("", outputs=[output], metadata={"origin": origin})
