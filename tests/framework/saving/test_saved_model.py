"""model.save and jt.load_model: what comes back."""

import builtins
import json
import os
import subprocess

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.saved_folder import rewritten

FileContentError = jt.errors.FileContentError
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
Y = X[:, [0, 1, 2, 3, 0]] - 1


def make():
    """A network whose steps draw from the common stream and from one of its own."""
    return jt.Sequential(
        [
            jt.layers.Dense(5, activation="relu", input_shape=(4,)),
            jt.layers.Dropout(0.3),
            jt.layers.Dropout(0.2, seed=3),
        ]
    )


def train(model, optimizer, steps=3):
    """The losses of some steps, as their bits."""
    loss_fn, losses = jt.losses.MeanSquaredError(), []
    for _ in range(steps):
        with jt.GradientTape() as tape:
            loss = loss_fn(Y, model(X, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        losses.append(loss.numpy().tobytes())
    return losses


def bits(variables):
    return [variable.numpy().tobytes() for variable in variables]


def without_seed(model):
    """Random numbers that no seed makes repeatable, drawn once."""
    return jt.random.uniform((3,)).numpy(), jt.random.uniform((3,), seed=5).numpy()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "model"


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: jt.optimizers.Adam(0.01),
        pytest.param(
            lambda: jt.optimizers.SGD(0.1, 0.9, nesterov=True, weight_decay=0.01),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["Adam", "SGD"],
)
def test_resumed_training_is_the_uninterrupted_one(folder, optimizer):
    jt.random.set_seed(1)
    model, optimizer = make(), optimizer()
    model.optimizer = optimizer
    train(model, optimizer)
    jt.random.uniform((2,), seed=5)
    model.save(folder)
    expected = train(model, optimizer), *without_seed(model), make().get_weights()
    jt.random.set_seed(2)
    found = jt.load_model(folder)
    assert found is not model
    resumed = train(found, found.optimizer), *without_seed(found), make().get_weights()
    assert resumed[0] == expected[0]
    np.testing.assert_array_equal(resumed[1:3], expected[1:3])
    for mine, theirs in zip(resumed[3], expected[3], strict=True):
        np.testing.assert_array_equal(mine, theirs)  # first weights of a new model
    assert bits(found.variables) == bits(model.variables)
    names = list(optimizer.variables_for(dict.fromkeys(map(id, model.variables), "")))
    assert "iterations" in names
    assert bits(found.optimizer.variables) == bits(optimizer.variables)
    assert found.optimizer.get_config() == optimizer.get_config()


def test_a_model_without_optimizer_comes_back(folder):
    model = make()
    model.save(folder)
    found = jt.load_model(folder)
    assert found.optimizer is None
    assert [layer.name for layer in found.layers] == [x.name for x in model.layers]
    assert found.get_config() == model.get_config()
    np.testing.assert_array_equal(found(X), model(X))


def test_without_compile_only_the_model_is_made(folder):
    model = make()
    model.save(folder, optimizer=jt.optimizers.Adam())
    state = jt.random.get_state()
    train(model, jt.optimizers.SGD())
    after = jt.random.get_state()
    assert after["main"].tolist() != state["main"].tolist()
    found = jt.load_model(folder, compile=False)
    assert found.optimizer is None
    now = jt.random.get_state()
    assert now["keys"] == after["keys"]
    np.testing.assert_array_equal(now["main"], after["main"])


def test_a_model_can_be_loaded_while_64_bit_types_are_on(folder):
    """The count of updates is an int64 then."""
    model = make()
    model.save(folder, optimizer=jt.optimizers.Adam())
    with jax.enable_x64(True):
        found = jt.load_model(folder)
        assert found.optimizer.iterations.dtype == np.int64
        assert found.variables[0].dtype == np.float32


def test_the_optimizer_can_be_left_out(folder):
    model = make()
    model.optimizer = jt.optimizers.Adam()
    model.save(folder, include_optimizer=False)
    assert jt.load_model(folder).optimizer is None


def test_an_optimizer_that_is_given_is_saved(folder):
    model = make()
    model.optimizer = jt.optimizers.Adam()
    model.save(folder, optimizer=jt.optimizers.SGD(0.25))
    found = jt.load_model(folder).optimizer
    assert isinstance(found, jt.optimizers.SGD)
    assert float(found.learning_rate) == 0.25


def test_a_learning_rate_that_was_assigned_comes_back(folder):
    model = make()
    model.optimizer = jt.optimizers.Adam(0.5)
    model.optimizer.learning_rate = 0.1
    model.save(folder)
    found = jt.load_model(folder).optimizer.learning_rate.numpy()
    assert found == np.float32(0.1)


def halving(step):
    return 1.0 / (1 + step)


def test_a_schedule_is_found_among_the_custom_objects(folder):
    model = make()
    model.optimizer = jt.optimizers.SGD(halving)
    train(model, model.optimizer, 1)
    model.save(folder)
    found = jt.load_model(folder, custom_objects={"halving": halving})
    assert float(found.optimizer.learning_rate) == 0.5
    with pytest.raises(jt.errors.ArgumentError, match="schedule of the name 'halving'"):
        jt.load_model(folder)


def test_settings_that_cannot_be_written_are_given_again(folder):
    def optimizer():
        return jt.optimizers.SGD(lambda step: 0.25, momentum=0.5)

    model = make()
    model.optimizer = optimizer()
    train(model, model.optimizer, 1)
    with pytest.warns(UserWarning, match="SGD 'sgd.*' was saved without its settings"):
        model.save(folder)
    expected = train(model, model.optimizer)
    found = jt.load_model(folder, optimizer=optimizer())
    assert train(found, found.optimizer) == expected
    message = "settings of the optimizer, SGD, could not be saved"
    with pytest.raises(jt.errors.ArgumentError, match=message):
        jt.load_model(folder)
    message = "`optimizer` is Adam 'adam.*', and .*has the state of SGD"
    with pytest.raises(jt.errors.ArgumentError, match=message):
        jt.load_model(folder, optimizer=jt.optimizers.Adam())


@pytest.mark.slow
def test_an_optax_transformation_is_resumed(folder):
    import optax  # noqa: PLC0415

    def optimizer():
        return jt.optimizers.Optax(optax.adamw(0.01))

    model = make()
    model.optimizer = optimizer()
    train(model, model.optimizer)
    with pytest.warns(UserWarning, match="Optax 'optax.*' was saved without"):
        model.save(folder)
    expected = train(model, model.optimizer)
    found = jt.load_model(folder, optimizer=optimizer())
    assert train(found, found.optimizer) == expected


def test_an_optimizer_that_none_was_saved_for_is_refused(folder):
    make().save(folder)
    message = "has no optimizer, so the `optimizer` given, 'mine'"
    with pytest.raises(jt.errors.ArgumentError, match=message):
        jt.load_model(folder, optimizer=jt.optimizers.Adam(name="mine"))


def test_an_optimizer_of_other_variables_is_refused(folder):
    model, optimizer = make(), jt.optimizers.Adam()
    optimizer.build([*model.trainable_variables, jt.Variable(1.0, name="stranger")])
    with pytest.raises(jt.errors.ArgumentError, match=r"not in Sequential.*stranger"):
        model.save(folder, optimizer=optimizer)
    assert not folder.exists()


class Tower(jt.Model):
    """Layers of its own, made when it is called, one of them used twice."""

    def __init__(self, width, depth=2, **options):
        super().__init__(**options)
        self.width, self.depth = width, depth
        self.blocks = [jt.layers.Dense(width) for _ in range(depth)]
        self.heads = {"mean": jt.layers.Dense(1), "scale": jt.layers.Dense(1)}
        self.noise = jt.random.Generator(4)

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        inputs = inputs + self.noise.normal((self.width,))
        return self.heads["mean"](inputs) + self.heads["scale"](self.blocks[-1](inputs))


def test_a_model_of_ones_own_comes_back(folder):
    model = Tower(3, name="tower")
    model(X)
    model.blocks[0].trainable = False
    model.heads["mean"].bias.trainable = False
    model.save(folder)
    expected = model(X).numpy()
    found = jt.load_model(folder, custom_objects={"Tower": Tower})
    assert (type(found), found.name, found.width, found.depth) == (Tower, "tower", 3, 2)
    assert found.built
    np.testing.assert_array_equal(found(X), expected)
    trained = [v.trainable for v in found.variables]
    assert trained == [v.trainable for v in model.variables]
    assert sorted(trained) == [False] * 3 + [True] * 5
    found.trainable = True
    assert len(found.blocks[0].trainable_variables) == 2


def test_a_class_that_nobody_registered_is_named(folder):
    model = Tower(3)
    model(X)
    model.save(folder)
    with pytest.raises(jt.errors.ArgumentError, match="no layer of the name 'Tower'"):
        jt.load_model(folder)


def test_an_unbuilt_model_comes_back_unbuilt(folder):
    jt.Sequential([jt.layers.Dense(2)]).save(folder)
    found = jt.load_model(folder)
    assert found.variables == []
    assert found(X).shape == (8, 2)


def test_weights_are_loaded_from_the_folder(folder):
    model, other = make(), make()
    model.save(folder, optimizer=jt.optimizers.Adam())
    other.load_weights(folder)
    assert bits(other.variables) == bits(model.variables)


def test_a_folder_holds_two_files_however_often_it_is_saved(folder):
    model = make()
    for _ in range(3):
        model.save(folder)
        names = sorted(os.listdir(folder))
        assert names[0] == "model.json"
        assert names[1].startswith("state-")
        assert len(names) == 2


def test_the_manifest_holds_size_and_digest(folder):
    make().save(folder)
    (files,) = json.loads((folder / "model.json").read_bytes())["files"].items()
    name, row = files
    assert row["size"] == (folder / name).stat().st_size
    printed = subprocess.check_output(["sha256sum", folder / name], text=True)
    assert printed.split()[0] == row["sha256"]


def test_files_of_others_stay_in_the_folder(folder):
    folder.mkdir()
    others = ["notes.txt", "state-1.safetensors", "model.json.bak", ".tmp"]
    for name in others:
        (folder / name).write_text("x")
    make().save(folder)
    make().save(folder)
    assert set(others) < set(os.listdir(folder))


def test_keras_paths_to_the_same_functions(folder):
    jt.keras.models.save_model(make(), folder)
    found = jt.keras.models.load_model(folder)
    assert isinstance(found, jt.Sequential)
    assert jt.saving.load_model is jt.load_model is jt.keras.saving.load_model


def test_configs_keep_numbers_that_json_has_not(folder):
    class Clip(jt.layers.Layer):
        def __init__(self, low, high, **options):
            super().__init__(**options)
            self.low, self.high = low, high

        def call(self, inputs):
            return jt.clip_by_value(inputs, self.low, self.high)

    model = jt.Sequential([Clip(-np.inf, 1e-300, name="clip")])
    model.save(folder)
    json.loads((folder / "model.json").read_bytes(), parse_constant=pytest.fail)
    found = jt.load_model(folder, custom_objects={"Clip": Clip}).layers[0]
    assert (found.low, found.high) == (-np.inf, 1e-300)


# Paths


def test_a_missing_model_is_told(folder):
    with pytest.raises(
        FileNotFoundError, match=r"no saved model at .*: no such folder"
    ):
        jt.load_model(folder)
    folder.mkdir()
    with pytest.raises(jt.errors.MissingFileError, match=r"no model\.json in it"):
        jt.load_model(folder)


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(
        jt.errors.ArgumentError, match=r"model\.keras', which is a file"
    ):
        jt.load_model(file)
    with pytest.raises(jt.errors.ArgumentError, match=r"a\.h5', an HDF5 name"):
        make().save(tmp_path / "a.h5")


def test_nothing_is_replaced_without_overwrite(folder):
    model = make()
    model.save(folder, overwrite=False)
    before = (folder / "model.json").read_bytes()
    message = "holds a saved model already, and `overwrite` is false"
    with pytest.raises(jt.errors.ArgumentError, match=message):
        model.save(folder, overwrite=False)
    assert (folder / "model.json").read_bytes() == before


def test_another_programs_document_is_not_replaced(folder):
    folder.mkdir()
    (folder / "model.json").write_text('{"modelTopology": {}}')
    with pytest.raises(FileContentError, match=r"another program.*modelTopology"):
        make().save(folder)
    assert os.listdir(folder) == ["model.json"]


# Documents that somebody made up


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "subprocess>run"])
@pytest.mark.parametrize("place", ["model", "layer", "initializer", "optimizer"])
def test_a_document_runs_and_imports_nothing(folder, name, place, monkeypatch):
    def called(*arguments, **options):
        pytest.fail(f"{name} was called on {arguments}")

    model = make()
    model.save(folder, optimizer=jt.optimizers.Adam())
    evil = {
        "class_name": name,
        "module": name.partition(".")[0],
        "config": {"cmd": "x"},
    }

    def change(content):
        layer = content["model"]["config"]["layers"][1]
        if place == "model":
            content["model"] = evil
        elif place == "layer":
            content["model"]["config"]["layers"][1] = evil
        elif place == "initializer":
            layer["config"]["kernel_initializer"] = evil
        else:
            content["optimizer"] = {**content["optimizer"], **evil}

    rewritten(folder, change)
    before, state = sorted(os.listdir(folder)), jt.random.get_state()
    with monkeypatch.context() as patch:
        patch.setattr(os, "system", called)
        patch.setattr(subprocess, "run", called)
        patch.setattr(builtins, "eval", called)
        with pytest.raises(jt.errors.JaxtapeError, match=f"'{name}'"):
            jt.load_model(folder, safe_mode=False)
    assert sorted(os.listdir(folder)) == before
    assert jt.random.get_state()["keys"] == state["keys"]


@pytest.mark.parametrize("activation", ["os.system", "__main__", "lambda x: x"])
def test_a_function_that_nobody_registered_is_refused(folder, activation):
    make().save(folder)

    def change(content):
        config = content["model"]["config"]["layers"][1]["config"]
        config["activation"] = activation

    rewritten(folder, change)
    with pytest.raises(jt.errors.ArgumentError, match=f"of the name '{activation}'"):
        jt.load_model(folder)


def remove(*path):
    def change(content):
        for name in path[:-1]:
            content = content[name]
        del content[path[-1]]

    return change


def replace(value, *path):
    def change(content):
        for name in path[:-1]:
            content = content[name]
        content[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace(2, "version"), "has version 2 .*reads version 1. Update jaxtape"),
        (replace("x", "format"), "has the format 'x'; expected 'jaxtape.model'"),
        (remove("model"), "has None as 'model'"),
        (replace([], "built"), r"has \[\] as 'built'"),
        (replace("x", "frozen"), "has 'x' as 'frozen'"),
        (replace({}, "random"), "does not say where the random streams are: KeyError"),
        (replace({}, "files"), r"has the files \{\} and the arrays 'state-"),
        (replace("../../etc/passwd", "arrays"), "the arrays '../../etc/passwd'"),
        (replace({"../x": {}}, "files"), r"has the files \{'\.\./x'"),
        (
            replace([["dense/kernel", "os"]], "optimizer", "variables"),
            "the optimizer has state for 'os'",
        ),
        (
            replace(7, "model", "config", "layers", 1, "config", "units"),
            r"dense/kernel: float32\[4, 5\] in the file, float32\[4, 7\] expected",
        ),
        (replace([], "model", "config", "layers"), "not in Sequential .*: weights/"),
        (
            replace({"class_name": "Dense", "config": {"units": "x"}}, "model"),
            "`units` of Dense must be a positive integer; got 'x'",
        ),
    ],
)
def test_a_document_that_makes_no_sense_is_refused(folder, change, message):
    make().save(folder, optimizer=_built_adam())
    rewritten(folder, change)
    before = jt.random.get_state()
    with pytest.raises(jt.errors.JaxtapeError, match=message):
        jt.load_model(folder)
    after = jt.random.get_state()
    np.testing.assert_array_equal(after["main"], before["main"])
    assert after["keys"] == before["keys"]


def _built_adam():
    return jt.optimizers.Adam()


def distance(y_true, y_pred):
    return jt.reduce_mean(abs(y_pred - y_true), axis=-1)


class OwnCompile(jt.Sequential):
    """A model with arguments of its own to compile it with."""

    def compile(self, optimizer, power):
        super().compile(optimizer, loss="mse")
        self.power = power


def compiled(cls=jt.Sequential, **arguments):
    model = cls([jt.layers.Dense(5, input_shape=(4,), name="dense")])
    model.compile(jt.optimizers.SGD(0.1, momentum=0.9), **arguments)
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "mae", "metrics": ["mse"]},
        {"loss": jt.losses.mean_absolute_error, "weighted_metrics": ["mse"]},
        {"loss": distance, "metrics": [jt.metrics.MeanSquaredError(name="mse")]},
        {"loss": {"dense": "mae"}, "metrics": {"dense": ["mse"]}},
        {"loss": jt.losses.MeanAbsoluteError(), "metrics": ["mse", distance]},
    ],
    ids=["names", "function", "own function", "by output", "objects"],
)
def test_a_loaded_model_is_compiled_as_it_was(folder, arguments):
    model = compiled(**arguments)
    model.save(folder)
    same = jt.load_model(folder, custom_objects={"distance": distance})
    found = same.evaluate(X, Y, verbose=0, return_dict=True)
    errors = X @ model.layers[0].kernel.numpy() - Y
    np.testing.assert_allclose(found["loss"], np.abs(errors).mean(), rtol=1e-5)
    np.testing.assert_allclose(found["mse"], (errors**2).mean(), rtol=1e-5)


def test_a_loaded_model_is_fitted_on_to_the_bit(folder):
    model = compiled(loss="mse")
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    model.save(folder)
    same = jt.load_model(folder)
    assert same.optimizer.iterations == 4
    for each in (model, same):
        jt.random.set_seed(1)
        each.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert bits(same.variables) == bits(model.variables)


def test_a_lambda_as_loss_is_not_saved_and_said(folder):
    model = compiled(loss=lambda y, p: jt.reduce_mean(p - y, axis=-1))
    with pytest.warns(UserWarning, match=r"without what compile\(\) was given") as seen:
        model.save(folder)
    assert seen[0].filename == __file__
    same = jt.load_model(folder)
    assert not same.compiled
    assert same.optimizer.momentum == 0.9


def test_a_name_that_nobody_registered_is_told_with_the_way_around(folder):
    model = compiled(loss=distance)
    model.save(folder)
    with pytest.raises(ValueError, match="no loss of the name 'distance'") as caught:
        jt.load_model(folder)
    assert "compile=False" in str(caught.value.__notes__)
    assert not jt.load_model(folder, compile=False).compiled


def test_a_compile_of_ones_own_is_called_again_by_hand(folder):
    model = compiled(OwnCompile, power=2)
    model.save(folder)
    same = jt.load_model(folder, custom_objects={"OwnCompile": OwnCompile})
    assert not same.compiled
    assert same.optimizer.momentum == 0.9


def test_a_folder_of_an_earlier_version_has_no_settings(folder):
    compiled(loss="mse").save(folder)
    rewritten(folder, lambda content: content.pop("compile"))
    assert not jt.load_model(folder).compiled
