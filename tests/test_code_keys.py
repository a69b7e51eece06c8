"""A change of one line of code makes anew exactly what depends on it."""

import functools
import shutil
import textwrap

import pytest
from small_study import opened

from lib import detectors
from lib.core import cache, paths
from lib.study import fits

SHORTCUTS = {"file_size", "aspect_ratio", "white_margin"}
PIXELS = {"mean_image", "edge_energy", "pca", "hog"}
VAES = {"vae", "beta_vae"}
NETWORKS = {"autoencoder", *VAES}
ALL = {*SHORTCUTS, *PIXELS, *NETWORKS, "features"}

# By file of lib: the detectors that are fitted anew, and those whose scores alone are computed anew.
DEPENDENTS = {
    **{f"core/{name}.py": (ALL, set()) for name in ("cache", "characters", "checksums", "locks")},
    "core/archives.py": ({*NETWORKS, "features"}, set()),
    "core/errors.py": (ALL, set()),
    "core/paths.py": (ALL, set()),
    "core/provenance.py": ({"features"}, set()),
    **{f"core/{name}.py": ({*NETWORKS, "features"}, set()) for name in ("backend", "strategy")},
    "detectors/base.py": (ALL, set()),
    "detectors/batches.py": ({*PIXELS, *VAES, "white_margin", "features"}, {"autoencoder"}),
    "detectors/baselines/pixels.py": (PIXELS, set()),
    "detectors/baselines/median.py": (SHORTCUTS, set()),
    **{f"detectors/baselines/{name}.py": ({name}, set()) for name in SHORTCUTS | PIXELS},
    "detectors/features/features.py": ({"features"}, set()),
    **{
        f"detectors/features/{name}.py": ({"features"}, set())
        for name in ("patches", "positions", "autoencoder", "options", "files", "tiles")
    },
    "detectors/features/gaussian.py": ({"features"}, NETWORKS),
    "detectors/features/neighbours.py": ({"features", "hog"}, NETWORKS),
    "detectors/features/networks/backbones.py": ({"features"}, set()),
    "detectors/features/networks/keras_file.py": ({"features"}, set()),
    "detectors/features/networks/checkpoint.py": ({"features"}, set()),
    "detectors/features/networks/efficientnet.py": ({"features"}, set()),
    "detectors/reconstruction/detector.py": (NETWORKS, set()),
    "detectors/reconstruction/options.py": (set(), NETWORKS),  # their values are in the key of a fit
    "detectors/reconstruction/autoencoder.py": ({"autoencoder"}, set()),
    "detectors/reconstruction/vae.py": (VAES, set()),
    "detectors/reconstruction/beta_vae.py": ({"beta_vae"}, set()),
    "detectors/reconstruction/networks/network.py": (NETWORKS, set()),
    "detectors/reconstruction/networks/layers.py": (NETWORKS, set()),
    "detectors/reconstruction/networks/training.py": (NETWORKS, set()),
    "detectors/reconstruction/networks/replicas.py": (NETWORKS, set()),
    "detectors/reconstruction/networks/augmentation.py": (NETWORKS, set()),
    "detectors/reconstruction/networks/autoencoder.py": ({"autoencoder"}, set()),
    "detectors/reconstruction/networks/vae.py": (VAES, set()),
    "detectors/reconstruction/networks/passes.py": (set(), NETWORKS),
    "detectors/reconstruction/networks/scores.py": (set(), NETWORKS),
    "study/examples.py": (set(), ALL),  # says of which images reconstructions are stored
}


def forget():
    """Forget the keys of code, which are computed once a process."""
    cache.code_of.cache_clear()
    fits._classes.cache_clear()


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A copy of `lib` that the keys are made of."""
    shutil.copytree(paths.ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    opened("holdout")  # before the code moves: what is cached of it has a key of code too
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(cache, "_modules", functools.cache(cache._modules))  # no edit here adds a module
    yield tmp_path / "lib"
    forget()


def keys():
    """The keys of fits and of scores of every kind of detector."""
    forget()
    study, by_kind = opened("holdout"), {}
    for name in ALL:
        spec = detectors.spec(name, {}, study.params.model_dump())
        fit = fits._fit_key(study, spec)
        by_kind[name] = fit, fits._score_key(study, spec, fit, every=False)
    return by_kind


def edit(file):
    with file.open("a") as text:
        text.write("\n# One more line.\n")


def test_every_kind_is_here_but_those_whose_members_have_keys_of_their_own():
    assert set(detectors.kinds()) - ALL == {"ensemble", "combined"}


def test_a_line_of_a_module_makes_anew_what_depends_on_it_and_nothing_else(code):
    before = keys()
    for file, (fitted_anew, scored_anew) in DEPENDENTS.items():
        edit(code / file)
        after = keys()
        changed = [{name for name in ALL if after[name][part] != before[name][part]} for part in (0, 1)]
        assert changed == [fitted_anew, fitted_anew | scored_anew], file
        before = after


def test_no_other_module_is_in_a_key(code):
    before = keys()
    others = [file for file in code.rglob("*.py") if file.name != "__init__.py"]
    others = [file for file in others if str(file.relative_to(code)) not in DEPENDENTS]
    assert {"params.py", "report", "presentation", "evaluation"} <= {file.relative_to(code).parts[0] for file in others}
    for file in others:
        edit(file)
    assert keys() == before


def test_lazy_imports_count_and_those_for_type_checkers_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    texts = {
        "__init__.py": "",
        "start.py": """
            from typing import TYPE_CHECKING
            import numpy, lib.direct
            if TYPE_CHECKING:
                from lib.typed import T
            else:
                from lib.untyped import T
            def work():
                try:
                    from lib.package import name
                except ImportError:
                    from lib.package import inner
            """,
        "direct.py": "from lib.circle import a",
        "circle.py": "import lib.direct",
        "typed.py": "",
        "untyped.py": "",
        "package/__init__.py": "from lib.package.other import name",
        "package/inner.py": "",
        "package/other.py": "",
        "package/unused.py": "",
        "lazy/__init__.py": "import lazy_loader",
        "lazy/one.py": "",
        "lazy/style.css": "",
    }
    for name, text in texts.items():
        file = tmp_path / "lib" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    unused = {"__init__.py", "typed.py", "package/unused.py", *(name for name in texts if name.startswith("lazy"))}
    found = {str(file.relative_to(tmp_path / "lib")) for file in cache.code_files("lib.start")}
    assert found == texts.keys() - unused
    assert [file.name for file in cache.code_files("lib.lazy")] == ["__init__.py", "one.py", "style.css"]
    with pytest.raises(ValueError, match="there is no module"):
        cache.code_of("lib.nothing")
