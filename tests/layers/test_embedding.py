import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.masking import mask_of
from jaxtape.layers import Embedding

TABLE = np.arange(10.0, dtype="float32").reshape(5, 2)


def test_rows_are_chosen_by_number():
    layer = Embedding(5, 2, weights=TABLE)
    for ids in (
        [[3, 0], [4, 4]],
        np.array([[3, 0]], "uint8"),
        [[3.7, 0.2]] * 2,
    ):
        whole = np.array(ids).astype(int)
        np.testing.assert_array_equal(layer(ids).numpy(), TABLE[whole])
    assert layer(3).tolist() == [6.0, 7.0]
    assert layer(np.zeros((0, 4), "int32")).shape == (0, 4, 2)


def test_first_values_may_be_given():
    for weights in (TABLE, [TABLE]):
        assert Embedding(5, 2, weights=weights).embeddings.tolist() == TABLE.tolist()
    drawn = Embedding(100, 10)
    drawn([0])
    assert 0.045 < abs(drawn.embeddings.numpy()).max() <= 0.05


def test_a_row_s_gradient_is_the_sum_over_its_uses():
    layer = Embedding(5, 2)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(layer(np.array([[3, 0, 3]])))
    gradient = tape.gradient(loss, layer.embeddings)
    expected = [[1, 1], [0, 0], [0, 0], [2, 2], [0, 0]]
    assert np.array(gradient).tolist() == expected


@pytest.mark.parametrize("ids", [[[1, 5]], np.array([-1]), 7, [[0.0, 5.0]]])
def test_host_data_outside_the_table_raises(ids):
    wrong = {5: 5, 7: 7, -1: -1}[int(np.ravel(ids)[-1])]
    with pytest.raises(IndexError, match=rf"'words'\) has 5 rows.* got {wrong}\."):
        Embedding(5, 2, name="words")(ids)


def test_integers_on_the_device_are_not_read():
    x = Embedding(5, 2)(jt.constant([1, 4]) + 1)
    assert np.isnan(x.numpy()).tolist() == [[False] * 2, [True] * 2]


def test_zeros_are_padding_where_that_was_said():
    ids = np.array([[2, 0], [0, 1]])
    assert mask_of(Embedding(5, 2)(ids)) is None
    layer = Embedding(5, 2, mask_zero=True)
    assert layer.supports_masking
    assert mask_of(layer(ids)).tolist() == [[True, False], [False, True]]
    assert layer.compute_mask([[0, 3]]).tolist() == [[False, True]]


@pytest.mark.parametrize(("rows", "length", "wrong"), [(0, 2, 0), (5, 2.5, 2.5)])
def test_sizes_are_positive_integers(rows, length, wrong):
    with pytest.raises(ValueError, match=f"got {wrong}"):
        Embedding(rows, length)


def test_regularizers_and_constraints_belong_to_the_table():
    layer = Embedding(
        5, 2, embeddings_regularizer="l2", embeddings_constraint=lambda e: e
    )
    layer([0])
    assert len(layer.losses) == 1
    assert layer.embeddings.constraint is not None
