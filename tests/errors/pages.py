"""The examples of a page of docs/errors, and what happens when they are run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from cnnc import CnncError
from cnnc.cli import main
from cnnc.compiler.frontend import check

FOLDER = Path(__file__).parents[2] / "docs" / "errors"
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """`kind` says whether it is a program (`cnn`), a command (`console`) or Python; `message`, what comes of it."""

    kind: str
    text: str
    message: str | None = None


def page_codes() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("[EW]0*.md"))


def page(code: str) -> str:
    return (FOLDER / f"{code}.md").read_text()


def examples(code: str) -> Iterator[Example]:
    """The page's examples in order: failing ones with their message."""
    blocks = [(info, body) for info, body in FENCE.findall(page(code))]
    for k, (info, body) in enumerate(blocks):
        if info.endswith(" failing"):
            assert blocks[k + 1][0] == "text", f"{code}: a failing example without a message"
            yield Example(info.removesuffix(" failing"), body, blocks[k + 1][1])
        elif info != "text":
            yield Example(info, body)


def blessed(code: str, said: str) -> None:
    """Write what was said into the page, as the message of its failing example."""
    before, fence, after = page(code).partition("```text\n")
    text = before + fence + said + after[after.index("```") :]
    (FOLDER / f"{code}.md").write_text(text)


def invoke(*words: str) -> Result:
    """Run `cnnc` with these words."""
    return CliRunner().invoke(main, words)


def said(example: Example) -> str:
    """All that cnnc says of an example in this folder; nothing of one that is right."""
    if example.kind == "cnn":
        Path("model.cnn").write_text(example.text)
        return "".join(finding.render() + "\n" for finding in check("model.cnn"))
    if example.kind == "console":
        (line,) = example.text.splitlines()
        result = invoke(*shlex.split(line.removeprefix("$ cnnc ")))
        return result.stderr if result.exit_code else ""
    try:
        exec(example.text, {})
    except CnncError as error:
        return f"{error}\n"
    return ""
