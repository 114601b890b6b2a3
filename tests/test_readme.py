"""Runs the python blocks of README.md and compares what they print.

A block of no language that follows at once is what a block prints. The blocks of a page
share their names, as for a reader who types them one after the other. Pages of `docs/`
are covered too; blocks with `>>>` are run by `test_doctests.py`.
"""

import contextlib
import doctest
import io
import re

import pytest

from tests.package_files import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n*^```\n(?P<printed>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
# As for docstrings: `...` stands for anything.
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(text):
    """Yields the line before each block of code, the code and what it should print."""
    for found in BLOCK.finditer(text):
        if ">>>" not in found["code"]:
            line = text.count("\n", 0, found.start("code"))
            yield line, found["code"], found["printed"]


def run(text, name):
    """Returns what was printed and was not to be, empty if all is right."""
    names, report = {"__name__": "__main__"}, []
    for line, code, expected in blocks(text):
        printed = io.StringIO()
        # Empty lines before it, so that errors name the line of the page.
        program = compile("\n" * line + code, name, "exec")
        with contextlib.redirect_stdout(printed):
            exec(program, names)
        right = doctest.OutputChecker().check_output(
            expected or "", printed.getvalue(), OPTIONS
        )
        if expected is not None and not right:
            report.append(f"{name}, line {line + 1}, printed:\n{printed.getvalue()}")
    return "".join(report)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if list(blocks(page.read_text(encoding="utf-8")))],
    ids=lambda page: page.name,
)
def test_blocks_print_what_the_page_shows(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(page.read_text(encoding="utf-8"), page.name) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_python_is_found(page):
    text = page.read_text(encoding="utf-8")
    assert len(BLOCK.findall(text)) == len(re.findall("(?i)```.*py", text))


def test_readme_begins_with_a_script_and_its_output():
    (_, code, printed), *_ = blocks(PAGES[0].read_text(encoding="utf-8"))
    assert "import jaxtape as jt\n" in code
    assert printed


def test_a_wrong_output_is_reported():
    page = "Text\n\n```python\nx = 1\nprint(x)\n```\n\n```\n2\n```\n"
    assert run(page, "page.md") == "page.md, line 4, printed:\n1\n"
    assert run(page.replace("\n2\n", "\n1\n"), "page.md") == ""


def test_an_error_names_the_line_of_the_page():
    page = "Text\n\n```python\nx = 1\n```\n\nMore\n\n```python\nprint(x / 0)\n```\n"
    with pytest.raises(ZeroDivisionError) as error:
        run(page, "page.md")
    last = error.traceback[-1]
    assert (str(last.path).endswith("page.md"), last.lineno + 1) == (True, 10)
