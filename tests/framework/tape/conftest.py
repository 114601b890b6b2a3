import pytest

import jaxtape as jt


@pytest.fixture(autouse=True, params=["op_by_op", "compiled"])
def execution(request):
    """Every claim of this folder holds for both ways to run a recording."""
    jt.config.execution(request.param)
    yield request.param
    jt.config.execution("auto")
