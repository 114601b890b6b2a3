"""Where a call was made, as messages say it: in files and in notebooks."""

import ast
import linecache
import sys
from types import SimpleNamespace

import pytest

import jaxtape as jt
from jaxtape.framework.recording.site import is_ours, user_site
from tests.package_files import ROOT, package_files

CELL = "x = 1\nsite = user_site()\n"


def site_in(file, text=CELL):
    names = {"user_site": user_site, "jt": jt}
    exec(compile(text, file, "exec"), names)
    return names["site"]


def test_a_line_of_a_file():
    assert str(site_in("/home/user/train.py")) == "/home/user/train.py:2"


def test_a_script_beside_the_package_is_the_user_s():
    place = str(ROOT / "train.py")
    assert str(site_in(place)) == f"{place}:2"
    assert all(is_ours(str(path)) for path in package_files())


def test_a_cell_of_an_older_notebook():
    """IPython 7 names a cell by its number and a hash of its text."""
    assert str(site_in("<ipython-input-12-abc0ffee>")) == "cell 12, line 2"


def test_a_cell_of_a_notebook(monkeypatch):
    """IPython 8 knows the number of the cell that a file name stands for."""
    cells = {"/tmp/ipykernel_7/123.py": ("Cell", "In[5]")}
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=cells.get))
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert str(site_in("/tmp/ipykernel_7/123.py")) == "cell 5, line 2"
    assert str(site_in("/home/user/train.py")) == "/home/user/train.py:2"


def test_ipython_without_a_shell(monkeypatch):
    ipython = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert str(site_in("/home/user/train.py")) == "/home/user/train.py:2"


def test_the_function_that_a_line_is_in():
    assert user_site().function == "test_the_function_that_a_line_is_in"
    assert site_in("/home/user/train.py").function == ""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("site = user_site()", "user_site()"),
        ("y = [1,\n  user_site(\n  )]; site = y[1]", "user_site()"),
        ('é = "é"; site = user_site()', "user_site()"),
    ],
)
def test_the_expression_that_made_a_call(text, wanted):
    file = f"<test {text}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    found = site_in(file, text).expression()
    assert found is not None
    assert ast.unparse(found) == wanted


def test_an_expression_without_source():
    assert site_in("/home/user/no_such_file.py").expression() is None
