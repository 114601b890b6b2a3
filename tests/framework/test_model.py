import numpy as np
import pytest

import jaxtape as jt

X = np.ones((2, 3), "float32")


class Network(jt.Model):
    def __init__(self):
        super().__init__(name="network")
        self.blocks = [jt.layers.Dense(4, activation="relu")]
        self.heads = {"value": jt.layers.Dense(1, name="value")}

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.heads["value"](inputs)


def test_layers_in_lists_and_dicts_are_the_model_s():
    model = Network()
    assert model(X).shape == (2, 1)
    shapes = [v.shape for v in model.trainable_variables]
    assert shapes == [(3, 4), (4,), (4, 1), (1,)]
    assert model.layers == [model.blocks[0], model.heads["value"]]


def test_a_layer_appended_after_a_step_is_trained():
    model, optimizer = Network(), jt.optimizers.SGD(0.1)
    for step in range(3):
        if step == 1:
            model.blocks.append(jt.layers.Dense(4, kernel_initializer="identity"))
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(model(X))
        watched = model.trainable_variables
        assert len(watched) == (4 if step == 0 else 6)
        optimizer.apply(tape.gradient(loss, watched), watched)


def test_losses_are_those_of_all_layers():
    model = Network()
    model.blocks[0].kernel_regularizer = jt.regularizers.l2(0.1)
    model.heads["value"].bias_regularizer = jt.regularizers.l1(1.0)
    model(X)
    kernel = model.blocks[0].kernel.numpy()
    assert float(jt.add_n(model.losses)) == pytest.approx(0.1 * (kernel**2).sum())
    assert len(model.losses) == 2


def test_layers_are_found_by_name_and_place():
    model = Network()
    assert model.get_layer("value") is model.heads["value"]
    assert model.get_layer(index=-1) is model.heads["value"]
    with pytest.raises(ValueError, match=r"named 'policy'.*value"):
        model.get_layer("policy")
    with pytest.raises(ValueError, match="has 2 layers; got `index` 2"):
        model.get_layer(index=2)


def test_summary_counts_parameters():
    model, lines = Network(), []
    model(X)
    model.blocks[0].trainable = False
    model.summary(print_fn=lines.append)
    assert lines[0] == 'Model: "network"'
    cells = [line.strip("│ ").split() for line in lines]
    assert ["value", "(Dense)", "│", "(None,", "1)", "│", "5"] in cells
    assert lines[-3:] == [
        " Total params: 21 (84.00 B)",
        " Trainable params: 5 (20.00 B)",
        " Non-trainable params: 16 (64.00 B)",
    ]


def test_summary_of_a_model_that_was_not_called(capsys):
    Network().summary()
    assert "0 (unbuilt)" in capsys.readouterr().out


def test_keras_paths_are_the_same_classes():
    assert jt.keras.Model is jt.keras.models.Model is jt.Model
    assert jt.keras.Sequential is jt.keras.models.Sequential is jt.Sequential
    assert jt.keras.optimizers.Adam is jt.optimizers.Adam
    assert jt.autodiff.ForwardAccumulator is jt.ForwardAccumulator
    assert jt.keras.losses.MeanSquaredError is jt.losses.MeanSquaredError
    assert jt.keras.regularizers.l2 is jt.regularizers.l2
    assert jt.keras.layers.Layer is jt.layers.Layer is jt.Layer
