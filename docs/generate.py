"""Writes docs/reference from the records and the grammar: `python docs/generate.py`.

The pages about stages are made as a whole. language.md and accuracy.md are written by hand; between
`<!-- grammar: pipe named -->`, `<!-- graph -->`, `<!-- warnings -->` or `<!-- bounds -->` and `<!-- end -->` stands
what is made: rules of the grammar, the graph of the program above, the warnings that there are, or error bounds. What
accuracy.md has measured accuracy.py writes.
"""

from __future__ import annotations

import re
from pathlib import Path

import stages

from cnnc.compiler import tolerance
from cnnc.compiler.diagnostics import Source
from cnnc.compiler.frontend import parse_text
from cnnc.compiler.frontend.syntax.format import format
from cnnc.compiler.ir.text import show

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
ERRORS = ROOT / "docs" / "errors"
GRAMMAR = (ROOT / "grammar" / "cnn.lark").read_text(encoding="utf-8")
REGION = re.compile(r"(<!-- (grammar: [\w ]+|graph|warnings|bounds) -->\n).*?(<!-- end -->)", re.DOTALL)
PROGRAM = re.compile(r"^```cnn\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MAGNITUDES = {  # by the name of the rule in tolerance/rules.py: what its u are of
    "_result": "|y|",
    "_terms": "(sum of |x|)",
    "_batchnorm": "(|x| scale + |shift|)",
    "_normalize": "(|x| + |mean|) / std",
    "_gelu": "|x|",
    "_hardsigmoid": "min(|x| + 3, 6) / 6",
    "_hardswish": "|x| min(|x| + 3, 6) / 6",
}
FAILING = re.compile(r"^```cnn failing\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def pages() -> dict[Path, str]:
    """What every page should hold."""
    made = {FOLDER / name: text for name, text in stages.pages().items()}
    by_hand = [FOLDER / name for name in ("language.md", "accuracy.md")]
    written = {path: _filled(path.read_text(encoding="utf-8")) for path in by_hand} | made
    return {path: PROGRAM.sub(_laid_out, text) for path, text in written.items()}


def programs(text: str) -> list[str]:
    """The fenced programs of a page."""
    return PROGRAM.findall(text)


def _laid_out(program: re.Match[str]) -> str:
    """A fenced program as `cnnc fmt` has it."""
    return f"```cnn\n{format(Source('', program[1]))}```"


def _filled(text: str) -> str:
    def fill(region: re.Match[str]) -> str:
        opening, what, closing = region.groups()
        kind, _, names = what.partition(": ")
        if kind in ("warnings", "bounds"):
            return f"{opening}{_warnings() if kind == 'warnings' else _bounds()}\n{closing}"
        made = _rules(names.split()) if kind == "grammar" else _graph(programs(text[: region.start()])[-1])
        return f"{opening}```text\n{made}\n```\n{closing}"

    return REGION.sub(fill, text)


def _rules(names: list[str]) -> str:
    """Rules of the grammar with the lines that continue them: words and signs spelled out, no notes for the parser."""
    found = []
    for name in names:
        rule = re.search(rf"^\??{name}:.*(?:\n +\|.*)*", GRAMMAR, re.MULTILINE)
        if rule is None:
            raise KeyError(f"the grammar has no rule `{name}`")
        text = re.sub(r" +(-> \w+|//.*)$", "", rule[0].removeprefix("?"), flags=re.MULTILINE)
        found.append(rule[0] if name.isupper() else re.sub(r"\b_?[A-Z]+\b", lambda word: _spelled(word[0]), text))
    return "\n".join(found)


def _spelled(terminal: str) -> str:
    """How a terminal is typed, quoted; its name where it may be typed in many ways."""
    typed = re.search(rf'^{terminal}: (?:"(.+)"|/(\w+|-)\(\?!.*/)$', GRAMMAR, re.MULTILINE)
    return f'"{typed[1] or typed[2]}"' if typed and '" | "' not in typed[0] else terminal


def _warnings() -> str:
    """The title of each warning's page, which begins with its code."""
    titles = [(page.name, page.read_text(encoding="utf-8").partition("\n")[0]) for page in sorted(ERRORS.glob("W*.md"))]
    entries = [(name, *title.removeprefix("# ").split(": ", 1)) for name, title in titles]
    return "\n".join(f"- [`{code}`](../errors/{name}): {meaning}" for name, code, meaning in entries)


def _bounds() -> str:
    """The error bounds of elementwise stages, those with the same bound together."""
    named: dict[str, list[str]] = {}
    for name, (units, magnitude) in tolerance.ELEMENTWISE.items():
        several = " for each operand" if name in ("add", "sub", "mul", "div") else ""
        bound = f"`{units} u {MAGNITUDES[magnitude.__name__]}`{several}" if units else "exact"
        named.setdefault(bound, []).append(f"`{name}`")
    return "\n".join(f"- {bound}: {', '.join(names)}" for bound, names in named.items())


def _graph(program: str) -> str:
    return show(parse_text(program).graph).rstrip()


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
