"""Runs a function in several threads at once, and gives back what each returned."""

import contextlib
import sys
import threading


def in_threads(function, count=1):
    """`[function(0), ..., function(count - 1)]`, each in a thread of its own.

    All start together; the first exception of a thread is raised here.
    """
    results, errors = [None] * count, []
    gate = threading.Barrier(count)

    def run(number):
        try:
            gate.wait(30)
            results[number] = function(number)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(n,), daemon=True) for n in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def in_a_thread(function):
    """`function()` in another thread."""
    return in_threads(lambda _: function())[0]


@contextlib.contextmanager
def frequent_switches():
    """Lets threads take turns every microsecond, where they would seldom collide."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
