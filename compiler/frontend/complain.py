"""What to say of a token that the grammar does not want: what was found, what was wanted, and the likely fix."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from .build import Fault
from .layout import DECLARING, RESERVED, Token

_FOREIGN = {
    "→": ("`→` is written `->`", "write `->`"),
    "⇒": ("`⇒` is written `->`", "write `->`"),
    "'": ("a string stands in double quotes", 'write "…"'),
    '"': ("a string that does not end on its line", 'close it with `"`'),
    ";": ("`;` means nothing here", "statements need no separator"),
    "&": ("`&` is written `and`", "write `and`"),
    "|": ("`|` is written `or`", "write `or`"),
    "!": ("`!` is written `not`", "write `not`"),
    "^": ("`^` is written `**`", "write `**`"),
}
_WORDS = {"NAME": "a name", "NUMBER": "a number", "STRING": "a string", "COMPARISON": "a comparison"}
_SHOWN = {
    "RPAR": "`)`",
    "RSQB": "`]`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "COLON": "`:`",
    "LBRACE": "`{`",
}
_SHOWN |= {"_AS": "`as`", "_THEN": "`then`", "_ELSE": "`else`", "LSQB": "`[`", "__ANON_0": "`->`"}
_SHOWN |= {word.upper(): f"`{word}`" for word in ("use", "const", "block", "model")}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "PERCENT", "POWER", "OR", "AND", "COMPARISON", "DOT", "LPAR"}
_OPERAND = {"NAME", "NUMBER"}


def complain(
    found: Token | None, before: Token | None, expected: Collection[str], end: Token, new_line: bool = False
) -> Fault:
    """The fault of a token (perhaps the first of its line), or of a text that ends too early, after the token `end`.

    `expected` are the grammar's names of what could have stood there.
    """
    if found is None:
        return Fault(f"expected {_wanted(expected)} after `{end.text}`", end.start, end.end)
    text = found.text
    if text in _FOREIGN:
        message, help = _FOREIGN[text]
        return Fault(message, found.start, found.end, help=help)
    if text[0].isdigit() and not re.fullmatch(r"[0-9]+(_[0-9]+)*(\.[0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+)?", text):
        return Fault(f"`{text}` is no number", found.start, found.end, code="E0106", help="as 12, 10_000, 0.5 or 1e-3")
    if not text.isascii():
        return Fault(
            f"`{text}` (U+{ord(text[0]):04X}) has no meaning here", found.start, found.end, help="names are ASCII"
        )
    inside = not set(expected) - {"$END"} or not _OPERATORS.isdisjoint(expected)
    if (
        before is not None
        and inside
        and _ends_operand(before)
        and (fault := _after_operand(found, new_line)) is not None
    ):
        return fault
    if text == "if" and before is not None and before.text == "->":
        return Fault(
            "an `if` beside an arrow takes parentheses", found.start, found.end, help="x -> (if p then f else g)"
        )
    if text in RESERVED and "NAME" in expected:
        return Fault(f"`{text}` is a reserved word: expected {_wanted(expected)}", found.start, found.end)
    if "USE" in expected and before is None:
        close = get_close_matches(text, DECLARING, 1)
        help = f"did you mean `{close[0]}`?" if close else ""
        return Fault(f"expected {_wanted(expected)}, found `{text}`", found.start, found.end, help=help)
    return Fault(f"expected {_wanted(expected)}, found `{text}`", found.start, found.end)


def _after_operand(found: Token, new_line: bool) -> Fault | None:
    """What is likely meant where one operand is complete and something else begins."""
    text, start, end = found.text, found.start, found.end
    if text == "->":
        help = "write (a + b) -> f, or a + (b -> f)"
        return Fault("arithmetic beside an arrow takes parentheses", start, end, help=help)
    if text == "=":
        return Fault("`=` inside an expression", start, end, help="`==` compares; a binding begins with a name alone")
    if text in ("==", "!=", "<", "<=", ">", ">="):
        return Fault("comparisons do not chain", start, end, help="join two with `and`")
    if text in ("(", "["):
        help = f"`{text}` touches what it belongs to; is a `->` missing before it?"
        return Fault(f"a space before `{text}`", start, end, code="E0105", help=help)
    if text == "if" and new_line:
        return Fault("`if` begins no statement", start, end, help="it is an expression: y = if p then a else b")
    if (found.is_name and text not in RESERVED) or text[0].isdigit() or text[0] == '"':
        if new_line:
            help = f"bind what it gives, y = {text} …; or is a `->` missing before it?"
            return Fault(f"`{text}` begins no statement", start, end, help=help)
        if not found.is_name:
            return Fault(f"a `,` or an operator is missing before `{text}`", start, end)
        return Fault(f"a `->` or a `,` is missing before `{text}`", start, end, help=f"write -> {text}")
    return None


def _ends_operand(token: Token) -> bool:
    text = token.text
    word = token.is_name and (text not in RESERVED or text in ("true", "false", "none"))
    return word or text in (")", "]") or text[0].isdigit() or text[0] == '"'


def _wanted(expected: Collection[str]) -> str:
    """`an expression`, or `)` or `,`: as few words as will do."""
    if _OPERAND.issubset(expected):
        return "an expression"
    words = [_WORDS.get(name) or _SHOWN.get(name, "") for name in sorted(expected) if name not in _OPERATORS]
    words = [word for word in dict.fromkeys(words) if word]
    if not words:
        return "`->`, an operator or the end of the statement" if expected else "the end of the statement"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
