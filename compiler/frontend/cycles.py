"""Blocks and constants that need themselves, found in the text: recursion is an error, used or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from . import ast


def find_cycles(file: ast.File) -> Iterator[tuple[ast.Declaration, list[str]]]:
    """Each declaration that, through the texts of those it names, names itself, with the way round."""
    declared = {d.name.text: d for d in file.declarations if not isinstance(d, ast.Use)}
    needs = {name: [n for n in _free_names(d) if n in declared] for name, d in declared.items()}
    done: set[str] = set()
    for root in needs:
        path: list[str] = []
        waiting: list[tuple[str, Iterator[str]]] = [] if root in done else [(root, iter(needs[root]))]
        path.extend(name for name, _ in waiting)
        while waiting:
            name, rest = waiting[-1]
            following = next(rest, None)
            if following is None:
                waiting.pop()
                path.pop()
                done.add(name)
            elif following in path:
                way = [*path[path.index(following) :], following]
                yield declared[following], way
            elif following not in done:
                waiting.append((following, iter(needs[following])))
                path.append(following)


def _free_names(declaration: ast.Declaration) -> list[str]:
    """The names of the file that a declaration's text reads, each once, in order."""
    own = set(_bound_names(declaration))
    return [name for name in dict.fromkeys(_names(declaration)) if name not in own]


def _names(node: ast.Node) -> Iterator[str]:
    return (part.id for part in walk(node) if isinstance(part, ast.Name))


def _bound_names(declaration: ast.Declaration) -> Iterator[str]:
    for part in walk(declaration):
        match part:
            case ast.Parameter(name=word) | ast.Input(name=word) | ast.Param(name=word) | ast.Share(name=word):
                yield word.text
            case ast.Output(name=word, value=value) if value is not None:
                yield word.text
            case ast.Binding(names=words):
                yield from (word.text for word in words)
            case ast.Named(name=word, quoted=False):
                yield word.text


def walk(node: ast.Node) -> Iterator[ast.Node]:
    """A node and everything in it, in source order."""
    waiting: list[object] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, tuple):
            waiting.extend(reversed(here))
        elif isinstance(here, ast.Node):
            yield here
            waiting.extend(getattr(here, f.name) for f in reversed(dataclasses.fields(here)))
