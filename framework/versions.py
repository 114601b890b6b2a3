"""Versions of jaxtape and of what it runs on."""

import importlib.metadata
import platform

import jax
import numpy as np

__version__ = "0.1.0"


def show_versions() -> None:
    """Print the versions of jaxtape, Python, JAX, NumPy and optax, and the devices."""
    print(f"jaxtape {__version__}")
    print(f"Python {platform.python_version()} on {platform.platform()}")
    print(f"jax {jax.__version__}")
    print(f"numpy {np.__version__}")
    print(f"optax {importlib.metadata.version('optax')}")
    print(f"devices: {', '.join(str(device) for device in jax.devices())}")
