import numpy as np
import pytest

import jaxtape as jt


@pytest.mark.parametrize(("rows", "padded"), [(3, 4), (4, 4), (5, 8)])
def test_rows_of_zeros_fill_the_batch(rows, padded):
    x, y = np.ones((rows, 2), "float32"), np.arange(rows)
    (x_new, named), mask = jt.pad_batch((x, {"y": y}), multiple_of=4)
    assert (x_new.shape, named["y"].shape, mask.shape) == (
        (padded, 2),
        (padded,),
        (padded,),
    )
    np.testing.assert_array_equal(x_new[:rows], x)
    np.testing.assert_array_equal(named["y"][:rows], y)
    assert (mask.sum(), mask.dtype) == (rows, "float32")
    assert not x_new[rows:].any()


def test_the_mask_takes_padding_out_of_a_loss():
    y, p = np.ones((3, 1), "float32"), np.zeros((3, 1), "float32")
    (y_new, p_new), mask = jt.pad_batch((y, p), multiple_of=8)
    loss = jt.losses.MeanSquaredError(reduction="sum")
    assert float(loss(y_new, p_new + 5, sample_weight=mask)) == 3 * 16.0


@pytest.mark.parametrize("multiple", [0, -2, 2.0])
def test_the_multiple_is_a_positive_integer(multiple):
    with pytest.raises(ValueError, match=f"got {multiple}"):
        jt.pad_batch(np.ones(3), multiple_of=multiple)


def test_numbers_of_rows_must_agree():
    with pytest.raises(ValueError, match=r"got \[2, 3\]"):
        jt.pad_batch((np.ones(2), np.ones(3)), multiple_of=4)
