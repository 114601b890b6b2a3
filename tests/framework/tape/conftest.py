import pytest

import jaxtape as jt

# Their runs op by op compile every call by itself, which takes minutes in all.
MANY_DERIVATIVES = {
    *(
        "test_batch_jacobian.py",
        "test_custom_gradient.py",
        "test_forward_accumulator.py",
    ),
    *("test_hessian.py", "test_jacobian.py", "test_recompute_grad.py"),
}


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the markers
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name in MANY_DERIVATIVES and "op_by_op" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, params=["op_by_op", "compiled"])
def execution(request):
    """Every claim of this folder holds for both ways to run a recording."""
    jt.config.execution(request.param)
    yield request.param
    jt.config.execution("auto")
