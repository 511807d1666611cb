"""The parser's tables are those of the grammar."""

import os
from pathlib import Path

from cnnc.compiler.frontend.syntax import tables

FILE = Path(__file__).parents[2] / "grammar" / tables.FILE


def test_the_file_is_what_lark_makes_of_the_grammar():
    made = tables.made()
    if os.environ.get("CNNC_BLESS"):
        FILE.write_text(made.to_json())
    assert FILE.read_text() == made.to_json()


def test_what_is_read_is_what_was_written():
    assert tables.written().to_json() == FILE.read_text()
