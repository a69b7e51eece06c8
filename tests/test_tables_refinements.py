"""Tables of refinements: numbers as given, nothing where nothing is known."""

import pytest

from lib.presentation import tables


def metric(value, half=None):
    return {"value": value} if half is None else {"value": value, "low": value - half, "high": value + half}


REFINED = [
    {"name": "published", "validation": None, "auroc": metric(0.92, 0.01), "difference": None, "seconds": 45},
    {
        "name": "latent_size 32",
        "validation": 0.9312,
        "auroc": metric(0.93, 0.01),
        "difference": metric(0.012, 0.009),
        "seconds": 50.25,
    },
    {
        "name": "β = 0.1",
        "validation": 0.9,
        "auroc": metric(0.9),
        "difference": metric(-0.02, 0.01) | {"chance": 0.0},
        "seconds": 60.0,
    },
    {"name": "flips", "auroc": metric(0.92, 0.01), "difference": metric(0.001, 0.01), "seconds": 1.0},
    {"name": "unsure", "auroc": None, "difference": metric(0.001)},
]


def rows(frame):
    """Cells of the table as printed: header, alignment row, body."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in tables.to_markdown(frame).splitlines()]


def test_refinements_hold_what_they_were_given():
    frame = tables.refinements(REFINED)
    assert list(frame) == ["Refinement", "AUROC, validation", "AUROC, held out", "Difference", "Reading", "Seconds"]
    assert frame["Refinement"].tolist() == ["published", "latent\\_size 32", "β = 0.1", "flips", "unsure"]
    assert frame["AUROC, validation"].tolist() == [None, 0.9312, 0.9, None, None]
    assert frame["AUROC, held out"].tolist()[1:3] == ["0.930 [0.920, 0.940]", "0.900"]
    assert frame["Difference"].tolist()[:3] == [None, "+0.012 [+0.003, +0.021]", "−0.020 [−0.030, −0.010]"]
    assert frame["Reading"].tolist() == [None, "higher", "lower", "no clear difference", None]
    assert frame["Seconds"].tolist() == [45.0, 50.25, 60.0, 1.0, None]
    assert rows(frame)[3] == [
        *("latent\\_size 32", "0.931", "0.930 [0.920, 0.940]", "+0.012 [+0.003, +0.021]", "higher", "50.2")
    ]


def test_recommendations_tell_what_became_of_them():
    given = {
        "recommendation": "Train longer",
        "tried": "30, 60 and 120 epochs",
        "best": "60 epochs",
        "difference": metric(0.002, 0.004),
        "verdict": "within noise",
    }
    frame = tables.recommendations([given, {"recommendation": "Collect more", "verdict": "not tried", "best": None}])
    assert frame.to_dict("list") == {
        "Recommendation": ["Train longer", "Collect more"],
        "Verdict": ["within noise", "not tried"],
        "Difference of AUROC": ["+0.002 [−0.002, +0.006]", None],
        "Best on validation": ["60 epochs", None],
        "Tried": ["30, 60 and 120 epochs", None],
    }
    assert rows(frame)[3] == ["Collect more", "not tried", "–", "–", "–"]


def test_health_keeps_weights_that_are_small():
    given = {"model": "VAE", "beta": 1e-5, "kl": 48.126, "active": 10, "latent": 1024, "share": 0.25, "alarms": "none"}
    frame = tables.health([given, {"model": "β-VAE"}])
    assert list(frame) == [
        *("Model", "β", "KL, nats an image", "Active values", "Latent values", "KL share of the loss", "Alarms")
    ]
    assert frame.iloc[0].tolist() == ["VAE", "1e-05", 48.126, 10, 1024, 0.25, "none"]
    assert frame.iloc[1].tolist() == ["β-VAE", *[None] * 6]
    assert rows(frame)[2] == ["VAE", "1e-05", "48.13", "10", "1,024", "0.2500", "none"]


@pytest.mark.parametrize("table", [tables.refinements, tables.recommendations, tables.health])
def test_no_rows_keep_the_columns(table):
    frame = table([])
    assert list(frame) == list(table([{}])) and len(frame) == 0
    assert frame.iloc[:0].equals(frame) and all(table([{}]).iloc[0].isna())
    assert tables.to_markdown(frame).startswith(f"| {frame.columns[0]} ")
