"""model.save_weights and model.load_weights."""

import os
import pathlib
import re

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import jaxtape as jt
from jaxtape.framework.saving import disk, tensor_file
from jaxtape.framework.saving.weights import read as read_weights
from tests.interruption import interrupted_everywhere

FileContentError = jt.errors.FileContentError


def make(units=3, features=4, **options):
    hidden = jt.layers.Dense(units, input_shape=(features,), **options)
    return jt.Sequential([hidden, jt.layers.Dense(2, **options)])


def fill(model, start):
    """Gives each weight numbers of its own, and returns them."""
    values = []
    for number, variable in enumerate(model.variables):
        count = np.arange(variable.size).reshape(variable.shape)
        values.append((count + start + 100 * number).astype(variable.dtype))
    model.set_weights(values)
    return values


def assert_weights(model, expected):
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.weights.safetensors"


@pytest.fixture
def saved(path):
    """A weights file, and what is in it."""
    model = make()
    values = fill(model, 1)
    model.save_weights(path)
    return values


def test_weights_come_back(path, saved):
    model = make()
    model.load_weights(path)
    assert_weights(model, saved)


def test_a_path_is_a_text_too(path, saved):
    model = make()
    model.load_weights(os.fspath(path))
    assert_weights(model, saved)


def test_the_library_finds_the_weights_by_their_paths(path, saved):
    found = safetensors.numpy.load_file(path)
    names = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert sorted(found) == sorted(names)
    for name, values in zip(names, saved, strict=True):
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("start", [np.nan, -0.0, 1e-45, np.inf])
def test_every_bit_comes_back(path, start):
    model, other = make(), make()
    values = [np.full(v.shape, start, np.float32) for v in model.variables]
    model.set_weights(values)
    model.save_weights(path)
    other.load_weights(path)
    for found, wanted in zip(other.get_weights(), values, strict=True):
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_comes_back(path, dtype):
    model, other = make(dtype=dtype), make(dtype=dtype)
    values = fill(model, 0.5)
    model.save_weights(path)
    other.load_weights(path)
    assert_weights(other, values)


def test_wider_floats_are_rounded_with_a_warning(path, saved):
    model = make(dtype="bfloat16")
    with pytest.warns(UserWarning, match=r"dense/kernel \(float32 to bfloat16\)"):
        model.load_weights(path)
    assert_weights(model, [v.astype(jnp.bfloat16) for v in saved])


def test_narrower_floats_are_taken_as_they_are(path):
    model, other = make(dtype="bfloat16"), make()
    values = fill(model, 1)
    model.save_weights(path)
    other.load_weights(path)
    assert_weights(other, [v.astype(np.float32) for v in values])


def test_a_float_that_would_become_infinite_is_refused(path):
    model, half = make(), make(dtype="float16")
    before = fill(half, 1)
    model.set_weights([np.full(v.shape, 1e5, np.float32) for v in model.variables])
    model.save_weights(path)
    message = r"'dense.*/\w+' has float32 values up to 1e\+05, which float16 cannot"
    with pytest.raises(FileContentError, match=message):
        half.load_weights(path)
    assert_weights(half, before)


def test_integers_for_floats_are_refused(path):
    model = make()
    before = fill(model, 1)
    safetensors.numpy.save_file(
        {n: v.numpy().astype(np.int32) for n, v in model.variables_by_path().items()},
        path,
    )
    message = r"dense/bias: int32\[3\] in the file, float32\[3\] expected"
    with pytest.raises(FileContentError, match=message):
        model.load_weights(path)
    assert_weights(model, before)


def test_all_differences_are_listed_and_nothing_is_changed(path, saved):
    class Network(jt.Model):
        def __init__(self):
            super().__init__(name="network")
            self.dense = jt.layers.Dense(5)
            self.dense_2 = jt.layers.Dense(2)

        def call(self, inputs):
            return self.dense_2(self.dense(inputs))

    model = Network()
    model(np.ones((1, 4), np.float32))
    before = fill(model, 7)
    with pytest.raises(FileContentError) as caught:
        model.load_weights(path)
    text = str(caught.value)
    for line in (
        "does not fit Network 'network'; nothing was changed",
        "dense/bias: float32[3] in the file, float32[5] expected",
        "dense/kernel: float32[4, 3] in the file, float32[4, 5] expected",
        "missing in the file: dense_2/bias float32[2] (closest: dense_1/bias",
        "missing in the file: dense_2/kernel float32[5, 2] (closest: dense_1/kernel",
        "not in Network 'network': dense_1/bias float32[2] (closest: dense_2/bias",
        "skip_mismatch=True",
    ):
        assert line in text
    assert_weights(model, before)


def test_a_long_list_of_differences_is_cut(path, saved):
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(1,)) for _ in range(30)])
    with pytest.raises(FileContentError, match="and 40 more"):
        model.load_weights(path)


def test_what_fits_is_loaded_where_mismatches_are_skipped(path, saved):
    model = make(features=9)
    before = fill(model, 7)
    with pytest.warns(UserWarning, match=r"dense/kernel: float32\[4, 3\] in the file"):
        model.load_weights(path, skip_mismatch=True)
    assert_weights(model, [before[0], *saved[1:]])


def test_an_unbuilt_model_is_told_how_to_be_built(path, saved):
    model = jt.Sequential([jt.layers.Dense(3), jt.layers.Dense(2)])
    message = r"Not built yet: Sequential '\w+', .*call it once before loading"
    with pytest.raises(FileContentError, match=message):
        model.load_weights(path)
    model(np.ones((1, 4), np.float32))
    model.load_weights(path)
    assert_weights(model, saved)


def test_an_unbuilt_model_has_nothing_to_save(path):
    model = jt.Sequential([jt.layers.Dense(3)], name="bare")
    with pytest.raises(jt.errors.ArgumentError, match="'bare' has no weights yet"):
        model.save_weights(path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.hdf5"])
@pytest.mark.parametrize("method", ["save_weights", "load_weights"])
def test_an_hdf5_name_is_refused(name, method, tmp_path):
    message = rf"{re.escape(name)}', an HDF5 name.*a.weights.safetensors'"
    with pytest.raises(jt.errors.ArgumentError, match=message):
        getattr(make(), method)(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"\x89HDF\r\n", "an HDF5 file"), (b"PK\x03\x04", "a zip"), (b"\x80\x04", "a pi")],
)
def test_another_kind_of_file_is_named(path, start, kind):
    path.write_bytes(start + bytes(100))
    with pytest.raises(FileContentError, match=f"is {kind}.*docs/saving.md"):
        make().load_weights(path)


@pytest.mark.parametrize("extra", range(32))
def test_headers_of_every_length_are_read(path, extra):
    """A header of 128 bytes begins as a pickle does."""
    arrays = {"w": np.zeros(1, np.float32)}
    with open(path, "w+b") as stream:
        tensor_file.write(stream, arrays, {"note": "x" * 8 * extra})
    assert read_weights(os.fspath(path)).values["w"] == 0


def test_a_missing_file_is_told_with_its_neighbours(path, saved):
    with pytest.raises(FileNotFoundError, match=r"Did you mean model\.weights\.safet"):
        make().load_weights(path.with_name("model.weigths.safetensors"))
    with pytest.raises(jt.errors.MissingFileError, match="There is no folder"):
        make().load_weights(path.parent / "none" / "a.safetensors")


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_a_cut_file_changes_nothing(path, saved, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    model = make()
    before = fill(model, 7)
    with pytest.raises(FileContentError, match=r"bytes"):
        model.load_weights(path)
    assert_weights(model, before)


def test_a_changed_file_changes_nothing(path, saved):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    model = make()
    before = fill(model, 7)
    with pytest.raises(FileContentError, match="was changed since it was written"):
        model.load_weights(path)
    assert_weights(model, before)


def test_a_newer_version_is_refused(path):
    arrays = {n: v.numpy() for n, v in make().variables_by_path().items()}
    with open(path, "w+b") as stream:
        tensor_file.write(stream, arrays, {"jaxtape_weights": "2"})
    with pytest.raises(FileContentError, match=r"version '2'.*reads version 1"):
        make().load_weights(path)


def test_a_folder_is_no_place_for_weights(tmp_path):
    with pytest.raises(jt.errors.ArgumentError, match="`filepath` is the folder"):
        make().save_weights(tmp_path)


def test_nothing_is_replaced_without_overwrite(path, saved):
    content = path.read_bytes()
    message = "exists already, and `overwrite` is false"
    with pytest.raises(jt.errors.ArgumentError, match=message):
        make().save_weights(path, overwrite=False)
    assert path.read_bytes() == content


def test_a_file_has_the_rights_of_any_new_file(path, saved):
    other = path.with_name("other")
    other.write_bytes(b"")
    assert path.stat().st_mode == other.stat().st_mode


def test_a_link_keeps_pointing_to_the_file(path, saved, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(path)
    model = make()
    values = fill(model, 9)
    model.save_weights(link)
    assert link.is_symlink()
    model = make()
    model.load_weights(path)
    assert_weights(model, values)


@pytest.mark.parametrize("place", ["fsync", "replace", "write"])
def test_a_full_disk_leaves_the_old_file(path, saved, place, monkeypatch):
    content = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    if place == "write":
        monkeypatch.setattr(tensor_file, "write", fail)
    else:
        monkeypatch.setattr(disk.os, place, fail)
    message = rf"{re.escape(str(path))} failed: no space is left.*unchanged"
    with pytest.raises(jt.errors.FileAccessError, match=message) as caught:
        make().save_weights(path)
    assert caught.value.errno == 28
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(path, saved):
    folder = path.parent
    left = f".{path.name}.{'0' * 32}.tmp"
    kept = [f".{path.name}.tmp", f".other.{'0' * 32}.tmp"]
    for name in (left, *kept):
        (folder / name).write_bytes(b"x")
    with disk.Draft(str(folder / f".{path.name}.{'1' * 32}.tmp")) as draft:
        make().save_weights(path)
        assert pathlib.Path(draft.path).exists()
    assert sorted(os.listdir(folder)) == sorted([*kept, path.name])


def test_old_values_keep_their_gradient(path, saved):
    model = make()
    fill(model, 1)
    x = np.ones((2, 4), np.float32)
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(model(x))
        model.load_weights(path)
    gradient = tape.gradient(loss, model.variables[-1])
    np.testing.assert_array_equal(gradient, [2, 2])  # of the bias: the batch size
    assert_weights(model, saved)


def test_weights_that_share_a_buffer_come_back(path, saved):
    """An optimizer puts small variables and their slots side by side."""
    model, optimizer = make(), jt.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    fill(model, 7)
    model.load_weights(path)
    assert_weights(model, saved)
    model.save_weights(path)
    other = make()
    other.load_weights(path)
    assert_weights(other, saved)


def test_a_later_step_does_not_reach_what_was_saved_or_loaded(path, saved):
    model, other = make(), make()
    model.load_weights(path)
    other.load_weights(path)
    optimizer = jt.optimizers.SGD(1.0)
    for _ in range(3):
        gradients = [np.ones(v.shape, np.float32) for v in model.variables]
        optimizer.apply(gradients, model.variables)
    assert_weights(other, saved)
    assert_weights(model, [v - 3 for v in saved])


def test_ctrl_c_leaves_all_old_or_all_new_weights(path, saved):
    model = make()
    fill(model, 7)

    def check():
        found = [variable.numpy().ravel()[0] for variable in model.variables]
        assert found in ([1, 101, 201, 301], [7, 107, 207, 307])
        fill(model, 7)

    places = interrupted_everywhere(lambda: model.load_weights(path), check, stride=83)
    assert places > 100


@pytest.mark.parametrize(
    ("filepath", "message"),
    [(None, "got None"), (3, r"got 3 \(int\)"), ("", "`filepath` is empty")],
)
@pytest.mark.parametrize("method", ["save_weights", "load_weights", "save"])
def test_what_is_no_path_is_refused(method, filepath, message):
    with pytest.raises(jt.errors.JaxtapeError, match=message):
        getattr(make(), method)(filepath)


def test_a_path_of_bytes_is_taken(path, saved):
    make().load_weights(os.fsencode(path))


def test_the_arrays_of_a_saved_model_are_told_from_weights(tmp_path):
    model = make()
    model.save(tmp_path)
    (name,) = [name for name in os.listdir(tmp_path) if name.startswith("state")]
    message = rf"part of a saved model: give its folder, '{re.escape(str(tmp_path))}'"
    with pytest.raises(FileContentError, match=message):
        model.load_weights(tmp_path / name)


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(jt.errors.FileAccessError, match="there is no such folder"):
        make().save_weights(tmp_path / "none" / "w.safetensors")


class Twins(jt.Model):
    """Layers and variables of one name, told apart by where they are."""

    def __init__(self):
        super().__init__()
        self.first = jt.layers.Dense(2, name="same")
        self.second = jt.layers.Dense(2, name="same")
        self.scale = jt.Variable([1.0, 2.0], name="same")
        self.shifts = [jt.Variable(3.0, name="same"), jt.Variable(4.0, name="same")]

    def call(self, inputs):
        hidden = self.second(self.first(inputs)) * self.scale
        return hidden + self.shifts[0] + self.shifts[1]


def test_g11_equal_names_have_keys_of_their_own_in_every_process(path):
    models = [Twins(), Twins()]  # automatic names are counted on in between
    for model in models:
        model(np.ones((1, 2)))
    values = fill(models[0], 1)
    models[0].save_weights(path)
    models[1].load_weights(path)
    assert_weights(models[1], values)
    assert sorted(safetensors.numpy.load_file(path)) == [
        "first/bias",
        "first/kernel",
        "scale",
        "second/bias",
        "second/kernel",
        "shifts/0",
        "shifts/1",
    ]
