"""Signs and words of other languages that programs are written with by habit, and what is written here."""

from __future__ import annotations

SIGNS = {  # what to say, and what to do
    "→": ("`→` is written `->`", "write `->`"),
    "⇒": ("`⇒` is written `->`", "write `->`"),
    "- >": ("a space inside `->`", "write `->`"),
    "-->": ("`-->` is written `->`", "write `->`"),
    "->>": ("`->>` is written `->`", "write `->`"),
    "=>": ("`=>` is written `->`", "write `->`"),
    "|>": ("`|>` is written `->`", "write `->`"),
    "<-": ("`<-` is written `=`", "a binding is y = x -> f"),
    ":=": ("`:=` is written `=`", "write `=`"),
    "===": ("`===` is written `==`", "write `==`"),
    "<>": ("`<>` is written `!=`", "write `!=`"),
    "'": ("a string stands in double quotes", 'write "…"'),
    '"': ("a string that does not end on its line", 'close it with `"`'),
    ";": ("`;` means nothing here", "statements need no separator"),
    "&": ("`&` is written `and`", "write `and`"),
    "|": ("`|` is written `or`", "write `or`"),
    "!": ("`!` is written `not`", "write `not`"),
    "^": ("`^` is written `**`", "write `**`"),
    "?": ("`?` means nothing here", "a choice is written if p then a else b"),
    "/*": ("`/*` begins no comment", "a comment begins with `#`"),
    "@": ("`@` means nothing here", "tensors meet in a tuple: (a, b) -> add"),
    "$": ("`$` means nothing here", "names have letters, digits and `_`"),
    "`": ("a backquote means nothing here", 'a string stands in double quotes: "…"'),
    "\\": ("`\\` means nothing here", "a statement goes on over lines without a sign"),
}

_BINDING = "a binding begins with its name: y = …"
_BLOCK = "blocks are declared at the top of the file: block f(c) = …"
_LOOP = "there are no loops: repeat(3, f) is f -> f -> f"
_USE = 'names of another file: use "file.cnn" as name'

WORDS = {  # at the head of a statement: what to do, and what was meant as this language has it
    "class": ("models are declared at the top of the file: model M { … }", "model"),
    "def": (_BLOCK, "block"),
    "fn": (_BLOCK, "block"),
    "for": (_LOOP, ""),
    "from": (_USE, "use"),
    "func": (_BLOCK, "block"),
    "function": (_BLOCK, "block"),
    "import": (_USE, "use"),
    "include": (_USE, "use"),
    "let": (_BINDING, "let"),
    "print": ('what must hold is said so: assert x.channels == 3, "…"', ""),
    "return": ("what a body gives has a name: output y = …", "output"),
    "val": (_BINDING, "let"),
    "var": (_BINDING, "let"),
    "while": (_LOOP, ""),
}
