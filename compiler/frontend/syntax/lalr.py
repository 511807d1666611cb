"""Lark's tables, run by a loop of our own: the same language in a third of the time, and errors that recovery wants.

On its way to an expression a number passes a dozen rules, one for each tightness of operators, that only hand it on.
Such a walk depends on nothing but the rule that it begins with, the state below and the next token, so it is walked
once and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

from lark import Token
from lark.grammar import Rule
from lark.lexer import TerminalDef
from lark.parse_tree_builder import ExpandSingleChild

from .faults import DEEPEST, Fault
from .tables import Tables

END = "$END"
STATES = 16 * DEEPEST  # on the stack at once: no construct takes more for a level of nesting


class Unexpected(Exception):
    """Characters `[start, …)` of a text begin no token that could stand there; `ended` where there are none left.

    `expected` are the grammar's names of what could.
    """

    def __init__(self, start: int, expected: frozenset[str], ended: bool):
        super().__init__(start, expected, ended)
        self.start, self.expected, self.ended = start, expected, ended


@dataclass(frozen=True, slots=True)
class _Reduction:
    """`origin` from the last `size` values; `single` where that only hands on the value that there is."""

    origin: str
    size: int
    make: Callable[[list[Any]], Any]
    single: bool


class Parser:
    """The language, read by what `builder` does for each rule."""

    def __init__(self, builder: object, tables: Tables, keep_all_tokens: bool = False):
        makers = tables.makers(builder, keep_all_tokens)
        reductions = [_reduction(rule, make) for rule, make in zip(tables.rules, makers, strict=True)]
        self._starts, self._ends = tables.starts, tables.ends
        self._actions: dict[int, dict[str, int | _Reduction]] = {}  # by state and token: the state that follows
        self._after: dict[int, dict[str, int]] = {}  # by state and rule
        for state, steps in tables.states.items():
            self._actions[state], self._after[state] = {}, {}
            for name, step in steps.items():
                if step < 0:
                    self._actions[state][name] = reductions[~step]
                else:
                    (self._actions if name.isupper() else self._after)[state][name] = step
        self._match = _pattern(tables.terminals, tables.ignored).match
        self._walked: dict[tuple[int, str, str], int] = {}

    def parse(self, text: str, start: str) -> Any:
        """What the builder makes of a text; raises `Unexpected`, or what the builder raises."""
        actions, next_token, walked = self._actions, self._match, self._walked
        state, end = self._starts[start], self._ends[start]
        states, values = [state], []
        at, line = 0, 1
        while True:
            match = next_token(text, at)
            assert match is not None
            kind = match.lastgroup or END
            begin, after = match.span(kind) if match.lastgroup else (match.end(), match.end())
            if kind is END and begin < len(text):
                raise Unexpected(begin, frozenset(actions[state]), False)
            if at < begin:
                line += text.count("\n", at, begin)
            while isinstance(step := actions[state].get(kind), _Reduction):
                if size := step.size:
                    value = step.make(values[-size:])
                    del values[-size:], states[-size:]
                else:
                    value = step.make([])
                below = states[-1]
                key = below, step.origin, kind
                state = walked[key] if key in walked else self._walk(*key)
                states.append(state)
                values.append(value)
                if state == end and kind is END:
                    return value
            if step is None:
                raise Unexpected(begin, self._acceptable(states), kind is END)
            token = str.__new__(Token, text[begin:after])
            token.type, token.start_pos, token.end_pos, token.line = kind, begin, after, line
            state, at = step, after
            states.append(state)
            values.append(token)
            if len(states) > STATES:
                raise Fault(f"brackets and expressions nest deeper than {DEEPEST}", begin, after, code="E0108")

    def _walk(self, below: int, origin: str, kind: str) -> int:
        """The state after `origin` in the state `below`, and after what merely hands it on before a `kind`."""
        key = below, origin, kind
        state = self._after[below][origin]
        while isinstance(step := self._actions[state].get(kind), _Reduction) and step.single:
            state = self._after[below][step.origin]
        self._walked[key] = state
        return state

    def _acceptable(self, states: list[int]) -> frozenset[str]:
        """The tokens that could come next, which are not all that the state has a step for."""
        return frozenset(name for name in self._actions[states[-1]] if self._accepts(states, name))

    def _accepts(self, states: list[int], kind: str) -> bool:
        """Whether a token of this kind would be shifted after all the reductions that it asks for."""
        kept, above = len(states) - 1, states[-1:]  # the stack is `states[:kept]`, and what stands above
        while isinstance(step := self._actions[above[-1]].get(kind), _Reduction):
            kept -= max(0, step.size - len(above))
            del above[max(0, len(above) - step.size) :]
            above.append(self._after[above[-1] if above else states[kept - 1]][step.origin])
            if kind == END and above[-1] in self._ends.values():
                return True
        return step is not None


def _reduction(rule: Rule, make: Callable[[list[Any]], Any]) -> _Reduction:
    single = len(rule.expansion) == 1 and isinstance(make, ExpandSingleChild)
    return _Reduction(rule.origin.name, len(rule.expansion), make, single)


def _pattern(terminals: Sequence[TerminalDef], ignored: Container[str]) -> re.Pattern[str]:
    """One of these tokens, a group each, or nothing, after what is ignored; earlier ones win, which Lark orders so.

    Lark has a pattern for each state, of the tokens that may stand there. To make them takes longer than to read most
    texts, and no word of this language is one thing here and another there.
    """
    ordered = sorted(terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    skipped = "|".join(f"(?:{t.pattern.to_regexp()})++" for t in ordered if t.name in ignored)
    wanted = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in ordered if t.name not in ignored)
    return re.compile(f"(?:{skipped})*+(?:{wanted})?")
