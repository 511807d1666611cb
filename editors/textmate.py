"""Writes cnn.tmLanguage.json from the rules that the Pygments lexer has too: `python editors/textmate.py`."""

from __future__ import annotations

import json
from pathlib import Path

from cnnc.highlight import RULES, Rule

PATH = Path(__file__).parent / "cnn.tmLanguage.json"

SCOPES = {
    "comment": "comment.line.number-sign",
    "string": "string.quoted.double",
    "number": "constant.numeric",
    "declaration": "keyword.declaration",
    "statement": "keyword.other",
    "choice": "keyword.control",
    "word": "keyword.operator.word",
    "constant": "constant.language",
    "type": "storage.type",
    "block": "entity.name.function",
    "model": "entity.name.type",
    "attribute": "variable.other.property",
    "variable": "variable.other",
    "stage": "support.function",
    "name": "variable.other",
    "sign": "keyword.operator",
    "mark": "punctuation",
}


def grammar() -> str:
    """The file's text."""
    patterns = [_pattern(rule) for rule in RULES if rule.kinds != ("space",)]
    described = {"name": "cnn", "scopeName": "source.cnn", "fileTypes": ["cnn"], "patterns": patterns}
    return json.dumps(described, indent=2) + "\n"


def _pattern(rule: Rule) -> dict[str, object]:
    scopes = [f"{SCOPES[kind]}.cnn" if kind in SCOPES else None for kind in rule.kinds]
    if len(scopes) == 1:
        return {"match": rule.pattern, "name": scopes[0]}
    captures = {str(i): {"name": scope} for i, scope in enumerate(scopes, 1) if scope}
    return {"match": rule.pattern, "captures": captures}


if __name__ == "__main__":
    PATH.write_text(grammar(), encoding="utf-8")
