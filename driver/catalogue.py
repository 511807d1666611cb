"""What the codes of errors and warnings mean: the pages of docs/errors, which `cnnc explain` shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files

FOLDER = files("cnnc.explanations")


@dataclass(frozen=True)
class Page:
    """A page's first line is `# E0302: title`."""

    code: str
    text: str

    @property
    def title(self) -> str:
        return self.text.split("\n", 1)[0].partition(": ")[2]


def pages() -> Iterator[Page]:
    """Every page, in the order of the codes."""
    for name in sorted(entry.name for entry in FOLDER.iterdir()):
        if name.endswith(".md") and name[1:2].isdigit():
            yield Page(name.removesuffix(".md"), (FOLDER / name).read_text(encoding="utf-8"))


def page(code: str) -> Page | None:
    path = FOLDER / f"{code}.md"
    return Page(code, path.read_text(encoding="utf-8")) if path.is_file() else None


def nearest(code: str) -> list[str]:
    """Codes that may have been meant."""
    return get_close_matches(code, [page.code for page in pages()], 3, 0.6)
