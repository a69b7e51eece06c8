"""The suite against the published method as one plain script, side by side: `python benchmarks/fit_and_score.py`.

Two processes take turns, step by step, on the same images, so that changes of the machine's speed affect both. Read
the ratios, suite to script; the seconds depend on the machine. `--full` runs the published size (20 epochs, every
image, about half an hour on 2 cores); the default takes about 10 minutes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
NAMES = ("autoencoder", "vae", "beta_vae")
FIT_IMAGES = 800
PARTS = ("load", "fit", "score", "whole study")


class Side:
    """One of the two processes."""

    def __init__(self, name: str, environment: dict[str, str]):
        command = [sys.executable, str(HERE / "worker.py"), name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | environment, cwd=HERE.parent,
        )  # fmt: skip
        self._answer()

    def ask(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[-1]}: ended with {self.process.wait()}")
        return json.loads(line)


def flops(name: str) -> float:
    """Floating-point operations of a forward pass of one image; a multiplication with its addition counts 2."""
    latent = 512 if name == "autoencoder" else 1024
    encoder = 48 * 48 * 32 * 27 + 24 * 24 * 64 * 288 + 12 * 12 * 128 * 576 + 18432 * 256 + 256 * latent
    decoder = 512 * 18432 + 12 * 12 * 128 * 9 * 128 + 24 * 24 * 128 * 9 * 64 + 48 * 48 * 64 * 9 * 32 + 96 * 96 * 288 * 3
    return 2.0 * (encoder + decoder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="20 epochs and every image, as published")
    parser.add_argument("--save", metavar="FILE", type=Path, help="write the result there, as JSON")
    parser.add_argument(
        "--script-without-onednn",
        action="store_true",
        help="run the script as on processors with AVX2 and without AVX-512, where TensorFlow leaves oneDNN off",
    )
    parser.add_argument(
        "--rounding",
        metavar="FILE",
        type=Path,
        help="only fit again by the script, with oneDNN, and add the losses to this result of a script without it",
    )
    arguments = parser.parse_args()
    if arguments.rounding:
        rounding(arguments.rounding)
        return
    epochs, limit = (20, 10_000) if arguments.full else (4, 2_000)
    with tempfile.TemporaryDirectory(prefix="anomaly-benchmark-") as cache:
        onednn = {"TF_ENABLE_ONEDNN_OPTS": "0"} if arguments.script_without_onednn else {}
        sides = {
            "script": Side("plain", {"TF_CPP_MIN_LOG_LEVEL": "3"} | onednn),
            "suite": Side("suite", {"ANOMALY_CACHE_DIR": cache}),
        }
        result = run(sides, epochs, limit)
        result["memory_mb"] = {name: round(side.ask("memory")) for name, side in sides.items()}
    result = describe(result, epochs, limit)
    result["size"]["oneDNN in the script"] = "off" if arguments.script_without_onednn else "TensorFlow's default"
    print_result(result)
    if arguments.save:
        arguments.save.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def run(sides: dict[str, Side], epochs: int, limit: int) -> dict:
    seconds: dict[str, dict[str, float]] = {name: {} for name in sides}
    products: list[float] = []
    losses: dict[str, dict[str, list[float]]] = {}
    for step, command in steps(epochs, limit):
        for name, side in sides.items():
            answer = side.ask(*command)
            seconds[name][step] = round(answer["seconds"], 2)
            print(f"{step:<20} {name:<7} {answer['seconds']:8.1f} s", file=sys.stderr, flush=True)
            if command[0] == "fit":
                losses.setdefault(command[1], {})[name] = answer["result"]
        products.append(sides["suite"].ask("product"))
    return {"seconds": seconds, "product_gflops": [round(product, 1) for product in products], "losses": losses}


def steps(epochs: int, limit: int):
    yield "load", ("load",)
    for name in NAMES:
        yield f"fit {name}", ("fit", name, epochs)
        yield f"score {name}", ("score", limit)


def rounding(file: Path) -> None:
    """Adds the losses of the script with oneDNN, whose sums are rounded in another way, to a result."""
    result = json.loads(file.read_text(encoding="utf-8"))
    side = Side("plain", {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"})
    side.ask("load")
    for name in NAMES:
        losses = result["losses"][name]
        losses["script, oneDNN on"] = side.ask("fit", name, result["size"]["epochs"])["result"]
        for other in ("suite", "script, oneDNN on"):
            shares = [abs(one / two - 1) for one, two in zip(losses[other], losses["script"], strict=True)]
            mean, largest, last = np.mean(shares), max(shares), shares[-1]
            print(f"{name:<12} {other:<18} mean {mean:.2%}, largest {largest:.2%}, last {last:.2%}", flush=True)
    file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def total(result: dict, side: str, part: str) -> float:
    """Seconds of a side for one of `PARTS`."""
    by_step = result["seconds"][side]
    return sum(by_step[step] for step in by_step if part == "whole study" or step.startswith(part))


def describe(result: dict, epochs: int, limit: int) -> dict:
    from lib.core import provenance  # not above: `lib` turns oneDNN on in the environment, which the script inherits

    ratios = {part: round(total(result, "suite", part) / total(result, "script", part), 3) for part in PARTS}
    ratios["peak memory"] = round(result["memory_mb"]["suite"] / result["memory_mb"]["script"], 3)
    peak = sorted(result["product_gflops"])[len(result["product_gflops"]) // 2]
    operations = sum(3 * flops(name) * FIT_IMAGES * epochs for name in NAMES)  # backwards: twice as many as forwards
    rates = {side: round(operations / total(result, side, "fit") / 1e9 / peak, 3) for side in ("script", "suite")}
    versions = {name.removesuffix("-cpu"): version for name, version in provenance.versions().items()}
    return {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: versions[name] for name in ("keras", "numpy", "tensorflow")},
        "size": {"epochs": epochs, "scored at most": limit},
        "ratios, suite to script": ratios,
        "fit, share of the matrix product's rate": rates,
        "matrix product, GFLOP/s (median)": peak,
        **result,
    }


def print_result(result: dict) -> None:
    print(f"{'':<14}{'script':>10}{'suite':>10}{'ratio':>8}")
    for part in PARTS:
        times = [total(result, side, part) for side in ("script", "suite")]
        ratio = result["ratios, suite to script"][part]
        print(f"{part:<14}{times[0]:>8.1f} s{times[1]:>8.1f} s{ratio:>8.3f}")
    memory = result["memory_mb"]
    ratio = result["ratios, suite to script"]["peak memory"]
    print(f"{'peak memory':<14}{memory['script']:>7} MB{memory['suite']:>7} MB{ratio:>8.3f}")
    rates = result["fit, share of the matrix product's rate"]
    print(f"Fits reach {rates['script']:.2f} (script) and {rates['suite']:.2f} (suite) of the matrix product's rate.")


if __name__ == "__main__":
    main()
