import pytest

import jaxtape as jt


@pytest.fixture(autouse=True)
def switched_off():
    """Whatever a test switches on is off after it."""
    yield
    jt.debug.disable()
    jt.config.safe_steps(False)
