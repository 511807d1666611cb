"""How highlighters tell the parts of a `.cnn` file apart, and the lexer for Pygments, which finds it by itself.

One table of rules makes the lexer here and the TextMate grammar of editors/. A highlighter goes by how things look: a
stage that a file hides behind a name of its own is still shown as a stage. Only Pygments imports this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace, _TokenType

from cnnc.compiler.frontend.elaborate.functions import FUNCTIONS
from cnnc.compiler.frontend.elaborate.values import WORDS
from cnnc.compiler.ir.operator import REGISTRY
from cnnc.compiler.ir.types import DTYPES

DECLARATIONS = ("use", "const", "block", "model")
STATEMENTS = ("input", "param", "share", "output", "assert")
CHOICE = ("if", "then", "else")
OPERATORS = ("and", "or", "not", "as")
CONSTANTS = ("true", "false", "none")
RESERVED = (*DECLARATIONS, *STATEMENTS, *CHOICE, *OPERATORS, *CONSTANTS)
SECTIONS = ("train", "test")
STAGES = tuple(name for name, record in REGISTRY.items() if record.stage)

SIGNS = ("->", "==", "!=", "<=", ">=", "**", "//", "<", ">", "+", "-", "*", "/", "%", "=")  # the longer first
MARKS = ("(", ")", "[", "]", "{", "}", ",", ":", ".")

_END = "(?![A-Za-z0-9_])"  # of a word
NAME = f"(?!({'|'.join(RESERVED)}){_END})[A-Za-z_][A-Za-z0-9_]*"
NUMBER = r"[0-9]+(_[0-9]+)*(\.[0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])"
STRING = r'"[^"\r\n]*"'
COMMENT = r"#[^\n]*"
_NAME = NAME.replace("(", "(?:").replace("(?:?!", "(?!")  # in rules with groups only those count that have a kind


@dataclass(frozen=True)
class Rule:
    """What a pattern shows: one kind for all of it, or one for each of its groups."""

    pattern: str
    kinds: tuple[str, ...]


def _words(words: tuple[str, ...], kind: str, after: str = _END) -> Rule:
    return Rule(f"(?:{'|'.join(words)}){after}", (kind,))


def _signs(signs: tuple[str, ...], kind: str) -> Rule:
    return Rule("|".join(map(re.escape, signs)), (kind,))


RULES = (
    Rule(r"\s+", ("space",)),
    Rule(COMMENT, ("comment",)),
    Rule(STRING, ("string",)),
    Rule(NUMBER, ("number",)),
    Rule(rf"(block)(\s+)({_NAME})", ("declaration", "space", "block")),
    Rule(rf"(model)(\s+)({_NAME})", ("declaration", "space", "model")),
    _words(DECLARATIONS, "declaration"),
    _words(STATEMENTS, "statement"),
    _words(CHOICE, "choice"),
    _words(OPERATORS, "word"),
    _words(CONSTANTS, "constant"),
    _words(SECTIONS, "statement", after=rf'{_END}(?=\s*(?:"[^"\r\n]*"\s*)?\{{)'),
    _words(DTYPES, "type", after=rf"{_END}(?=\s*\[)"),
    Rule(rf"(\.)(\s*)({_NAME})", ("mark", "space", "attribute")),
    Rule(rf"{NAME}(?=\s*(?:=(?!=)|:))", ("variable",)),
    _words(STAGES, "stage"),
    _words(tuple(FUNCTIONS), "stage"),
    _words(tuple(sorted(WORDS)), "constant"),
    Rule(NAME, ("name",)),
    _signs(SIGNS, "sign"),
    _signs(MARKS, "mark"),
)

TOKENS: dict[str, _TokenType] = {
    "space": Whitespace,
    "comment": Comment.Single,
    "string": String.Double,
    "number": Number,
    "declaration": Keyword.Declaration,
    "statement": Keyword,
    "choice": Keyword,
    "word": Operator.Word,
    "constant": Keyword.Constant,
    "type": Keyword.Type,
    "block": Name.Function,
    "model": Name.Class,
    "attribute": Name.Attribute,
    "variable": Name.Variable,
    "stage": Name.Builtin,
    "name": Name,
    "sign": Operator,
    "mark": Punctuation,
}


def _action(rule: Rule) -> object:
    tokens = [TOKENS[kind] for kind in rule.kinds]
    return tokens[0] if len(tokens) == 1 else bygroups(*tokens)


class CnnLexer(RegexLexer):
    """Convolutional networks in the language of cnnc."""

    name = "cnn"
    aliases: ClassVar = ["cnn"]
    filenames: ClassVar = ["*.cnn"]
    tokens: ClassVar = {"root": [(rule.pattern, _action(rule)) for rule in RULES]}
