"""Who is fitted on, who is judged."""

import numpy as np
import pytest

from lib import splits


def test_resubstitution_fits_all_normals_and_judges_everything():
    labels = np.array([0, 1, 0, 1, 1])
    divided = splits.split("resubstitution", labels)
    assert divided.fit.tolist() == [0, 2] and divided.test.tolist() == [0, 1, 2, 3, 4]
    assert divided.seen == 2


def test_no_protocol_fits_an_anomaly():
    labels = np.random.default_rng(0).integers(0, 2, 100)
    assert not labels[splits.split("resubstitution", labels).fit].any()


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_kind_of_image_alone_cannot_be_divided(labels):
    with pytest.raises(ValueError, match="both"):
        splits.split("resubstitution", np.array(labels))


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="unknown protocol"):
        splits.split("guess", np.array([0, 1]))
