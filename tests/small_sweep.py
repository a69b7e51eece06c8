"""A sweep over two digits and two seeds that takes seconds, for tests."""

import yaml

SMALL = {
    "title": "Two digits",
    "extends": "digits",
    "studies": {"normal_class": ["0", "1"], "seed": [1, 2]},
    "detectors": ["pca", "mean_image", {"pca": {"label": "PCA again"}}],
}


def written(folder, name="small", **changes):
    """The file of the sweep with some changes, in a folder; a key that is None is left out."""
    values = {key: value for key, value in (SMALL | changes).items() if value is not None}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


def in_this_process(function, wanted, scheduler=""):
    """In the place of `cluster.carry_out`."""
    return {key: problem for key, arguments in wanted if (problem := function(*arguments))}
