"""Worker processes and forks: rows E7, E8 and E9."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from jaxtape.framework.training.data import find_source
from tests import worker_datasets
from tests.worker_datasets import FAULTY, Changing, Numbered, OnDevice

PROCESSES = {"workers": 2, "use_multiprocessing": True}


def children(source):
    return [worker._process for worker in source._processes if worker._process]


def wait_until_gone(processes):
    deadline = time.monotonic() + 10
    while any(process.is_alive() for process in processes):
        assert time.monotonic() < deadline, "orphan process"
        time.sleep(0.05)


def test_e8_spawned_workers_give_the_same_bits_in_the_same_order():
    expected = list(Numbered())
    source = find_source(Numbered(delay=0.002, **PROCESSES))
    for epoch in range(2):
        for found, other in zip(source.batches(epoch), expected, strict=True):
            np.testing.assert_array_equal(found[0], other[0])
            np.testing.assert_array_equal(found[1], other[1])
    processes = children(source)
    assert {process.pid for process in processes}
    assert os.getpid() not in {process.pid for process in processes}
    source.close()
    wait_until_gone(processes)


@pytest.mark.slow
def test_e8_what_on_epoch_end_changes_reaches_the_workers():
    source = find_source(Changing(**PROCESSES))
    for epoch in range(3):
        assert [int(y[0]) for _, y in source.batches(epoch)] == [epoch] * 8
        source.end_epoch()
    source.close()


@pytest.mark.slow
def test_e8_workers_leave_accelerators_alone():
    source = find_source(OnDevice(**PROCESSES))
    assert all(y.all() for _, y in source.batches(0))
    source.close()


FAULTS = {
    "Dying": (RuntimeError, r"worker process \d+ died \(signal 9\) on batch 5"),
    "Raising": (LookupError, r"row 17 of a\.csv"),
    "Hanging": (
        RuntimeError,
        r"worker process \d+ has been making batch 5 .* 2 seconds",
    ),
    "Misshapen": (ValueError, r"batch 5 .* \(by worker process \d+\): `x` has 3 "),
    "Stubborn": (RuntimeError, r"TwoArguments: a.* by worker process \d+"),
    "Unloadable": (RuntimeError, r"cannot be loaded .*top level of a module"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_e9_a_worker_that_fails_is_an_error_in_the_main_process(name):
    error, message = FAULTS[name]
    dataset = getattr(worker_datasets, name)(timeout=2.0, **PROCESSES)
    source = find_source(dataset)
    begun, processes = time.monotonic(), []
    batches = (processes.extend(children(source)) for _ in source.batches(0))
    with pytest.raises(error, match=message) as caught:
        list(batches)
    assert time.monotonic() - begun < 30
    assert caught.match(r"worker process \d+")
    wait_until_gone(processes)


@pytest.mark.slow
def test_e9_the_traceback_of_the_worker_is_shown():
    source = find_source(worker_datasets.Raising(**PROCESSES))
    with pytest.raises(LookupError) as caught:
        list(source.batches(0))
    text = str(caught.value.__cause__)
    assert "worker_datasets.py" in text
    assert "in __getitem__" in text
    assert f"batch {FAULTY}" in "".join(caught.value.__notes__)


@pytest.mark.slow
def test_e9_no_process_outlives_a_main_process_that_is_killed(tmp_path):
    script = """
import sys, time
from tests.worker_datasets import Numbered
from jaxtape.framework.training.data import find_source
if __name__ == "__main__":
    source = find_source(Numbered(workers=2, use_multiprocessing=True))
    batches = source.batches(0)
    next(batches), next(batches)
    print(*[w._process.pid for w in source._processes if w._process], flush=True)
    time.sleep(600)
"""
    path = tmp_path / "main.py"
    path.write_text(script, encoding="utf-8")
    main = started(path, stdout=subprocess.PIPE)
    pids = [int(pid) for pid in main.stdout.readline().split()]
    assert len(pids) == 2
    main.kill()
    main.communicate()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "orphan process"
        time.sleep(0.05)


def started(path, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, str(path)], env=environment, text=True, **options
    )


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def output(path):
    """What a script says within 60 seconds."""
    process = started(path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return process.communicate(timeout=180)[0]
    finally:
        process.kill()


@pytest.mark.slow
def test_e9_a_script_without_a_main_guard_is_told_so(tmp_path):
    path = tmp_path / "main.py"
    path.write_text(
        "from tests.worker_datasets import Numbered\n"
        "from jaxtape.framework.training.data import find_source\n"
        "data = Numbered(workers=1, use_multiprocessing=True)\n"
        "list(find_source(data).batches(0))\n",
        encoding="utf-8",
    )
    said = output(path)
    assert "died (exit code 1)" in said
    assert "if __name__ == '__main__':" in said


class ForkingLoader:
    """A PyTorch DataLoader with workers, as far as jaxtape looks at it."""

    dataset, batch_size, num_workers = object(), 4, 2

    def __init__(self, context=None):
        self.multiprocessing_context = context

    def __iter__(self):
        return iter([])


def test_e7_a_loader_that_forks_its_workers_is_refused(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_start_method", lambda **_: "fork")
    with pytest.raises(ValueError, match=r"num_workers=2.*[Uu]se spawn"):
        find_source(ForkingLoader())


FORKS = """
import multiprocessing, sys, warnings
import numpy as np
warnings.simplefilter("ignore")  # JAX's own, about the fork
import jaxtape as jt

def child():
    {call}

if __name__ == "__main__":
    {before}
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(10)
    print("exit code", process.exitcode)
    process.kill()
"""
NOW = "(jt.Variable([1.0, 2.0]) * 3.0).numpy()"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize(
    ("call", "before"),
    [
        ("jt.constant(np.ones((9, 9), np.float32)) @ np.ones((9, 9))", "pass"),
        pytest.param(NOW, NOW, marks=pytest.mark.slow),
        pytest.param("jt.layers.Dense(2)(jt.ones(3))", NOW, marks=pytest.mark.slow),
        pytest.param("import jax; jax.numpy.sin(3.25)", NOW, marks=pytest.mark.slow),
    ],
)
def test_e7_a_forked_process_says_use_spawn_and_does_not_hang(tmp_path, call, before):
    path = tmp_path / "main.py"
    path.write_text(FORKS.format(call=call, before=before), encoding="utf-8")
    said = output(path)
    assert "Use spawn: multiprocessing.get_context('spawn')" in said
    assert "exit code 1" in said


@pytest.mark.slow
def test_e7_a_forked_process_may_use_numpy(tmp_path):
    path = tmp_path / "main.py"
    call = "print(np.ones(3).sum())"
    path.write_text(FORKS.format(call=call, before=NOW), encoding="utf-8")
    said = output(path)
    assert "3.0" in said
    assert "exit code 0" in said


WAITING = """
import signal, threading, time, sys
import numpy as np
from jaxtape.framework.training.data import find_source

def endless():
    while True:
        {body}
        yield np.ones((4, 2)), np.ones(4)

batches = find_source(endless()).batches(0)
{end}
"""


@pytest.mark.slow
def test_a_thread_that_prepares_batches_does_not_keep_the_interpreter(tmp_path):
    path = tmp_path / "main.py"
    end = "next(batches); print('done')"
    path.write_text(WAITING.format(body="pass", end=end), encoding="utf-8")
    process = started(path, stdout=subprocess.PIPE)
    assert process.communicate(timeout=180)[0] == "done\n"
    assert process.returncode == 0


@pytest.mark.slow
def test_ctrl_c_ends_the_wait_for_a_batch(tmp_path):
    path = tmp_path / "main.py"
    end = (
        "threading.Timer(1, signal.raise_signal, [signal.SIGINT]).start()\n"
        "try: next(batches)\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    path.write_text(WAITING.format(body="time.sleep(600)", end=end), encoding="utf-8")
    assert "interrupted" in output(path)
