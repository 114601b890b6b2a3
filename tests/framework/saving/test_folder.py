"""The folder of a saved model: damage, interruption, refusal, and others who save."""

import os
import stat
import sys
import threading

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.saving import disk, tensor_file
from tests import kill_saves
from tests.interruption import Interruption

FileContentError = jt.errors.FileContentError


@pytest.fixture(scope="module")
def models():
    """Two models of one structure, all weights of which are 1 and 2."""
    made = [jt.Sequential([jt.layers.Dense(2, input_shape=(1,))]) for _ in "ab"]
    for number, model in enumerate(made, start=1):
        fill(model, number)
    return made


def fill(model, number):
    model.set_weights([np.full(v.shape, number, np.float32) for v in model.variables])


@pytest.fixture
def folder(tmp_path, models):
    """A folder with the first model."""
    path = tmp_path / "model"
    models[0].save(path)
    return path


def number_in(folder):
    """The one number that all weights of the saved model have."""
    model = jt.load_model(folder, compile=False)
    (number,) = {float(x) for values in model.get_weights() for x in values.ravel()}
    return number


def arrays_of(folder):
    (name,) = [name for name in os.listdir(folder) if name.startswith("state-")]
    return folder / name


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Damage


@pytest.mark.parametrize(
    "stride", [7, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_a_changed_byte_is_noticed(folder, stride):
    for path in (folder / "model.json", arrays_of(folder)):
        sound = path.read_bytes()
        for place in range(0, len(sound), stride):
            changed = bytearray(sound)
            changed[place] ^= 1 << place % 8
            path.write_bytes(changed)
            with pytest.raises(FileContentError, match=r"saved model|changed since"):
                jt.load_model(folder)
        path.write_bytes(sound)
    assert number_in(folder) == 1


@pytest.mark.parametrize("part", [0, 0.3, 0.5, 0.99])
def test_a_cut_document_is_refused(folder, part):
    path = folder / "model.json"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(
        FileContentError, match=r"model\.json (is no saved|was changed)"
    ):
        jt.load_model(folder)


def test_a_cut_file_of_arrays_is_refused_with_both_sizes(folder):
    path = arrays_of(folder)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    message = rf"has {len(content) // 2} bytes; model.json says .* {len(content)}\."
    with pytest.raises(FileContentError, match=message):
        jt.load_model(folder)


def test_a_missing_file_of_arrays_is_named(folder):
    path = arrays_of(folder)
    path.unlink()
    with pytest.raises(FileContentError, match=f"refers to {path.name}, which is not"):
        jt.load_model(folder)


def test_the_arrays_of_another_model_are_refused(folder, tmp_path):
    other = tmp_path / "other"
    jt.Sequential([jt.layers.Dense(2, input_shape=(1,))]).save(other)
    arrays_of(folder).write_bytes(arrays_of(other).read_bytes())
    with pytest.raises(FileContentError, match="was changed since it was written"):
        jt.load_model(folder)


def test_a_damaged_model_can_be_saved_over(folder, models):
    path = folder / "model.json"
    path.write_bytes(path.read_bytes().replace(b"dense", b"DENSE"))
    models[1].save(folder)
    assert number_in(folder) == 2
    assert len(os.listdir(folder)) == 2


# A save that fails


def full_disk(monkeypatch, call, is_folder):
    """Lets the `call`-th fsync of files, or of folders, fail."""
    calls, real = [], os.fsync

    def fsync(number):
        calls.append(stat.S_ISDIR(os.fstat(number).st_mode))
        if calls.count(is_folder) == call and calls[-1] == is_folder:
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr(disk.os, "fsync", fsync)


@pytest.mark.parametrize("call", [1, 2], ids=["arrays", "document"])
def test_a_full_disk_leaves_the_old_model(folder, models, call, monkeypatch):
    before = content_of(folder)
    full_disk(monkeypatch, call, is_folder=False)
    message = r"Saving to .*model failed: no space is left on the device\. .* unchanged"
    with pytest.raises(jt.errors.FileAccessError, match=message) as caught:
        models[1].save(folder)
    assert caught.value.errno == 28
    assert content_of(folder) == before
    assert number_in(folder) == 1


@pytest.mark.parametrize("call", [1, 2])
def test_a_folder_that_cannot_be_synced_does_not_matter(
    folder, models, call, monkeypatch
):
    full_disk(monkeypatch, call, is_folder=True)
    models[1].save(folder)
    assert number_in(folder) == 2


def test_a_document_that_cannot_be_replaced_leaves_the_old_model(
    folder, models, monkeypatch
):
    before = content_of(folder)

    def replace(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(disk.os, "replace", replace)
    with pytest.raises(jt.errors.FileAccessError, match="permission denied"):
        models[1].save(folder)
    assert content_of(folder) == before


def test_a_failed_first_save_leaves_no_folder(tmp_path, models, monkeypatch):
    def write(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensor_file, "write", write)
    with pytest.raises(jt.errors.FileAccessError, match="no space is left"):
        models[0].save(tmp_path / "new")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_file_that_may_not_grow_leaves_the_old_model(folder, models):
    import resource  # noqa: PLC0415

    before = content_of(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(jt.errors.FileAccessError, match="larger than the system"):
            models[1].save(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content_of(folder) == before


def test_arrays_that_come_back_otherwise_are_not_committed(folder, models, monkeypatch):
    before = content_of(folder)
    real = tensor_file.write

    def write(stream, arrays, metadata):
        return real(stream, {n: a + 1 for n, a in arrays.items()}, metadata)

    monkeypatch.setattr(tensor_file, "write", write)
    with pytest.raises(FileContentError, match="what was read back differs"):
        models[1].save(folder)
    assert content_of(folder) == before


# Between the opening of a file and the line that knows of it, only Python closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_leaves_the_old_model_or_the_new_one(folder, models):
    with Interruption(at=0) as whole:
        models[0].save(folder)
    before = number_in(folder)
    for at in range(1, whole.count + 1, 61):
        fill(models[0], at)
        with Interruption(at):
            models[0].save(folder)
        found = number_in(folder)
        assert found in (before, at)
        before = found
    fill(models[0], 1)
    models[0].save(folder)
    assert number_in(folder) == 1
    assert len(os.listdir(folder)) == 2


# Others


def test_what_killed_processes_left_is_removed(folder, models):
    for digit in "ab":
        (folder / f"state-{digit * 32}.safetensors").write_bytes(b"x")
        (folder / f"model-{digit * 32}.json.tmp").write_bytes(b"x")
    models[1].save(folder)
    assert number_in(folder) == 2
    assert len(os.listdir(folder)) == 2


def test_what_another_process_is_writing_is_left(folder, models):
    token = "c" * 32
    document = folder / f"model-{token}.json.tmp"
    with disk.Draft(str(folder / f"state-{token}.safetensors")) as draft:
        document.write_bytes(b"x")
        models[1].save(folder)
        assert os.path.exists(draft.path)
        assert document.exists()
    models[1].save(folder)
    assert len(os.listdir(folder)) == 2


def test_two_writers_and_a_reader_share_a_folder(folder, models):
    stop, errors = threading.Event(), []

    def write(model):
        try:
            for _ in range(30):
                model.save(folder)
        except Exception as error:
            errors.append(error)

    def read():
        try:
            while not stop.is_set():
                assert number_in(folder) in (1, 2)
        except Exception as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(model,)) for model in models]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert errors == []
    assert number_in(folder) in (1, 2)
    models[0].save(folder)
    assert len(os.listdir(folder)) == 2


@pytest.mark.slow
def test_killed_processes_leave_a_model_that_loads(tmp_path):
    """Five of the kills of `python -m tests.kill_saves 50`."""
    kill_saves.kill_saves(tmp_path, times=5)
