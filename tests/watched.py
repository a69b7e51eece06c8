"""A browser that notes what a page must not do: run a script of data, ask for something elsewhere, break its policy."""

import re
import time

from test_explorer import Browser

# Names as an attacker would write them: each runs something where it is taken for markup.
PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'><svg onload=alert(1)>",
    "</script><script>alert(1)</script>",
    "</title></style></textarea><script>alert(1)</script>",
    "[link](javascript:alert(1))",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<!--<script>alert(1)//-->",
    "x\u2028alert(1)//",
    "<img src=https://evil.invalid/x.png>",
    '" onmouseover=alert(1) x="',
    "<base href=https://evil.invalid/>",
    "<meta http-equiv=refresh content=0;url=https://evil.invalid/>",
    "<style>@import url(https://evil.invalid/x.css)</style>",
    "`<img src=x onerror=alert(1)>`{=html}",
    "{{7*7}}${alert(1)}",
)

_PRELUDE = """
window.hits = [];
for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => { hits.push(name); };
document.addEventListener("securitypolicyviolation", (event) => hits.push(event.violatedDirective));
"""
_POLICY = re.compile(r'<meta (?=[^>]*http-equiv="Content-Security-Policy")[^>]*content="([^"]*)"[^>]*>')
_LOOK = """({
  hits: window.hits,
  markup: [...document.querySelectorAll("iframe, object, embed, base, form, link, [srcdoc], [style]")]
    .map((each) => each.outerHTML.slice(0, 99)),
  handlers: [...document.querySelectorAll("*")].flatMap((each) => [...each.attributes])
    .map((each) => each.name).filter((name) => name.startsWith("on")),
  links: [...document.links].map((each) => each.href).filter((each) => !/^(https?|mailto|file):/.test(each)),
  images: [...document.images].map((each) => each.src).filter((each) => !/^(data|file):/.test(each)),
  scripts: document.scripts.length,
})"""


class Watched(Browser):
    """Opens pages, with their policy or without, and tells what they did."""

    def __init__(self, chromium, profile):
        super().__init__(chromium, profile)
        self.call("Page.addScriptToEvaluateOnNewDocument", source=_PRELUDE)

    def open(self, path):
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        until = time.monotonic() + 20
        while not self.value("document.readyState == 'complete' && location.href != 'about:blank'"):
            assert time.monotonic() < until, path
        self.value("new Promise((done) => setTimeout(done, 60))")
        # A pointer over every element, since a handler may wait for one.
        self.value("document.querySelectorAll('*').forEach((each) => each.dispatchEvent(new MouseEvent('mouseover')))")
        return self.value(_LOOK)


def policy_of(page):
    """The directives of a page's policy, by name; its only one, before anything that it applies to."""
    text = page.read_text(encoding="utf-8")
    (found,) = _POLICY.findall(text)
    assert re.search("<(style|script|img|body)", text).start() > text.index("Content-Security-Policy")
    return dict(each.strip().partition(" ")[::2] for each in found.replace("&#39;", "'").split(";"))


def without_policy(page, folder):
    """A copy of a page that may do everything."""
    folder.mkdir(exist_ok=True)
    text, count = _POLICY.subn("", page.read_text(encoding="utf-8"))
    assert count == 1
    (folder / page.name).write_text(text, encoding="utf-8")
    return folder / page.name


def check_pages(chromium, pages, folder, scripts=None):
    """Every page has a strict policy and keeps to it; and even without it no name runs or asks for anything.

    Args:
        chromium: path of the browser.
        pages: HTML files.
        folder: an empty one.
        scripts: number of scripts by name of the file; 0 for others.
    """
    scripts, browser = scripts or {}, Watched(chromium, folder / "profile")
    try:
        for page in pages:
            policy = policy_of(page)
            assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert "unsafe" not in str(policy) and "http" not in str(policy) and "*" not in str(policy)
            assert ("script-src" in policy) == (page.name in scripts)
            for way in (page, without_policy(page, folder / "bare")):
                seen = browser.open(way)
                number = scripts.get(page.name, 0)
                assert seen == {key: [] for key in seen} | {"scripts": number}, (way, seen)
                assert all(each.startswith(("file:", "data:")) for each in browser.requests()), way
                assert way != page or browser.complaints() == [], page
                dialogs = [event for event in browser.events if event["method"] == "Page.javascriptDialogOpening"]
                moved = browser.value("location.href")
                assert not dialogs and moved == way.as_uri()
    finally:
        browser.close()
