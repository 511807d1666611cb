"""What to say of a token that the grammar does not want: what was found, what was wanted, and the likely fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from ..closest import closest
from .faults import Fault
from .foreign import SIGNS, WORDS
from .layout import Part
from .page import Page
from .words import CONSTANTS, DECLARING, RESERVED, STATING

_NUMBER = re.compile(r"[0-9]+(_[0-9]+)*(\.[0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+)?")
_WORDS = {"NAME": "a name", "NUMBER": "a number", "STRING": "a string", "COMPARISON": "a comparison"}
_SHOWN = {
    "RPAR": "`)`",
    "RSQB": "`]`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "COLON": "`:`",
    "LBRACE": "`{`",
    "_AS": "`as`",
    "_THEN": "`then`",
    "_ELSE": "`else`",
    "LSQB": "`[`",
    "__ANON_0": "`->`",
}
_SHOWN |= {word.upper(): f"`{word}`" for word in DECLARING}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "PERCENT", "POWER", "OR", "AND", "COMPARISON", "DOT", "LPAR"}
_AFTER_VALUES = {"LSQB", "_AS", "__ANON_0"}
_OPERAND = {"NAME", "NUMBER"}
_ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")
_COMPARING = ("==", "!=", "<", "<=", ">", ">=")
_TUPLE = "a tuple stands in brackets: (a, b)"
_CHOICE = "a choice is a value: y = if p then a else b"


def meant(page: Page, first: int, last: int) -> tuple[str, int]:
    """What tokens `[first, last)` that do not parse were likely meant as, and where the name that they bind should be.

    One of the words that begin statements, `let` for a binding, or nothing for what binds nothing.
    """
    word, after = page.word(first), page.word(first + 1)
    if word in DECLARING and page.word(first + 2) == ":":
        return "input", first + 1
    if word == "assert" and after == "=":
        return "let", first
    if word in DECLARING | STATING:
        return word, first + 1
    if close := _misspelt(page, first):
        return close, first + 1
    if word in WORDS and after not in ("=", ":", ","):
        return WORDS[word][1], first + 1
    if after == ":" and not any(page.word(i) == "=" for i in range(first, last)):
        return "input", first
    if word == "(":
        return "let", first + 1
    if page.tokens[first].is_name and (first + 1 == last or (page.fresh(first + 1) and page.tokens[first + 1].is_name)):
        return "input", first  # a name alone
    return "let" if word == "=" or after == "," or page.binds(first) or _leads(page, first) else "", first


def complain(page: Page, part: Part, at: int, expected: Set[str]) -> Fault:
    """The fault of a part that cannot go on with the token `at`, or cannot end before it.

    `expected` are the grammar's names of what could have stood there.
    """
    if at < part.last and (fault := _comment(page, part.first, at) or _sign(page, at)):
        return fault
    if at <= part.first + 1 and (fault := _beginning(page, part, at)):
        return fault
    if part.rule == "header" and "$END" in expected:
        expected = expected | {"EQUAL", "LBRACE"}
    if at == part.last:
        return _fault(page, at - 1, f"expected {_wanted(expected)} after `{page.word(at - 1)}`")
    found = page.tokens[at]
    before = page.tokens[at - 1] if at > part.first else None
    return (
        _head(page, part.first, at, expected)
        or _ill_formed(page, at, expected)
        or _spaced(page, part.first, at)
        or (_after_value(page, part.first, at, expected) if before and before.ends_value else None)
        or _reserved(page, at, expected)
        or _fault(page, at, f"expected {_wanted(expected)}, found `{found.text}`")
    )


def _fault(page: Page, at: int, message: str, help: str = "", code: str = "E0101", last: int | None = None) -> Fault:
    tokens = page.tokens
    return Fault(message, tokens[at].start, tokens[last or at].end, code=code, help=help)


def _comment(page: Page, first: int, at: int) -> Fault | None:
    """A comment of another language: `//` where nothing can be divided, or before what makes no expression with it."""
    begin = at
    while begin > first and page.word(begin) != "//" and not page.fresh(begin):
        begin -= 1
    if page.word(begin) == "//" and begin > first:
        return _fault(page, begin, "`//` begins no comment", "a comment begins with `#`")
    return None


def _sign(page: Page, at: int) -> Fault | None:
    """A sign of another language, perhaps one that is read here as two."""
    for first, last in ((at - 1, at), (at, at + 1), (at, at)):
        if first >= 0 and last < len(page.tokens):
            gap = " " if page.tokens[first].end < page.tokens[last].start else ""
            sign = page.word(first) + gap + page.word(last) if first < last else page.word(at)
            if sign in SIGNS:
                message, help = SIGNS[sign]
                return _fault(page, first, message, help, last=last)
    return None


def _ill_formed(page: Page, at: int, expected: Set[str]) -> Fault | None:
    """A number or a letter that is none of this language."""
    text = page.word(at)
    if text[0].isdigit() and not _NUMBER.fullmatch(text):
        if "NAME" in expected and "NUMBER" not in expected:
            return _fault(
                page, at, f"`{text}` is no name", "names have letters, digits and `_`, and begin with no digit"
            )
        return _fault(page, at, f"`{text}` is no number", "as 12, 10_000, 0.5 or 1e-3", code="E0106")
    if text == "." and page.word(at + 1)[:1].isdigit():
        return _fault(page, at, "a number begins with a digit", f"write 0.{page.word(at + 1)}", code="E0106")
    if text == "{" and expected & {"_THEN", "_ELSE"}:
        return _fault(page, at, f"expected {_wanted(expected)}, found `{{`", _CHOICE)
    if text == "{" and "NUMBER" in expected:
        return _fault(page, at, "expected an expression, found `{`", "branches stand in brackets: [f, g]")
    if not text.isascii():
        shown = f"`{text}` (U+{ord(text[0]):04X})" if text.isprintable() else f"the invisible U+{ord(text[0]):04X}"
        help = "names are ASCII" if text.isprintable() else "leave it out, or type a space"
        return _fault(page, at, f"{shown} has no meaning here", help)
    return None


def _beginning(page: Page, part: Part, at: int) -> Fault | None:
    """What the first word of a part that begins nothing was likely meant as."""
    first, word, after = part.first, page.word(part.first), page.word(part.first + 1)
    if word in DECLARING | STATING:
        return None
    close, declares = _misspelt(page, first), part.rule in ("header", "_declaration")
    known = word in WORDS and after not in ("=", ":", ",", "(")
    help = f"did you mean `{close}`?" if close else WORDS[word][0] if known else ""
    if word == "//":
        return _fault(page, first, "`//` begins no comment", "a comment begins with `#`")
    if declares and page.tokens[first].is_name:
        if after == "=" and not help:
            help = f"a value at the top of a file: const {word} = …"
        elif after in ("(", "{") and not help:
            help = f"is `block` or `model` missing before `{word}`?"
        return _fault(page, first, f"expected `block`, `const`, `model` or `use`, found `{word}`", help)
    if declares:
        return None
    if help:
        return _fault(page, first, f"`{word}` begins no statement", help)
    if word == "=":
        return _fault(page, first, "expected a name before `=`")
    if page.binds_in_brackets(first):
        names = ", ".join(page.word(i) for i in _inside(page, first) if page.word(i) != ",")
        return _fault(page, first, "names that are bound stand without brackets", f"write {names} = …")
    if word in ("if", "then", "else") and after != "=":
        return _fault(page, first, f"`{word}` begins no statement", _CHOICE)
    if _leads(page, first) and at == first + 1:
        return _fault(page, at, f"a `=` is missing before `{after}`", f"a binding is {word} = …")
    if (page.tokens[first].is_literal or word not in RESERVED) and page.tokens[first].ends_value and after not in ",:=":
        help = f"bind what it gives, y = {word} …; or is a `->` missing before it?"
        return _fault(page, first, f"`{word}` begins no statement", help)
    return None


def _misspelt(page: Page, first: int) -> str:
    """The word that begins a statement and is nearly this one, if what follows could follow it."""
    word, follows = page.word(first), first + 1 < len(page.tokens) and page.tokens[first + 1].begins_value
    if not page.tokens[first].is_name or word in RESERVED or not follows or page.fresh(first + 1):
        return ""
    return next(iter(closest(word.lower(), sorted(DECLARING | STATING), 0.75)), "")


def _leads(page: Page, first: int) -> bool:
    """Whether a name stands before a value on its line, as in a binding without its `=`."""
    tokens, after = page.tokens, first + 1
    named = tokens[first].is_name and page.word(first) not in RESERVED
    return named and after < len(tokens) and tokens[after].begins_value and not page.fresh(after)


def _head(page: Page, first: int, at: int, expected: Set[str]) -> Fault | None:
    """What is wrong between the first word of a statement and its value."""
    kind, name, text = page.word(first), page.word(first + 1), page.word(at)
    named = at == first + 2 and page.tokens[first + 1].is_name
    if at == first + 1 and kind == "assert" and text == "=":
        return _fault(page, first, "`assert` is a reserved word: choose another name")
    if at == first + 1 and kind in STATING and text == "=":
        return _fault(page, at, "expected a name, found `=`", f"`{kind}` is a reserved word: {kind} y … = …")
    if kind in ("input", "output") and ((named and text == ",") or (at == first + 1 and text in ("(", "["))):
        return _fault(page, at, f"one `{kind}` for each name", f"{kind} a … and {kind} b …")
    if named and kind in ("input", "param") and text != "-":
        value = " = 0" if kind == "param" else ""
        return _fault(page, at, f"expected `:` and a type, found `{text}`", f"write {kind} {name}: f32[…]{value}")
    if named and kind == "share" and text == ":":
        return _fault(page, at, "a share has no type", f"write share {name} = …")
    if named and kind in RESERVED and text == "-":
        return _fault(page, at, "`-` cannot stand in a name", f"write {name}_{page.word(at + 1)}")
    if named and kind in ("block", "model") and page.tokens[at].begins_value:
        body = next((i for i in range(at, len(page.tokens)) if page.word(i) in ("=", "{", "")), at)
        names = [page.word(i) for i in range(at, body) if page.word(i) != ","]
        rest = "= …" if page.word(body) == "=" else "{ … }"
        help = f"parameters stand in brackets: {kind} {name}({', '.join(names)}) {rest}"
        return _fault(page, at, f"expected {_wanted(expected)}, found `{text}`", help)
    if kind in ("block", "model") and text == "{" and page.word(at - 1) == "=":
        return _fault(page, at - 1, "`=` before a body", f"a body follows directly: {kind} {name} {{ … }}")
    if set(expected) == {"LSQB"} and page.word(at - 2) == ":" and text != "(":
        help = f"a binding is {kind} = …" if at == first + 3 else ""
        return _fault(page, at - 1, f"`{page.word(at - 1)}` is no type: expected one like f32[N, 3]", help)
    return None


def _spaced(page: Page, first: int, at: int) -> Fault | None:
    """The bracket around a token, if that does not touch what it seems to belong to."""
    for i in _around(page, first, at):
        if page.word(i) in ("(", "[") and i > first and page.tokens[i - 1].ends_value and not page.touches(i):
            return _space_before(page, i)
    return None


def _space_before(page: Page, at: int) -> Fault:
    text = page.word(at)
    help = f"`{text}` touches what it belongs to; is a `->` missing before it?"
    return _fault(page, at, f"a space before `{text}`", help, code="E0105")


def _after_value(page: Page, first: int, at: int, expected: Set[str]) -> Fault | None:
    """What is likely meant where one operand is complete and something else stands."""
    found = page.tokens[at]
    text, before = found.text, page.word(at - 1)
    around = next(_around(page, first, at), None)
    beside = list(_beside(page, first, at))
    if text == "->" and any(sign in _ARITHMETIC + _COMPARING for sign in beside):
        return _fault(page, at, "arithmetic beside an arrow takes parentheses", "write (a + b) -> f, or a + (b -> f)")
    if text in (*_ARITHMETIC, *_COMPARING, "and", "or") and "->" in beside:
        what = "arithmetic" if text in _ARITHMETIC else f"`{text}`"
        return _fault(page, at, f"{what} beside an arrow takes parentheses", f"write (a -> f) {text} b")
    if text == "=":
        help = "`==` compares; a binding begins with a name alone"
        return _fault(page, at, "`=` inside an expression", help)
    if text in _COMPARING and any(sign in _COMPARING for sign in beside):
        return _fault(page, at, "comparisons do not chain", "join two with `and`")
    if text == "(" and page.word(at - 2) == "as":
        return _fault(page, at - 1, "`as` names what stands before it", f"write {before}(…) as name")
    if text in ("(", "[") and not page.touches(at):
        return _space_before(page, at)
    if text == ",":
        if around is None:
            next_begins = at + 1 < len(page.tokens) and (page.binds(at + 1) or page.begins(at + 1, STATING))
            help = "statements need no separator" if next_begins else _TUPLE
            return _fault(page, at, "`,` outside of brackets", help)
        if page.word(around) == "[":
            return _fault(page, at, "an index is one number", "is a `->` missing before `[`?")
    if text == ":":
        if "if" in (page.word(i) for i in range(first, at)):
            return _fault(page, at, "`:` inside an expression", "a choice is written if p then a else b")
        if around is not None and page.word(around) == "(":
            return _fault(page, at, "`:` inside brackets", f"what is given a value is written {before}=…")
    if text == "if":
        return _fault(page, at, "`if` comes first", "a choice is written if p then a else b")
    if text == "elif":
        return _fault(page, at, "`elif` is written `else if`", "write `else if`")
    goes_on = not expected or not expected.isdisjoint({"$END", "COMMA", "DOT", "__ANON_0"})
    if not goes_on or not found.begins_value or text in RESERVED:
        return None
    if found.is_literal:
        return _fault(page, at, f"a `,` or an operator is missing before `{text}`")
    if around is not None and page.binds(at):
        return _fault(page, at, f"a `,` is missing before `{text}`")
    return _fault(page, at, f"a `->` or a `,` is missing before `{text}`", f"write -> {text}")


def _reserved(page: Page, at: int, expected: Set[str]) -> Fault | None:
    """A reserved word where a name was wanted."""
    text, before, after = page.word(at), page.word(at - 1), page.word(at + 1)
    if text == "if" and before == "->":
        return _fault(page, at, "an `if` beside an arrow takes parentheses", "x -> (if p then f else g)")
    named = "NAME" in expected and ("NUMBER" not in expected or text in DECLARING | STATING or after == "=")
    if text in RESERVED and (named or after in ("=", ":")):
        return _fault(page, at, f"`{text}` is a reserved word: choose another name")
    if text == "=" and before in RESERVED - CONSTANTS and page.word(at - 2) in ("(", ","):
        return _fault(page, at - 1, f"`{before}` is a reserved word: choose another name")
    return None


def _around(page: Page, first: int, at: int) -> Iterator[int]:
    """The brackets of a part that are open at a token, innermost first."""
    depth = 0
    for i in range(at - 1, first - 1, -1):
        closes = page.word(i) in (")", "]", "}")
        opens = page.word(i) in ("(", "[", "{")
        if opens and depth == 0:
            yield i
        else:
            depth += closes - opens


def _inside(page: Page, at: int) -> Iterator[int]:
    """The tokens after a bracket, up to one that closes."""
    while page.word(at := at + 1) != ")":
        yield at


def _beside(page: Page, first: int, at: int) -> Iterator[str]:
    """The signs before a token that stand in its expression, outside of brackets in it."""
    depth = 0
    for i in range(at - 1, first - 1, -1):
        text = page.word(i)
        depth += (text in (")", "]")) - (text in ("(", "["))
        if depth < 0 or (depth == 0 and text in (",", "=", ":", "if", "then", "else", "and", "or", "not")):
            return
        if depth == 0:
            yield text


def _wanted(expected: Set[str]) -> str:
    """`an expression`, or `)` or `,`: as few words as will do."""
    if _OPERAND.issubset(expected):
        return "an expression"
    hidden = _OPERATORS | (_AFTER_VALUES if "DOT" in expected else set())
    words = [_WORDS.get(name) or _SHOWN.get(name, "") for name in sorted(expected) if name not in hidden]
    words = [word for word in dict.fromkeys(words) if word]
    if not words:
        return "`->`, an operator or the end of the statement" if expected else "the end of the statement"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
