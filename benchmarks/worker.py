"""One side of `benchmarks/fit_and_score.py` as a process of its own, which reads commands from standard input.

A command is a line of JSON: `["load"]`, `["fit", name, epochs]`, `["score", limit]`, `["product"]` or `["memory"]`.
The answer is a line of JSON too. A side that waits uses no processor time, so the two can take turns.
"""

import json
import os
import sys
import time
from dataclasses import replace

import memory


class Suite:
    """The suite's own steps, with an empty cache."""

    def load(self):
        from lib import params
        from lib.study import Study

        self.study = Study.open(params.load("airplanes"))
        return len(self.study.labels)

    def fit(self, name, epochs):
        from lib import detectors

        self.detector = detectors.spec(name, {"epochs": epochs}, self.study.params.model_dump()).create()
        return self.detector.fit(self.study.images, self.study.split.fit)["loss"]

    def score(self, limit):
        images = self.study.images
        return self.detector.score(replace(images, images=images.images[:limit]))  # `take` would copy them to memory


def product(size: int = 2048, times: int = 5) -> float:
    """GFLOP/s of a plain float32 matrix product, an upper bound for what the layers can reach on this machine."""
    import tensorflow as tf

    matrix = tf.random.normal([size, size])
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    multiply()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        multiply().numpy()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds) / 1e9


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keeps what libraries print out of the answers
    if sys.argv[1] == "suite":
        import lib.core.backend  # noqa: F401 - imports TensorFlow with the suite's settings and without messages

        side = Suite()
    else:
        import plain

        side = plain.Script()
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "product":
            answer = product()
        elif command == "memory":
            answer = memory.peak()
        else:
            started = time.perf_counter()
            result = getattr(side, command)(*arguments)
            answer = {"seconds": time.perf_counter() - started}
            answer["result"] = result if isinstance(result, int | list) else [float(score) for score in result[:4]]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
