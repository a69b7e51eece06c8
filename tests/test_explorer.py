"""The threshold explorer: its data, its page, and what a browser shows without a network, against `lib.evaluation`."""

import base64
import fcntl
import hashlib
import html
import json
import math
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import small_study

from lib.detectors import PUBLISHED
from lib.evaluation import comparison, metrics, thresholds
from lib.evaluation.evaluate import labels_and_scores, threshold
from lib.presentation import explorer
from lib.presentation.explorer import data as explorer_data_module
from lib.presentation.explorer import page as explorer_page
from lib.study import holdout_of

SCRIPT = (explorer_page.FOLDER / "explorer.mjs").read_text(encoding="utf-8")
HOSTILE = ("</script><img src=x onerror=document.title='run'>", "a & b <b>bold</b>", "汉字 \"quoted\" 'name'", "<!--")
COSTS = (0.1, 3.0, 1.0)  # prevalence, cost of a miss, cost of a false alarm


@pytest.fixture(scope="module", params=small_study.STUDIES)
def fitted(request):
    study, run, _, _ = small_study.fitted(request.param)
    return study, run, explorer.explorer_data(study, run)


def made(normal, anomalies, at, names=("8", "3")):
    """Data of one detector with given scores, as `explorer_data` returns it."""
    normal, anomalies = (np.float32(scores).astype(float).tolist() for scores in (sorted(normal), sorted(anomalies)))
    few = [(score, True) for score in normal[:5]] + [(score, False) for score in anomalies[:5]]
    pictures = [
        {
            "id": f"{names[place % 2]}/{place}",
            "class": names[place % len(names)],
            "normal": is_normal,
            "scores": [score],
        }
        for place, (score, is_normal) in enumerate(few)
    ]
    detector = {"column": "made", "name": names[0], "recommended": True, "fitted": names[-1], "judged": names[0]}
    detector |= {"threshold": at, "rule": "fixed", "saw": "no images", "normal": normal, "anomalies": anomalies}
    prevalence, miss, alarm = COSTS
    return {
        "study": "made",
        "title": names[0],
        "normal_class": names[0],
        "page": "04_evaluation.html",
        "prevalence": prevalence,
        "cost_miss": miss,
        "cost_false_alarm": alarm,
        "detectors": [detector],
        "pictures": pictures,
        "sprite": explorer_data_module.sprite(np.zeros((len(pictures), 16, 16, 1), np.uint8), 10_000),
    }


# ---------------------------------------------------------------- data


def test_scores_decide_as_lib_at_the_recorded_threshold(fitted):
    study, run, data = fitted
    for detector in data["detectors"]:
        judged = study if detector["column"] in PUBLISHED else holdout_of(study)
        at = metrics.at_threshold(*labels_and_scores(judged, run, detector["column"]), detector["threshold"])
        groups = (np.array(detector[group]) for group in ("normal", "anomalies"))
        flagged = [thresholds.decide(group, detector["threshold"]) for group in groups]
        assert [int(group.sum()) for group in flagged] == [at["fp"], at["tp"]]
        assert [int((~group).sum()) for group in flagged] == [at["tn"], at["fn"]]


def test_scores_are_sorted_and_equal_to_those_of_the_runin_float32(fitted):
    study, run, data = fitted
    for detector in data["detectors"]:
        judged = study if detector["column"] in PUBLISHED else holdout_of(study)
        for group, indices in (("normal", judged.normal), ("anomalies", judged.anomalies)):
            exact = np.sort(run.scores_of(detector["column"])[indices])
            assert detector[group] == sorted(detector[group])
            assert np.array_equal(np.float32(detector[group]), detector[group])
            np.testing.assert_allclose(detector[group], exact, rtol=3e-7, atol=1e-30)


def test_the_recommended_detector_comes_with_the_threshold_of_the_report(fitted):
    study, run, data = fitted
    rows = comparison.leaderboard(study, run)
    best = comparison.best([row for row in rows if row["family"] != "shortcut"])
    chosen = [detector for detector in data["detectors"] if detector["recommended"]]
    assert [detector["column"] for detector in chosen] == [best["column"]] * bool(best["validation"])
    for detector in chosen:
        assert detector["threshold"] == comparison.calibrate(study, run, detector["column"])[0].value


def test_the_published_detectors_come_with_the_threshold_of_the_study(fitted):
    study, run, data = fitted
    columns = [detector["column"] for detector in data["detectors"]]
    assert len(columns) == len(set(columns)) <= explorer_data_module.DETECTORS
    assert set(PUBLISHED) <= set(columns)
    for detector in data["detectors"]:
        if detector["column"] in PUBLISHED and not detector["recommended"]:
            assert detector["threshold"] == threshold(study, run, detector["column"]).value


def test_no_shortcut_can_be_chosen(fitted):
    _, run, data = fitted
    assert "shortcut" not in {run.fits()[detector["column"]]["family"] for detector in data["detectors"]}


@pytest.mark.parametrize("at", [0.1, 0.01, 1 / 3, 1e-30, -0.7])
def test_rounding_to_float32_changes_no_decision(at):
    scores = np.array([at, np.nextafter(at, 9), np.nextafter(at, -9), at * (1 + 1e-9), at * (1 - 1e-9), 2.0, -2.0])
    rounded = explorer_data_module.in_float32(scores, at)
    assert rounded.dtype == np.float32
    assert np.array_equal(thresholds.decide(rounded, at), thresholds.decide(scores, at))


def test_pictures_surround_every_threshold(fitted):
    _, run, data = fitted
    ids = run.scores()["id"].tolist()
    assert len(data["pictures"]) == min(explorer_data_module.PICTURES, len(ids))
    assert {picture["id"] for picture in data["pictures"]} <= set(ids)
    for place, detector in enumerate(data["detectors"]):
        scores = [picture["scores"][place] for picture in data["pictures"] if picture["scores"][place] is not None]
        pooled = np.sort(np.r_[detector["normal"], detector["anomalies"]])
        assert set(scores) <= set(pooled)
        gaps = np.diff(np.searchsorted(pooled, np.sort(scores)))
        assert gaps.max() <= len(pooled) / 10  # at any threshold the pictures are of about that score
        below, above = (pooled[pooled <= detector["threshold"]][-6:], pooled[pooled > detector["threshold"]][:6])
        assert {*below, *above} <= set(scores)


def test_the_sprite_is_made_smaller_until_it_fits():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 64, 64, 3), np.uint8)
    large, small = (explorer_data_module.sprite(pixels, room) for room in (10**6, 10_000))
    assert large["size"] == 48
    assert small["size"] == 24
    assert len(small["source"]) < len(large["source"])


# ---------------------------------------------------------------- the page as text


def test_the_same_run_gives_the_same_bytes(fitted, tmp_path):
    study, run, _ = fitted
    first, second = (explorer.write_explorer(study, run, tmp_path / name, "2026-01-01") for name in "ab")
    assert first.name == "explorer.html"
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < explorer_data_module.PAGE


def test_the_module_is_small_and_asks_for_nothing():
    assert len(SCRIPT.encode()) <= 12_000
    assert not re.search(
        r"\b(import|fetch|XMLHttpRequest|innerHTML|outerHTML|insertAdjacent|eval|document\.write)\b", SCRIPT
    )


def test_the_policy_names_the_script_and_the_style_of_the_page_and_nothing_else():
    page = explorer_page.page_of(made([1, 2], [2, 3], 2.5))
    policy = dict(
        directive.split(" ", 1) for directive in re.search(r'Security-Policy" content="([^"]*)"', page)[1].split("; ")
    )
    policy = {name: value.replace("&#39;", "'") for name, value in policy.items()}
    assert policy.keys() == {"default-src", "img-src", "style-src", "script-src", "base-uri", "form-action"}
    assert {policy[name] for name in ("default-src", "base-uri", "form-action")} == {"'none'"}
    assert policy["img-src"] == "data:"
    for tag, directive in (("style", "style-src"), ('script type="module"', "script-src")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag.split()[0]}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"


def test_the_page_refers_to_nothing_but_pages_of_the_report():
    page = explorer_page.page_of(made([1, 2], [2, 3], 2.5))
    assert set(re.findall(r'(?:href|src|action)="([^"]*)"', page)) == {"#content", "index.html", "04_evaluation.html"}
    assert "style=" not in page
    assert set(re.findall(r"https?://[^\s\"'`]*", page)) == {
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/2000/svg",
    }
    alone = explorer_page.page_of(made([1, 2], [2, 3], 2.5), linked=False)
    assert set(re.findall(r'(?:href|src)="([^"]*)"', alone)) == {"#content"}


def test_a_name_cannot_end_the_block_of_data():
    data = made([1, 2], [2, 3], 2.5, HOSTILE)
    page = explorer_page.page_of(data)
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert "<" not in block
    assert {picture["class"] for picture in json.loads(block)["pictures"]} == set(HOSTILE)
    assert "<img" not in page


def test_the_static_table_has_the_figures_of_lib(fitted):
    _, _, data = fitted
    table = re.search(r'<table class="static">.*?</table>', explorer_page.page_of(data), re.DOTALL)[0]
    names, *rows = (
        [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    )
    for cells, detector in zip(rows, data["detectors"], strict=True):
        row = dict(zip(names, cells, strict=True))
        missed = (np.array(detector["anomalies"]) <= detector["threshold"]).mean()
        alarms = (np.array(detector["normal"]) > detector["threshold"]).mean()
        in_use = metrics.operations(missed, alarms, data["prevalence"]).iloc[0]
        assert float(row["Missed"]) == pytest.approx(in_use["missed"], abs=0.051)
        assert float(row["False alarms"]) == pytest.approx(in_use["false_alarms"], abs=0.051)
        assert float(row["Recall"].split(" %")[0]) == pytest.approx(100 * (1 - missed), abs=0.051)


def test_jupyterlab_shows_the_page_in_a_sandbox_and_a_report_does_not(fitted, monkeypatch):
    study, run, _ = fitted
    shown = []
    monkeypatch.setattr(explorer_page, "display", lambda bundle, **options: shown.append((bundle, options)))
    monkeypatch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
    explorer.show_explorer(study, run)
    assert shown == []
    monkeypatch.delenv("ANOMALY_RUN_FOLDER")
    explorer.show_explorer(study, run)
    ((bundle, options),) = shown
    assert options["metadata"] == {"report": {"kind": "lab"}}
    assert re.fullmatch(r'<iframe sandbox="allow-scripts" srcdoc="[^"]*" [^<>]*></iframe>', bundle["text/html"])


# ---------------------------------------------------------------- the page in a browser


class Browser:
    """A Chromium driven over a pipe, by the DevTools protocol; without a network."""

    def __init__(self, chromium, profile):
        (theirs_in, mine_out), (mine_in, theirs_out) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]  # the protocol's are 3 and 4
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage"]
        flags += ["--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        move = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
        move += "os.execv(sys.argv[3], sys.argv[3:])"
        command = [sys.executable, "-c", move, *map(str, ends), chromium, *flags]
        self.process = subprocess.Popen(command, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        self.out, self.into = os.fdopen(mine_out, "wb", buffering=0), os.fdopen(mine_in, "rb")
        self.number, self.events, self.session = 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        # Everything but files and data is refused, and noted.
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        self.out.write(json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while (answer := self._message()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _message(self):
        letters = bytearray()
        while (letter := self.into.read(1)) != b"\0":
            assert letter, "the browser ended"
            letters += letter
        return json.loads(letters)

    def open(self, path, width=1440, height=1000, dark=False):
        """Show a page once its script is ready; return the requests and complaints until then."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        ready = "document.readyState == 'complete' && document.getElementById('explorer')?.hidden === false"
        until = time.monotonic() + 20
        while not self.value(ready):
            assert time.monotonic() < until, f"the page is not ready: {self.complaints()}"
            time.sleep(0.02)

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def complaints(self):
        return [event for event in self.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]

    def requests(self):
        asked = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in asked]

    def picture(self, path, full=True):
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(image))

    def close(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(20)
        self.out.close()
        self.into.close()


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    browser = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page made of data; the page is the shipped one, with its policy."""

    def open_data(data, **how):
        path = tmp_path / "explorer.html"
        path.write_text(explorer_page.page_of(data), encoding="utf-8")
        browser.open(path, **how)
        return browser

    return open_data


# Moves the threshold as a reader would type it, and reads the exact values of the figures shown.
SWEEP = """(steps) => steps.map((step) => {
  for (const [id, value] of Object.entries(step)) document.getElementById(id).value = value;
  const ids = Object.keys(step).filter((id) => id === "threshold" || id === "prevalence");
  for (const id of ids.length ? ids : Object.keys(step)) document.getElementById(id).dispatchEvent(new Event("input"));
  const shown = [...document.querySelectorAll("#explorer data")].map((figure) => [figure.parentNode.id, figure.value]);
  return Object.fromEntries(shown);
})"""

_draw = np.random.default_rng(555)
SCORES = {
    "made": (_draw.gamma(4, 0.01, 150), _draw.gamma(9, 0.01, 90)),
    "ties": (_draw.integers(0, 6, 40), _draw.integers(3, 9, 70)),
    "separated": (np.linspace(0.1, 0.2, 30), np.linspace(0.3, 0.9, 17)),
    "constant normal": (np.full(12, 0.5), _draw.normal(0.5, 0.2, 25)),
    "constant anomalies": (_draw.normal(0.5, 0.2, 25), np.full(12, 0.5)),
    "all equal": (np.full(4, 0.25), np.full(3, 0.25)),
    "negative": (-_draw.gamma(4, 1, 33), -_draw.gamma(2, 1, 44)),
    "one each": (np.array([0.0]), np.array([1.0])),
    "many": (_draw.normal(0, 1, 900), _draw.normal(2, 1, 6000)),
}


@pytest.mark.browser
@pytest.mark.parametrize("name", SCORES)
def test_what_is_shown_equals_lib_at_200_thresholds(opened, name):
    data = made(*SCORES[name], at=0.5)
    normal, anomalies = (np.array(data["detectors"][0][group]) for group in ("normal", "anomalies"))
    scores, labels = np.r_[normal, anomalies], np.r_[np.zeros(len(normal), int), np.ones(len(anomalies), int)]
    span = np.ptp(scores) or 1.0
    tried = [*np.linspace(scores.min() - 0.1 * span, scores.max() + 0.1 * span, 100)]
    tried += [*np.random.default_rng(1).choice(scores, 100)]  # at a score, where a tie must not be flagged
    prevalences, misses = np.linspace(0.01, 0.99, 20), (0, 0.5, 1, 10, 250)
    steps = [
        {"threshold": repr(float(at)), "prevalence": repr(float(100 * prevalences[i % 20])), "miss": str(misses[i % 5])}
        for i, at in enumerate(tried)
    ]
    browser = opened(data)
    shown = browser.value(f"({SWEEP})({json.dumps(steps)})")
    assert browser.complaints() == []
    assert len(shown) == 200
    for step, figures in zip(steps, shown, strict=True):
        at, miss = float(step["threshold"]), float(step["miss"])
        prevalence = float(step["prevalence"]) / 100
        flagged = thresholds.decide(scores, at)
        counts = {"tp": flagged & (labels == 1), "fp": flagged & (labels == 0)}
        counts |= {"fn": ~flagged & (labels == 1), "tn": ~flagged & (labels == 0)}
        counts = {key: int(hits.sum()) for key, hits in counts.items()}
        assert {key: int(figures[key]) for key in counts} == counts
        rates = {}
        for rate, k, n in (("recall", counts["tp"], len(anomalies)), ("fpr", counts["fp"], len(normal))):
            rates[rate] = dict(zip(("value", "low", "high"), (k / n, *metrics.clopper_pearson(k, n)), strict=True))
            assert numbers(figures[rate]) == pytest.approx(list(rates[rate].values()), abs=1e-6)
        in_use = metrics.operations(counts["fn"] / len(anomalies), counts["fp"] / len(normal), prevalence).iloc[0]
        for key, column in (("reviewed",) * 2, ("caught",) * 2, ("missed",) * 2, ("falseAlarms", "false_alarms")):
            assert float(figures[key]) == pytest.approx(in_use[column], abs=1e-6)
        cost = miss * in_use["missed"] + in_use["false_alarms"]
        assert float(figures["cost"]) == pytest.approx(cost, abs=1e-6)
        share = metrics.precision_in_use(rates["recall"], rates["fpr"], prevalence)
        expected = [share["value"], share["low"], share["high"]] if flagged.any() else []
        assert numbers(figures["share"]) == pytest.approx(expected, abs=1e-6)
        best = thresholds.min_cost(labels, scores, miss, 1.0, prevalence)
        assert float(figures["best"]) == pytest.approx(best, rel=1e-12, abs=1e-12)


def numbers(values):
    return [float(value) for value in values.split(",")] if values else []


@pytest.mark.browser
def test_whole_figures_are_those_of_at_threshold(opened):
    data = made(*SCORES["made"], at=0.06)
    normal, anomalies = (data["detectors"][0][group] for group in ("normal", "anomalies"))
    at = metrics.at_threshold([0] * len(normal) + [1] * len(anomalies), normal + anomalies, 0.06)
    (shown,) = opened(data).value(f"({SWEEP})([{{}}])")
    for rate in ("recall", "fpr"):
        assert numbers(shown[rate]) == pytest.approx([at[rate][key] for key in ("value", "low", "high")], abs=1e-6)
    assert [int(shown[key]) for key in metrics.COUNTS] == [at[key] for key in metrics.COUNTS]


@pytest.mark.browser
def test_keys_move_the_threshold_past_one_score_at_a_time(opened):
    browser = opened(made([1, 2, 3, 4], [3, 4, 5, 6], at=2.5))
    counts = "['fp', 'tp'].map((id) => Number(document.getElementById(id).textContent))"
    assert browser.value(counts) == [2, 4]
    for field, up in (("rank", ("ArrowRight", 39)), ("threshold", ("ArrowUp", 38))):
        browser.value(f"document.getElementById('recorded').click(), document.getElementById('{field}').focus()")
        assert browser.value(counts) == [2, 4]
        browser.press(*up)
        assert browser.value(counts) == [1, 3]
        assert "3.5" in browser.value("document.getElementById('summary').textContent")
        browser.press("ArrowDown", 40)
        browser.press("ArrowDown", 40)
        assert browser.value(counts) == [3, 4]
    assert browser.value("document.getElementById('rank').getAttribute('aria-valuetext')") == "1.5"
    for key, expected in ((("End", 35), [0, 0]), (("Home", 36), [4, 4])):
        browser.value("document.getElementById('rank').focus()")
        browser.press(*key)
        assert browser.value(counts) == expected


@pytest.mark.browser
def test_every_control_is_reached_by_tab_and_named(opened):
    browser = opened(made([1, 2, 3, 4], [3, 4, 5, 6], at=2.5))
    reached = []
    for _ in range(14):
        browser.press("Tab", 9)
        reached.append(browser.value("document.activeElement.id"))
    controls = ["detector", "threshold", "rank", "cheapest", "recorded", "prevalence", "miss", "alarm"]
    assert [name for name in reached if name in controls] == controls
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"combobox", "spinbutton", "slider", "button"}
    named = [
        (node["role"]["value"], node["name"]["value"]) for node in tree if node.get("role", {}).get("value") in roles
    ]
    assert len(named) == len(controls)
    assert all(name for _, name in named)
    assert len({name for _, name in named}) == len(controls)


@pytest.mark.browser
def test_the_button_uses_the_cheapest_threshold_by_key(opened):
    data = made(*SCORES["made"], at=0.06)
    browser = opened(data)
    browser.value("document.getElementById('cheapest').focus()")
    browser.press("Enter", 13)
    normal, anomalies = (data["detectors"][0][group] for group in ("normal", "anomalies"))
    prevalence, miss, alarm = COSTS
    labels, scores = [0] * len(normal) + [1] * len(anomalies), normal + anomalies
    best = thresholds.min_cost(labels, scores, miss, alarm, prevalence)
    at = metrics.at_threshold(labels, scores, best)
    assert browser.value("Number(document.getElementById('tp').textContent)") == at["tp"]
    assert browser.value("Number(document.getElementById('fp').textContent)") == at["fp"]
    written = browser.value("Number(document.getElementById('threshold').value)")  # rounded, with the same decisions
    assert np.array_equal(thresholds.decide(scores, written), thresholds.decide(scores, best))


@pytest.mark.browser
def test_values_that_make_no_sense_are_refused_in_words(opened):
    browser = opened(made([1, 2, 3, 4], [3, 4, 5, 6], at=2.5))
    before = browser.value("document.getElementById('cost').textContent")
    for field, value in (("prevalence", "100"), ("prevalence", ""), ("miss", "-1"), ("alarm", "")):
        browser.value(f"({SWEEP})([{{{field}: '{value}'}}])")
        assert browser.value("document.getElementById('fault').checkVisibility()")
        assert browser.value("document.getElementById('cost').textContent") == before
        browser.value(f"({SWEEP})([{{prevalence: '10', miss: '3', alarm: '1'}}])")
        assert not browser.value("document.getElementById('fault').checkVisibility()")


@pytest.mark.browser
def test_the_nearest_images_are_shown_with_class_score_and_verdict(opened):
    browser = opened(made([1, 2, 3, 4], [3, 4, 5, 6], at=3.5, names=("8", "3")))
    below, above = (
        browser.value(f"[...document.querySelectorAll('#{id} li')].map((item) => item.innerText.split(/\\n+/))")
        for id in ("below", "above")
    )
    assert [item[1:] for item in below] == [
        ["score 1", "Correct: normal, not flagged"],
        ["score 2", "Correct: normal, not flagged"],
        ["score 3", "Correct: normal, not flagged"],
        ["score 3", "Wrong: missed anomaly"],
    ]
    assert [item[1:] for item in above] == [
        ["score 4", "Wrong: false alarm"],
        ["score 4", "Correct: anomaly"],
        ["score 5", "Correct: anomaly"],
        ["score 6", "Correct: anomaly"],
    ]
    assert {item[0] for item in below + above} == {"8", "3"}


@pytest.mark.browser
def test_pictures_are_those_of_their_images(opened):
    data = made([1, 2, 3, 4], [3, 4, 5, 6], at=2.5)
    grey = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.full((1, 16, 16, 1), 30, np.uint8)
    data["sprite"] = explorer_data_module.sprite(grey, 10_000)
    shown = opened(data).value(
        "[...document.querySelectorAll('.pictures canvas')].map((canvas) => "
        "[canvas.getAttribute('aria-label'), canvas.getContext('2d').getImageData(8, 8, 1, 1).data[0]])"
    )
    assert len(shown) == 8
    for label, value in shown:
        assert value == pytest.approx(30 * int(label.rsplit("/")[-1]), abs=6)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_hostile_names_neither_run_nor_widen_the_page(opened, width):
    browser = opened(made([1, 2, 3, 4], [3, 4, 5, 6], at=3.5, names=HOSTILE), width=width)
    shown = browser.value("[...document.querySelectorAll('.pictures .class')].map((name) => name.textContent)")
    assert set(shown) == set(HOSTILE)
    assert browser.value("document.title") == f"Threshold explorer · {HOSTILE[0]}"
    assert browser.value("document.querySelectorAll('img, b b, main script').length") == 0
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_a_study_is_shown_without_a_request(fitted, browser, tmp_path, width, dark):
    study, run, data = fitted
    page = explorer.write_explorer(study, run, tmp_path, "2026-01-01")
    browser.open(page, width=width, dark=dark)
    assert [url for url in browser.requests() if not url.startswith("data:image/webp;")] == [page.as_uri()]
    assert browser.complaints() == []
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("document.querySelectorAll('.pictures li').length") == 12
    for place, detector in enumerate(data["detectors"]):
        change = f"const list = document.getElementById('detector'); list.value = {place}; "
        browser.value(f"{{{change} list.dispatchEvent(new Event('change'))}}")
        caught = int((np.array(detector["anomalies"]) > detector["threshold"]).sum())
        assert browser.value("Number(document.querySelector('#tp data').value)") == caught
        shown = browser.value("Number(document.getElementById('threshold').value)")
        assert math.isclose(shown, detector["threshold"], rel_tol=0.1)
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") != dark


@pytest.mark.browser
def test_without_scripts_the_table_stands_alone(opened, browser):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        path = explorer_page.page_of(made([1, 2], [2, 3], at=2.5))
        browser.call(
            "Page.setDocumentContent", frameId=browser.call("Page.getFrameTree")["frameTree"]["frame"]["id"], html=path
        )
        text = browser.value("document.body.innerText")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "Figures at the thresholds of the report" in text
    assert "Use the cheapest threshold" not in text
    assert "needs JavaScript" in text
