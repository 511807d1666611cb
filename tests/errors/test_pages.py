"""Every code has a page, and every page tells the truth: its failing example fails so, its mended one does not."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from pathlib import Path

import pytest
from desk import ROOT, lay
from pages import FENCE, FOLDER, blessed, examples, invoke, page, page_codes, said

from cnnc.catalogue import pages
from cnnc.compiler.schedule import target
from cnnc.runtime import loader, runner

BLESS = "CNNC_BLESS" in os.environ
POOR = {"E0502", "E0503"}  # shown on a machine without any vector instructions
GUARDED = {"E0507"}  # and on one that lets no memory be executable


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    lay(folder)
    return folder


def raised() -> set[str]:
    """The codes in the sources."""
    folders = (ROOT / name for name in ("compiler", "runtime", "driver"))
    texts = (path.read_text() for folder in folders for path in folder.rglob("*.py"))
    return {code for text in texts for code in re.findall(r'"([EW]0\d{3})"', text)}


def test_every_code_has_a_page_and_every_page_a_code():
    assert sorted(raised()) == page_codes()


@pytest.mark.parametrize("code", page_codes())
def test_pages_have_one_form(code: str):
    text = page(code)
    assert re.match(rf"# {code}: [^\n]*[^\n.]\n\n", text)
    assert re.findall(r"^## .*", text, re.MULTILINE) == ["## Wrong", "## Mended"]
    assert [example.message is not None for example in examples(code)] == [True, False]
    prose = FENCE.sub("", text)
    assert max(map(len, prose.splitlines())) <= 135
    assert max(len(line) for example in examples(code) for line in example.text.splitlines()) <= 76


@pytest.mark.parametrize("code", page_codes())
def test_the_failing_example_fails_as_the_page_says(code: str, desk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(desk)
    if code in POOR:
        target.target.cache_clear()
        monkeypatch.setattr(target, "_host", tuple)
    if code in GUARDED:
        monkeypatch.setattr(loader._libc, "mprotect", lambda *_: ctypes.set_errno(errno.EACCES) or -1)
        monkeypatch.setattr(runner, "_made", [])
    wrong, _ = examples(code)
    found = said(wrong)
    assert set(re.findall(r"^(?:error|warning|note)\[(\w+)\]", found, re.MULTILINE)) == {code}
    if BLESS:
        blessed(code, found.strip() + "\n")
    else:
        assert found.strip() == (wrong.message or "").strip()


@pytest.mark.parametrize("code", page_codes())
def test_the_mended_example_is_right(code: str, desk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(desk)
    _, right = examples(code)
    assert said(right) == ""


def test_the_index_lists_the_pages():
    groups = {
        "E01": "Syntax",
        "E02": "Names and arguments",
        "E03": "Values, shapes, types and limits",
        "E04": "Weights",
        "E05": "Target and deployment",
        "E06": "Run time and data",
        "W0": "Warnings",
    }
    lines = ["# Errors and warnings", "", "`cnnc explain E0302` shows these pages in a terminal."]
    for begin, title in groups.items():
        lines += ["", f"## {title}", ""]
        lines += [f"- [{page.code}]({page.code}.md) {page.title}" for page in pages() if page.code.startswith(begin)]
    index = FOLDER / "README.md"
    if BLESS:
        index.write_text("\n".join(lines) + "\n")
    assert index.read_text() == "\n".join(lines) + "\n"


def test_explain_shows_a_page_as_it_is_where_nobody_looks():
    assert invoke("explain", "e0302").stdout == page("E0302")


def test_explain_lists_all_codes():
    listed = invoke("explain").stdout.splitlines()
    assert [line.split()[0] for line in listed] == page_codes()
    assert "E0302  tensors whose shapes do not fit one another" in listed


@pytest.mark.parametrize(("code", "says"), [("E302", "E0302"), ("zzz", "lists all codes")])
def test_explain_offers_the_nearest_codes(code: str, says: str):
    result = invoke("explain", code)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"no message has the code `{code}`" in result.stderr
    assert says in result.stderr
