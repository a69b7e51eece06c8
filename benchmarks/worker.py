"""One side of `benchmarks/fit_and_score.py` as a process of its own, told over standard input what to do next.

Each line is JSON, `["load"]`, `["fit", name, epochs]`, `["score", limit]`, `["product"]` or `["memory"]`; each answer
is one line with its seconds. A side that waits uses no processor time, so the two can take turns.
"""

import json
import os
import resource
import sys
import time


class Suite:
    """The suite's own steps, with an empty cache."""

    def load(self):
        from lib import params
        from lib.study.study import Study

        self.study = Study.open(params.load("airplanes"))
        return len(self.study.labels)

    def fit(self, name, epochs):
        from lib import detectors

        params = self.study.params.model_copy(update={"epochs": epochs})
        self.detector = detectors.build(name, params, self.study.images.images.shape[-1])
        return self.detector.fit(self.study.pixels(self.study.split.fit))["loss"]

    def score(self, limit):
        return self.detector.score(self.study.images.images[:limit])


def product(size: int = 2048, times: int = 5) -> float:
    """GFLOP/s of a plain float32 matrix product, the most that this machine's layers could reach."""
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
    os.dup2(2, 1)  # what libraries print is no answer
    if sys.argv[1] == "suite":
        import lib.core.backend  # noqa: F401 - quietly, with the suite's settings

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
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            answer = peak / (1e6 if sys.platform == "darwin" else 1e3)
        else:
            started = time.perf_counter()
            result = getattr(side, command)(*arguments)
            answer = {"seconds": time.perf_counter() - started}
            answer["result"] = result if isinstance(result, int | list) else [float(each) for each in result[:4]]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
