"""The pages as a browser lays them out, at the widths of a desk, a tablet and a phone, without any network.

A page that the test writes shows every page of the site in frames of these widths, measures them and prints what it
found. Both come from a server on this machine, which notes every request; the browser can reach no other host.
"""

import contextlib
import functools
import html
import json
import re
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import render_material as material

from lib.report.render.document import read_chapters
from lib.report.render.html import write_site

pytestmark = pytest.mark.browser
WIDTHS = (1440, 768, 390)
MEASURE = "measure.html"
SCRIPT = """
function look(frame) {
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const beyond = [...page.querySelectorAll("body *")].filter(each => {
    const box = each.getBoundingClientRect();
    return box.width && box.right > root.clientWidth + 1 && !each.closest(".scroll, pre, math, .skip");
  });
  return {
    page: frame.title, width: Number(frame.width), title: page.title,
    overflow: Math.max(root.scrollWidth, page.body.scrollWidth) - root.clientWidth,
    beyond: beyond.map(each => each.tagName + "." + each.className),
    images: [...page.images].map(each => {
      const box = each.getBoundingClientRect();
      return [each.complete && each.naturalWidth > 0, box.width, box.height];
    }),
    requests: view.performance.getEntriesByType("resource").map(each => each.name)
      .filter(name => !name.startsWith("data:")),
    cards: [...page.querySelectorAll(".cards")].map(each => view.getComputedStyle(each).display),
    code: [...page.querySelectorAll("#show-code")].flatMap(box => {
      const code = page.querySelector(".code"), before = code.checkVisibility();
      box.click();
      return [before, code.checkVisibility()];
    }),
    letters: parseFloat(view.getComputedStyle(page.body).fontSize),
    text: page.querySelector("main").getBoundingClientRect().width,
  };
}
addEventListener("load", () => {
  const seen = [...document.querySelectorAll("iframe")].map(look);
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
"""


@contextlib.contextmanager
def served(folder):
    """The folder's address on this machine, and the list of requests and answers."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, code="-", size="-"):
            asked.append((self.path.removeprefix("/"), int(code)))

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def visit(chromium, tmp_path_factory):
    """What the browser found: one record for each page and width, and all requests."""
    folder = tmp_path_factory.mktemp("site")
    files = write_site(read_chapters(material.study(tmp_path_factory.mktemp("notebooks"))), material.INFO, folder)
    pages = [file for file in files if file.suffix == ".html"]
    frames = "".join(
        f'<iframe src="{page.name}" title="{page.name}" width="{width}" height="900"></iframe>'
        for page in pages
        for width in WIDTHS
    )
    measure = f'<!DOCTYPE html><link rel="icon" href="data:,"><pre id="seen"></pre><script>{SCRIPT}</script>{frames}'
    (folder / MEASURE).write_text(measure, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-proxy-server"]
    flags += [f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--virtual-time-budget=20000", "--dump-dom"]
    with served(folder) as (address, asked):
        command = [chromium, *flags, f"{address}/{MEASURE}"]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    found = re.search(r'<pre id="seen">(.+?)</pre>', done.stdout.decode(errors="replace"), re.DOTALL)
    assert found, f"the browser measured nothing: {done.stderr.decode(errors='replace')[-2000:]}"
    return json.loads(html.unescape(found[1])), asked, [file.relative_to(folder).as_posix() for file in files]


def test_every_page_is_shown_at_every_width(visit):
    seen, _, files = visit
    pages = [file for file in files if file.endswith(".html")]
    assert [(each["page"], each["width"]) for each in seen] == [(page, width) for page in pages for width in WIDTHS]
    assert all(material.INFO.title in each["title"] for each in seen)


def test_nothing_is_asked_for_but_pages_and_images(visit):
    seen, asked, files = visit
    assert {code for _, code in asked} <= {200, 304}  # 304: the second frame of a page, unchanged
    assert {path for path, _ in asked} == {*files, MEASURE}
    assert all("/images/" in request for each in seen for request in each["requests"])


def test_the_switch_shows_the_code(visit):
    for each in visit[0]:
        chapter = each["page"] != "index.html"
        assert each["code"] == ([False, True] if chapter else [])


def test_wide_tables_are_cards_on_a_phone_only(visit):
    for each in visit[0]:
        assert each["cards"] == (["block" if each["width"] == 390 else "table"] if "03" in each["page"] else [])


def test_nothing_is_wider_than_the_window(visit):
    for each in visit[0]:
        assert each["overflow"] <= 0, each
        assert each["beyond"] == [], each


def test_every_image_is_there_to_be_seen(visit):
    images = [(each["width"], image) for each in visit[0] for image in each["images"]]
    assert len(images) == 6 * len(WIDTHS)
    for width, (complete, wide, high) in images:
        assert complete
        assert 150 < wide <= width
        assert high > 40


def test_text_can_be_read_on_a_phone(visit):
    for each in visit[0]:
        assert each["letters"] >= 16
        assert each["text"] >= 0.9 * each["width"] or each["width"] > 800
