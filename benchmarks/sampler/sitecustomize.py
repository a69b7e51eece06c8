"""Samples what the main thread of every Python process is doing; on PYTHONPATH, Python imports this file by itself.

Each process writes the samples of each activity, in seconds, to a file of its own in `SAMPLES`, twice a second.
"""

import gc
import json
import os
import sys
import threading
import time

PERIOD = 0.01  # seconds between two samples
# The first rule that any frame of the stack meets, by a part of the file's name and the function's, names the activity.
RULES = (
    ("imports", "<frozen importlib", ""),
    ("tracing and compiling", "polymorphic_function/tracing_compilation", "_create_concrete_function"),
    ("waiting for a kernel", "report/execute", "papermill_execute_cells"),
    ("kernels", "report/execute", ""),
    ("figures", "matplotlib", ""),
    ("figures", "lib/presentation/plots", ""),
    ("figures", "PIL/", ""),
    ("rendering", "lib/report/render", ""),
    ("fits", "study/fits", "_fit"),
    ("scores", "study/fits", "_score"),
    ("heat maps", "study/heat_maps", ""),
    ("data", "lib/data/", ""),
    ("statistics", "lib/evaluation/", ""),
    ("text and tables", "lib/presentation/", ""),
    ("keys of the cache", "report/uptodate", ""),
    ("idle", "asyncio/", "_run_once"),
    ("idle", "selectors", ""),
)


def activity(frame):
    """The activity that a stack shows."""
    frames = []
    while frame is not None:
        frames.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    for name, file, function in RULES:
        if any(file in each[0] and (not function or each[1] == function) for each in frames):
            return name
    return "other"


def frame_of(thread):
    """What a thread does. Python 3.11 holds a lock meanwhile, for which a collection of TensorFlow's graphs waits."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(thread)
    finally:
        if collects:
            gc.enable()


def sample(main, path):
    """Count for ever; the time of a sample is that since the one before."""
    found, before, written = {}, time.monotonic(), 0.0
    while True:
        time.sleep(PERIOD)
        now = time.monotonic()
        frame = frame_of(main)
        if frame is None:
            return
        name = activity(frame)
        found[name] = found.get(name, 0.0) + now - before
        before = now
        if now - written > 0.5:
            written = now
            with open(path + ".new", "w") as file:
                json.dump({"arguments": sys.argv[:4], "seconds": found}, file)
            os.replace(path + ".new", path)


if folder := os.environ.get("SAMPLES"):
    target = os.path.join(folder, f"{os.getpid()}.json")
    threading.Thread(target=sample, args=(threading.main_thread().ident, target), daemon=True).start()
