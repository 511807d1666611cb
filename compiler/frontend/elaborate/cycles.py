"""Blocks and constants that need themselves, found in the text: recursion is an error, used or not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile

from ..syntax import ast
from .types import letters


def find_cycles(file: ast.File) -> Iterator[tuple[ast.Declaration, list[str]]]:
    """Each declaration that, through the texts of those it names, names itself, with the way round."""
    declared = {d.name.text: d for d in file.declarations if not isinstance(d, ast.Use)}
    needs = {name: [n for n in _free_names(d) if n in declared] for name, d in declared.items()}
    done: set[str] = set()
    for root in needs:
        waiting: list[tuple[str, Iterator[str]]] = [] if root in done else [(root, iter(needs[root]))]
        path = {name: None for name, _ in waiting}
        while waiting:
            name, rest = waiting[-1]
            following = next(rest, None)
            if following is None:
                waiting.pop()
                del path[name]
                done.add(name)
            elif following in path:
                way = [*dropwhile(lambda name: name != following, path), following]  # noqa: B023  used at once
                yield declared[following], way
            elif following not in done:
                waiting.append((following, iter(needs[following])))
                path[following] = None


def _free_names(declaration: ast.Declaration) -> list[str]:
    """The names of the file that a declaration's text reads, each once, in order. Sections apply no blocks."""
    events: list[tuple[int, bool, str]] = []  # where, whether it is read there (or bound), the name
    sizes: set[ast.Node] = set()
    for part in ast.walk(declaration, but=(ast.Section,)):
        match part:
            case ast.TypeNote(sizes=written):
                sizes.update(name for size in written for name in letters(size))
            case ast.Name(id=name):
                events.append((part.start, part not in sizes, name))
            case ast.Parameter(name=word) | ast.Input(name=word) | ast.Param(name=word) | ast.Share(name=word):
                events.append((part.end, False, word.text))
            case ast.Output(name=word, value=value) if value is not None:
                events.append((part.end, False, word.text))
            case ast.Binding(names=words):
                events.extend((part.end, False, word.text) for word in words)
            case ast.Named(name=word, quoted=False):
                events.append((part.end, False, word.text))
    own: set[str] = set()
    free: dict[str, None] = {}
    for _, read, name in sorted(events):
        if not read:
            own.add(name)
        elif name not in own:
            free[name] = None
    return list(free)
