"""axe-core finds nothing to object to on any page, at the widths of a desk, a laptop, a tablet and a phone.

A page that the test writes opens every page in a frame, gives it axe-core and sends what that found to the test's own
server. The policy of the pages forbids scripts, so the server leaves it out; nothing else of a page is changed.
"""

import functools
import json
import os
import queue
import re
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import folders
import pytest
import render_material as material
import small_folder
from small_sweep import in_this_process, written
from test_compare import PATCHES, finished
from test_explorer import made

from lib.__main__ import main
from lib.core.errors import UserError
from lib.presentation.explorer.page import page_of
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.studies import write_index
from lib.sweep import cluster, tasks

pytestmark = [pytest.mark.browser, pytest.mark.axe]
WIDTHS = (1440, 1280, 768, 390)
SCHEMES = ("light", "dark")
RUN = "run-axe.html"
POLICY = re.compile(rb"<meta[^>]*Content-Security-Policy[^>]*>")
SCRIPT = """
const load = (element, parent) => new Promise((done, failed) => {
  element.onload = done; element.onerror = () => failed(element.src); parent.append(element);
});
async function look(page, width, scheme) {
  const frame = document.createElement("iframe");
  Object.assign(frame, {src: page, title: page, width, height: 900});
  frame.style.colorScheme = scheme;
  await load(frame, document.body);
  const view = frame.contentWindow, inside = frame.contentDocument, script = inside.createElement("script");
  inside.querySelectorAll("details").forEach(each => { each.open = true; });
  inside.querySelectorAll("#show-code").forEach(each => each.click());
  script.src = "/axe.min.js";
  await load(script, inside.head);
  const result = await view.axe.run(inside, {resultTypes: ["violations"]});
  const found = {
    page, width, scheme, passed: result.passes.length,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    violations: result.violations.flatMap(rule => rule.nodes.map(node => [rule.id, node.html, node.failureSummary])),
  };
  frame.remove();
  return found;
}
addEventListener("load", async () => {
  const found = [];
  try {
    for (const page of PAGES)
      for (const width of WIDTHS)
        for (const scheme of SCHEMES) found.push(await look(page, width, scheme));
  } catch (error) { found.push({error: String(error)}); }
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
});
"""


def run_axe(chromium, folder, pages, profile):
    """What axe-core found: one record for each page, width and colour scheme."""
    axe, found = Path(os.environ["AXE"]), queue.Queue()

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            path = self.path.removeprefix("/")
            if path == "axe.min.js":
                self.answer(axe.read_bytes(), "text/javascript")
            elif path in pages:
                self.answer(POLICY.sub(b"", (folder / path).read_bytes()), "text/html")
            else:
                super().do_GET()

        def do_POST(self):
            found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"", "text/plain")

        def answer(self, body, kind):
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code="-", size="-"):
            pass

    lists = {"PAGES": pages, "WIDTHS": WIDTHS, "SCHEMES": SCHEMES}
    constants = "".join(f"const {name} = {json.dumps(values)};\n" for name, values in lists.items())
    head = '<!DOCTYPE html><link rel="icon" href="data:,"><meta name="color-scheme" content="light dark"><body>'
    (folder / RUN).write_text(f"{head}<script>{constants}{SCRIPT}</script>", encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-proxy-server"]
    flags += ["--window-size=1600,1000", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    command = [chromium, *flags, f"http://127.0.0.1:{server.server_port}/{RUN}"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return found.get(timeout=300)
    finally:
        browser.terminate()
        browser.wait(timeout=30)
        server.shutdown()
        server.server_close()


def leaderboard(folder, images):
    """The first page and the chapter of a sweep with all that they can show; one study has a report."""
    (folder / "small_0").mkdir()
    (folder / "small_0" / "index.html").touch()
    figures = tasks._figures

    def failing(task):
        if task.params.normal_class == "5":
            raise UserError("the *disk* is full")
        return figures(task)

    changes = {"studies": {"normal_class": ["0", "3", "5"]}, "settings": {"normal_images": [4, 16, 64]}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_REPORTS_DIR", str(folder))
        patch.setattr(cluster, "carry_out", in_this_process)
        patch.setattr(tasks, "_figures", failing)
        assert main(["sweep", str(written(images, **changes, detectors=["pca", "mean_image"]))]) == 1
    return [folder / "sweeps" / "small" / name for name in ("index.html", "leaderboard.html")]


def comparison(folder, images):
    """The page of two studies that decide differently on some images, with heat maps."""
    names = [*folders.numbered("good", 50), *folders.numbered("bad", 14)]
    folders.write(images / "parts", names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_REPORTS_DIR", str(folder))
        finished(images / "parts", "with_pca", detector="pca", detectors=[{"pca": {"components": 4}}])
        finished(images / "parts", "with_maps", detector="features", detectors=[PATCHES], seed=556)
        assert main(["compare", "with_pca", "with_maps"]) == 0
    return folder / "comparisons" / "with_pca_and_with_maps.html"


@pytest.fixture(scope="module")
def found(chromium, tmp_path_factory):
    """What axe-core found on the pages of a study, of a sweep and of two studies, and on the list of all."""
    folder = tmp_path_factory.mktemp("reports")
    chapters = read_chapters(material.study(tmp_path_factory.mktemp("notebooks")))
    files = write_site(chapters, material.INFO, folder / "shapes", explorer=True)
    explorer = folder / "shapes" / "explorer.html"
    explorer.write_text(page_of(made([1, 2, 3], [2, 3, 4], 2.5)), encoding="utf-8")
    (folder / "shapes" / "run").mkdir()
    (folder / "shapes" / "run" / "status.json").write_text('{"status": "complete", "title": "Shapes"}')
    (folder / "shapes" / "run" / "metrics.json").write_text(
        '{"detectors": {"autoencoder": {"auroc": {"value": 0.9, "low": 0.8, "high": 0.95}}}}'
    )
    study, *_ = small_folder.studied()
    new = small_folder.new_images(tmp_path_factory.mktemp("new"))
    assert main(["score", study.params.study, str(new), "--out", str(folder / "scored.csv"), "--fdr", "0.2"]) == 1
    images = tmp_path_factory.mktemp("images")
    more = [*leaderboard(folder, images), comparison(folder, images)]
    pages = [
        file.relative_to(folder).as_posix()
        for file in [*files, explorer, *more, write_index(folder), folder / "scored.html"]
        if file.suffix == ".html"
    ]
    return run_axe(chromium, folder, pages, tmp_path_factory.mktemp("profile")), pages


def test_axe_ran_on_every_page_at_every_width_light_and_dark(found):
    looked, pages = found
    expected = [(page, width, scheme) for page in pages for width in WIDTHS for scheme in SCHEMES]
    assert [(each.get("page", each), each.get("width"), each.get("scheme")) for each in looked] == expected
    for each in looked:
        assert each["passed"] > 10
        assert each["dark"] == (each["scheme"] == "dark")


def test_axe_finds_no_violation(found):
    for each in found[0]:
        assert each["violations"] == [], (each["page"], each["width"], each["scheme"])
