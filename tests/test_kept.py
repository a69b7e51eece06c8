"""A change re-executes the notebooks that depend on it, refits what depends on it, and leaves the rest alone."""

import json
import shutil

import pytest

from lib import params
from lib.core import paths
from lib.core.errors import UserError
from lib.report import build, execute
from lib.report.render import document, html, pdf


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The first three notebooks, copied so that a test may edit them, with a cache and reports of their own."""
    root = tmp_path_factory.mktemp("kept")
    (root / "notebooks").mkdir()
    for source in execute.notebooks()[:3]:
        shutil.copy(source, root / "notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(root / "cache"))
        patch.setenv("ANOMALY_REPORTS_DIR", str(root / "reports"))
        patch.setattr(paths, "notebooks_folder", lambda: root / "notebooks")
        patch.setattr(document, "read_chapters", lambda _: [])  # the links of these three lead to later ones
        patch.setattr(html, "write_site", lambda *_: [])  # rendering has tests of its own
        patch.setattr(pdf, "write_pdf", lambda *_: None)
        patch.setattr(text, "headline", lambda *_: [])  # it needs the figures of later notebooks
        yield root


@pytest.fixture
def make(place, monkeypatch):
    """Builds the digits study with changes; returns the notebooks executed, and how many fits and scores were made."""
    real, run = execute.execute, []

    def noted(source, target, parameters):
        run.append(source.stem[:2])
        real(source, target, parameters)

    monkeypatch.setattr(execute, "execute", noted)

    def kept(kind):
        return {path.name for path in (place / "cache" / kind).glob("[!.]*")}

    def build_study(**changes):
        run.clear()
        fits, scores = kept("fits"), kept("scores")
        small = {"image_size": 16, "latent_dim": 4, "epochs": 1, "protocol": "holdout", "backbone": ""}
        small |= {"refinements": [], "seeds": []} | changes
        build.build(params.load("digits").model_copy(update=small))
        return run.copy(), len(kept("fits") - fits), len(kept("scores") - scores)

    return build_study


def read(place, name):
    return (place / "reports" / "digits" / "run" / name).read_bytes()


def test_a_first_report_executes_all_and_a_second_none(make, place):
    executed, fits, scores = make()
    assert executed == ["01", "02", "03"] and (fits, scores) == (1, 1)
    before = {name: read(place, name) for name in ("metrics.json", "scores.parquet", "history.csv", "params.json")}
    assert make() == ([], 0, 0)
    assert before == {name: read(place, name) for name in before}


@pytest.mark.parametrize("name", ["02_training", "03_anomalies"])
def test_a_caption_re_executes_its_own_notebook_and_nothing_else(make, place, name):
    make()
    metrics = read(place, "metrics.json")
    notebook = place / "notebooks" / f"{name}.py"
    text = notebook.read_text(encoding="utf-8")
    assert text.count("caption=f") > 0
    notebook.write_text(text.replace("caption=f", "caption='Now: ' + f", 1), encoding="utf-8")
    assert make() == ([name[:2]], 0, 0)
    assert read(place, "metrics.json") == metrics
    assert "Now: " in (place / "reports" / "digits" / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")


def test_a_page_that_failed_is_not_kept(make, place):
    make()
    notebook = place / "notebooks" / "03_anomalies.py"
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text + "\n# %%\n1 / 0\n", encoding="utf-8")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        make()
    notebook.write_text(text, encoding="utf-8")
    assert make() == ([], 0, 0)


def test_a_kept_page_that_lost_a_file_is_executed_again(make, place):
    make()
    (place / "cache" / "pages" / "digits" / "03_anomalies" / "notebook.ipynb").unlink()
    assert make() == (["03"], 0, 0)


def test_editing_a_finished_report_does_not_reach_what_is_kept(make, place):
    make()
    page = place / "reports" / "digits" / "notebooks" / "03_anomalies.ipynb"
    page.write_text("edited by hand", encoding="utf-8")
    (place / "reports" / "digits" / "run" / "split.csv").write_text("edited by hand", encoding="utf-8")
    assert make() == ([], 0, 0)
    assert "edited by hand" not in page.read_text(encoding="utf-8")
    assert read(place, "split.csv").startswith(b"id,")


def test_a_threshold_refits_and_rescores_nothing_and_leaves_exploration_alone(make, place):
    make()
    executed, fits, scores = make(threshold=0.03)
    assert executed == ["02", "03"] and (fits, scores) == (0, 0)
    assert json.loads(read(place, "params.json"))["threshold"] == 0.03


def test_the_latent_vector_refits_all_and_leaves_exploration_alone(make):
    make(threshold=0.03)
    executed, fits, scores = make(threshold=0.03, latent_dim=5)
    assert executed == ["02", "03"] and (fits, scores) == (1, 1)
