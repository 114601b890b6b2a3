"""The files of the package, for the tests that read them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("framework", "layers", "losses", "optimizers", "regularizers")


def package_files():
    """The root `__init__.py`, then every module of the five folders, sorted."""
    modules = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [ROOT / "__init__.py", *sorted(modules)]
