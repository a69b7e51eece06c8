"""`score` on a cluster: the same bytes as on one machine, also where it was stopped or a file cannot be read."""

import dask_processes
import numpy as np
import pytest
import small_folder
from PIL import Image
from small_sweep import in_this_process

from lib.__main__ import main
from lib.evaluation import scoring
from lib.sweep import cluster, shards

STUDY, DETECTOR = "small_parts", "mean_image"
FILES = 600  # three chunks


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    small_folder.studied()
    folder, random = tmp_path_factory.mktemp("many"), np.random.default_rng(0)
    for number in range(FILES):
        Image.fromarray(random.integers(0, 256, (12, 12), dtype=np.uint8)).save(folder / f"{number:03d}.png")
    (folder / "300.png").write_bytes(b"cut")
    return folder


def score(images, out, *words):
    return main(["score", STUDY, str(images), "--out", str(out), "--detector", DETECTOR, *words])


def test_two_workers_give_the_same_file_as_one_machine(images, tmp_path):
    assert score(images, tmp_path / "one.csv") == 1
    with dask_processes.started() as (address, *_):
        assert score(images, tmp_path / "two.csv", "--scheduler", address) == 1
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_only_missing_chunks_are_sent(images, tmp_path, monkeypatch):
    sent = []

    def some(function, wanted, scheduler):
        sent.append([arguments[-1] for _, arguments in wanted])
        return in_this_process(function, wanted[:2], scheduler)

    monkeypatch.setattr(cluster, "carry_out", some)
    shards._opened.cache_clear()
    scorer = scoring.Scorer.of(STUDY, DETECTOR)
    for _ in range(3):
        shards.score(scorer, STUDY, DETECTOR, str(images), tmp_path / "scores.csv", "tcp://nowhere")
    assert sent == [[0, 1, 2], [2]]


def test_a_chunk_that_fails_is_one_line(images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "carry_out", lambda function, wanted, scheduler: {wanted[0][0]: "no such report"})
    assert score(images, tmp_path / "scores.csv", "--scheduler", "tcp://nowhere") == 2
    assert capsys.readouterr().err.splitlines()[-1] == "score: 1 of 3 chunks failed; the first: no such report"
    assert not (tmp_path / "scores.csv").exists()
