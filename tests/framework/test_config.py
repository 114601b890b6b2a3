import jax
import pytest

import jaxtape as jt


def test_devices_are_listed_as_tensorflow_lists_them():
    found = jt.config.list_physical_devices("CPU")
    assert found[0] == ("/physical_device:CPU:0", "CPU")
    assert len(found) == len(jax.devices("cpu"))
    assert found[0] in jt.config.list_physical_devices()
    assert jt.config.list_physical_devices("TPU") == []


def test_x64_is_a_switch():
    try:
        jt.config.enable_x64()
        assert jt.constant(1.0, dtype="float64").dtype == "float64"
    finally:
        jt.config.enable_x64(False)
    assert jt.Variable(1.0).dtype == "float32"


def test_run_eagerly_runs_each_call_at_once():
    usual = jt.config.bounds.pending_nodes
    try:
        jt.config.run_eagerly()
        assert jt.config.bounds.pending_nodes == 1
        x = jt.Variable(3.0)
        with jt.GradientTape() as tape:
            y = x * x
        assert float(tape.gradient(y, x)) == 6.0
    finally:
        jt.config.run_eagerly(False)
    assert jt.config.bounds.pending_nodes == usual


def test_the_compilation_cache_has_a_folder(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    try:
        jt.config.compilation_cache(tmp_path)
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_an_unknown_mode_of_execution_raises():
    with pytest.raises(ValueError, match="got 'fast'"):
        jt.config.execution("fast")
