import re
import tomllib

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.package_files import ROOT, package_files


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_is_that_of_pyproject(pyproject):
    assert jt.__version__ == pyproject["project"]["version"]


def test_show_versions_names_jaxtape_jax_and_numpy(capsys):
    jt.show_versions()
    printed = capsys.readouterr().out
    assert jt.__version__ in printed
    assert re.search(rf"\bjax\b.*{re.escape(jax.__version__)}", printed)
    assert re.search(rf"\bnumpy\b.*{re.escape(np.__version__)}", printed)


def test_runtime_dependencies_are_exactly_five(pyproject):
    requirements = pyproject["project"]["dependencies"]
    names = [re.match(r"[\w.-]+", requirement)[0] for requirement in requirements]
    assert sorted(names) == ["jax", "numpy", "optax", "safetensors", "tqdm"]


def test_every_package_folder_is_shipped(pyproject):
    folders = {path.relative_to(ROOT).parent.parts for path in package_files()}
    on_disk = {".".join(("jaxtape", *parts)) for parts in folders}
    assert set(pyproject["tool"]["setuptools"]["packages"]) == on_disk
