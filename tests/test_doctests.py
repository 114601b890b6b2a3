"""Runs the `>>>` examples of every docstring in the package.

The files are read with `ast`, so that an example is found wherever its docstring
stands: under a decorator, in a property, on an object that is no plain function.
`pytest --doctest-modules` would also import the files under the checkout's name.
"""

import ast
import doctest
import importlib
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.package_files import ROOT, package_files

SLOW = {"layers/applications/vgg16.py:VGG16"}  # draws 15 million numbers
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("jaxtape", *(part for part in parts if part != "__init__")))


def docstring_examples(source, file_name):
    """Yields the docstrings that hold examples, each as one `DocTest`."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        docstring = isinstance(node, documented) and ast.get_docstring(
            node, clean=False
        )
        if docstring and ">>>" in docstring:
            name = getattr(node, "name", "module")
            line = node.body[0].lineno - 1
            yield doctest.DocTestParser().get_doctest(
                docstring, {}, name, file_name, line
            )


def parameters():
    for path in package_files():
        name = path.relative_to(ROOT).as_posix()
        for test in docstring_examples(path.read_text(encoding="utf-8"), name):
            case = f"{name}:{test.name}"
            marks = [pytest.mark.slow] * (case in SLOW)
            yield pytest.param(module_name(path), test, id=case, marks=marks)


def failures(test):
    """Returns the report of the examples that went wrong, empty if none did."""
    report = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize(("module", "test"), list(parameters()))
def test_docstring_example(module, test):
    names = vars(importlib.import_module(module))
    # An example is a user's code: the names that it sees are not the package's own.
    user = {"__name__": "__main__"}
    test.globs = {"jt": jt, "jax": jax, "np": np, **names, **user}
    assert failures(test) == ""


@pytest.mark.parametrize("path", package_files(), ids=module_name)
def test_module_imports(path):
    module = importlib.import_module(module_name(path))
    assert Path(module.__file__).resolve() == path


def test_a_wrong_example_is_reported():
    source = 'class Sum:\n    """Adds.\n\n    >>> 1 + 1\n    3\n    """\n'
    (test,) = docstring_examples(source, "sum.py")
    assert 'File "sum.py", line 4, in Sum' in failures(test)


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_page(page):
    text = page.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert failures(test) == ""
