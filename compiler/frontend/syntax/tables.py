"""The parser's tables: made by Lark from the grammar, or read from the file in which that was written down.

Making them takes a fifth of a second, reading them a few milliseconds. A test holds the file to the grammar, and writes
it anew when it is told to bless.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Tree
from lark.grammar import Rule, RuleOptions
from lark.lexer import Lexer, TerminalDef
from lark.parse_tree_builder import ParseTreeBuilder
from lark.parsers.lalr_analysis import Shift

STARTS = ("file", "_declaration", "header", "statement", "expression")
FILE = "tables.json"


class _Ours(Lexer):
    """Lark makes this one in place of a lexer for each state, which nobody would use."""

    def __init__(self, conf: object):
        pass

    def lex(self, lexer_state: object, parser_state: object) -> Iterator[Token]:
        raise NotImplementedError


class _Spreading:
    """A builder whose methods take their arguments as a list, which is how Lark calls them."""

    def __init__(self, builder: object):
        self._builder = builder

    def __getattr__(self, rule: str) -> Callable[[list[Any]], Any]:
        method = getattr(self._builder, rule)
        return lambda parts: method(*parts)


@dataclass(frozen=True)
class Tables:
    """An LALR(1) automaton. In each state, by the name of a token or rule: the state that follows, or `~k` to reduce by
    rule k."""

    starts: Mapping[str, int]
    ends: Mapping[str, int]
    states: Mapping[int, Mapping[str, int]]
    rules: tuple[Rule, ...]
    terminals: tuple[TerminalDef, ...]
    ignored: tuple[str, ...]

    def makers(self, builder: object, keep_all_tokens: bool = False) -> list[Callable[[list[Any]], Any]]:
        """What a builder's methods make of each rule's parts, with Lark's conventions about which parts those are."""
        rules = [_keeping(rule) for rule in self.rules] if keep_all_tokens else list(self.rules)
        made = ParseTreeBuilder(rules, Tree, maybe_placeholders=True).create_callback(_Spreading(builder))
        return [made[rule] for rule in self.rules]

    def to_json(self) -> str:
        """Readable by `from_json`: a line for each state, rule and terminal."""
        parts = {
            "starts": [self.starts],
            "ends": [self.ends],
            "states": [[state, steps] for state, steps in self.states.items()],
            "rules": [rule.serialize() for rule in self.rules],
            "terminals": [terminal.serialize() for terminal in self.terminals],
            "ignored": [list(self.ignored)],
        }
        lines = {name: ",\n".join(json.dumps(row, sort_keys=True) for row in rows) for name, rows in parts.items()}
        return "{" + ",\n".join(f'"{name}": [\n{rows}\n]' for name, rows in lines.items()) + "}\n"

    @staticmethod
    def from_json(text: str) -> Tables:
        data = json.loads(text)
        return Tables(
            data["starts"][0],
            data["ends"][0],
            dict(data["states"]),
            tuple(Rule.deserialize(rule, {}) for rule in data["rules"]),
            tuple(TerminalDef.deserialize(terminal, {}) for terminal in data["terminals"]),
            tuple(data["ignored"][0]),
        )


def _keeping(rule: Rule) -> Rule:
    """A rule whose maker is given the tokens too that say nothing new."""
    kept = RuleOptions(True, rule.options.expand1, empty_indices=rule.options.empty_indices)
    return Rule(rule.origin, rule.expansion, rule.order, rule.alias, kept)


def made() -> Tables:
    """The tables, made from the grammar."""
    lark = Lark.open_from_package("cnnc.grammar", "cnn.lark", parser="lalr", lexer=_Ours, start=list(STARTS))
    table = lark.parser.parser.parser.parse_table  # type: ignore[attr-defined]
    rules = {rule: number for number, rule in enumerate(lark.rules)}
    for steps in table.states.values():
        for action, argument in steps.values():
            if action is not Shift:
                rules.setdefault(argument, len(rules))
    number = _numbers(table.states, [table.start_states[start] for start in STARTS])
    states = {
        number[state]: {
            name: number[argument] if action is Shift else ~rules[argument]
            for name, (action, argument) in sorted(table.states[state].items())
        }
        for state in number
    }
    terminals = tuple(sorted(lark.terminals, key=lambda terminal: terminal.name))
    ends = {start: number[state] for start, state in table.end_states.items()}
    begins = {start: number[state] for start, state in table.start_states.items()}
    return Tables(begins, ends, states, tuple(rules), terminals, tuple(lark.ignore_tokens))


def _numbers(states: Mapping[int, Mapping[str, tuple[object, Any]]], starts: list[int]) -> dict[int, int]:
    """A number for each state in the order in which they are reached; Lark's differ from process to process."""
    reached = dict.fromkeys(starts)
    waiting = list(reached)
    for state in waiting:
        following = [argument for _, (action, argument) in sorted(states[state].items()) if action is Shift]
        waiting += [other for other in dict.fromkeys(following) if other not in reached]
        reached |= dict.fromkeys(following)
    return {state: number for number, state in enumerate(reached)}


def written() -> Tables:
    """The tables as the file has them."""
    return Tables.from_json(files("cnnc.grammar").joinpath(FILE).read_text())
