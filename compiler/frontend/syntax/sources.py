"""Files as text: what can be read at all, before any of it is parsed."""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF8
from pathlib import Path

from ...diagnostics import Diagnostic, Source, Span, model_error
from .words import length

# So much is checked and laid out in two seconds, whatever it says.
LARGEST = 1_000_000  # bytes
WORDS = 50_000  # and signs and comments


def read_source(path: Path, name: str) -> Source:
    """The text of a file under the name that messages give it; raises `ModelError`.

    Pipes and devices are refused: they may have no end, or never begin.
    """
    try:
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(LARGEST + 1) if regular else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise model_error([Diagnostic("E0110", f"cannot read {name}: {reason}", file=name)]) from None
    if not regular:
        raise model_error([Diagnostic("E0110", f"cannot read {name}: it is no regular file", file=name)])
    return source_of(data, name)


def source_of(data: bytes, name: str) -> Source:
    """These bytes as text, without the mark that some editors begin it with; raises `ModelError`."""
    data = data.removeprefix(BOM_UTF8)
    try:
        text = data[:LARGEST].decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        where = Span(Source(name, before + "�"), len(before), len(before) + 1)
        if len(data) <= LARGEST:
            raise model_error([Diagnostic("E0103", f"byte {data[error.start]:#04x} is not UTF-8", where)]) from None
        text = before
    source = Source(name, text)
    check_source(source, len(data))
    return source


def check_source(source: Source, size: int) -> None:
    """Refuse a text that is too large or holds a NUL."""
    if size > LARGEST:
        raise model_error(
            [Diagnostic("E0104", f"{source.name} is larger than {LARGEST // 1_000_000} MB", file=source.name)]
        )
    if size > WORDS and (words := length(source.text)) > WORDS:
        message = f"{source.name} has {words:,} words, signs and comments; {WORDS:,} is the limit"
        raise model_error([Diagnostic("E0104", message, file=source.name)])
    if (at := source.text.find("\0")) >= 0:
        raise model_error([Diagnostic("E0103", "a NUL byte in the text", Span(source, at, at + 1))])
