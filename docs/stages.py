"""The pages about stages, one for each family of records, and the page that lists them."""

from __future__ import annotations

import inspect
import re
import sys

import windows
from curves import picture
from samples import SAMPLES
from trials import Shape, drawn, listed, program, run

from cnnc.compiler.frontend.elaborate import synonyms
from cnnc.compiler.ir.operator import REGISTRY, Derived, Operator, ParamSpec, bind, signature
from cnnc.compiler.ops.rules import Elementwise, product

FAMILIES = (
    "conv", "dense", "pool", "activation", "norm", "shape", "arithmetic", "resize", "image", "softmax", "loss",
)  # fmt: skip
CITATION = re.compile(r"\s*\(([A-Z][^()]* \d{4}(?:, arXiv \d{4}\.\d{4,5})?)\.?\)")
CURVES = "Each activation as a curve, from -5 to 7. The axes cross at 0, and a square is 1 wide and 1 high."
STARTS = {"zeros": "0", "ones": "1"}


def family(name: str) -> list[type[Operator]]:
    """The stages of a file of records, in its order."""
    return [record for record in REGISTRY.values() if record.stage and record.__module__.endswith(f".ops.{name}")]


def title(name: str) -> str:
    """What the first words of the family's file call it."""
    return re.split(r"[:.]", _family_text(name), maxsplit=1)[0]


def _family_text(name: str) -> str:
    return inspect.getdoc(sys.modules[f"cnnc.compiler.ops.{name}"]) or ""


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    curves = picture([bind(record, {}) for record in family("activation")])
    families = {f"{name}.md": _family(name) for name in FAMILIES}
    return {"operators.md": _overview(), **families, "activation.svg": curves}


def _overview() -> str:
    parts = [
        "# Stages",
        "What can stand after an arrow, by family. [The language](language.md) says how stages are put together, and "
        "how to read the pages of this reference is [below](#how-to-read-an-entry).",
    ]
    for name in FAMILIES:
        rows = [[f"[`{r.name}`]({name}.md#{r.name})", Meaning(r).sentence] for r in family(name)]
        parts += [f"## [{title(name)}]({name}.md)", _table(["stage", "meaning"], rows)]
    parts += [
        "## How to read an entry",
        "The *signature* shows a stage's attributes and their defaults; an attribute without default must be given. "
        "Attributes are given by position or by name: `conv(32, 3, pad=1)`.",
        "In *formulas* `x` is a number of the input and `out` the one in its place; `in[n, c, y, x]` is channel `c` of "
        "row `y` and column `x` in image `n`, all counted from 0. `s`, `p` and `d` are stride, pad and dilation, "
        "`w` and `b` weight and bias. Where the four sides of a pad differ, `p` is its top for rows and its left for "
        "columns; `top`, `left`, `bottom` and `right` are those that were given. `pad=same` chooses them so that the "
        "output has a pixel for each `stride` pixels of the input, rounded up, and puts the odd one at the end; "
        "`valid` is 0.",
        "*Shapes* are what the compiler infers, with letters for sizes that may be anything. `//` rounds down, so "
        "`(H + 1)//2 - 1` is the height that is left. Refused is what the compiler refuses, with its words.",
        "*Parameters* are the learned tensors that a stage brings along, with the shapes that PyTorch gives them. "
        "They are named by where the stage is applied: `conv_1.weight`, or `edges.weight` after "
        "`-> conv(8, 3) as edges`. Training starts kernels as He et al. 2015 "
        "([arXiv 1502.01852](https://arxiv.org/abs/1502.01852)) propose: normal random numbers, whose variance keeps "
        "what passes through layer upon layer of the same size. Statistics and literal kernels are not trained.",
        "*Examples* are whole programs. Their numbers are those of the interpreter, which follows the formulas in "
        "double precision, for one image. Channels stand side by side. How near to them native code is, "
        "[accuracy](accuracy.md) says.",
    ]
    return "\n\n".join(parts) + "\n"


def _family(name: str) -> str:
    text = _family_text(name).replace("\n\n", "\0").replace("\n", " ").split("\0")
    rest = text[0][len(title(name)) :].lstrip(":. ")
    intro = [paragraph[0].upper() + paragraph[1:] for paragraph in (rest, *text[1:]) if paragraph]
    records = family(name)
    listed = " · ".join(f"[{record.name}](#{record.name})" for record in records)
    entries = [_entry(record) for record in records]
    figure = [f"![{CURVES}](activation.svg)", CURVES] if name == "activation" else []
    parts = [f"# {title(name)}", *map(_prose, intro), *figure, listed, *entries, "[All stages](operators.md)"]
    return "\n\n".join(parts) + "\n"


class Meaning:
    """A record's docstring, taken apart: its first sentence, formulas, other paragraphs, and sources."""

    def __init__(self, record: type[Operator]):
        text = inspect.getdoc(record) or ""
        self.sources = [source for found in CITATION.findall(text) for source in found.split("; ")]
        self.formulas: list[str] = []
        self.paragraphs: list[tuple[str, bool]] = []  # the text, and whether it is set as it is
        for paragraph in CITATION.sub("", text).split("\n\n"):
            lines = paragraph.split("\n")
            self.formulas += [line.rstrip(" .") for line in lines if line.startswith("out")]
            lines = [line for line in lines if line.strip(" .") and not line.startswith("out")]
            if lines and all(line.startswith("    ") for line in lines):
                self.paragraphs.append(("\n".join(line[4:] for line in lines), True))
            elif lines:
                self.paragraphs.append((self._without_formula(" ".join(lines)), False))
        first = self.paragraphs.pop(0)[0]
        self.sentence, _, more = first.partition(". ")
        self.sentence = self.sentence.rstrip(".") + "."
        if more:
            self.paragraphs.insert(0, (more, False))

    def _without_formula(self, text: str) -> str:
        """The sentence before `: out = …`, which is kept among the formulas."""
        before, found, formula = text.partition(": out")
        if not found:
            return text
        self.formulas.append(f"out{formula}".rstrip("."))
        return f"{before}."


def _entry(record: type[Operator]) -> str:
    meaning, sample = Meaning(record), SAMPLES[record.name]
    written = [f"```text\n{signature(record)}\n```"] if record.attrs else []
    parts = [f"## {record.name}", *written, _prose(meaning.sentence)]
    if meaning.formulas:
        parts.append("```text\n" + "\n".join(meaning.formulas) + "\n```")
    parts += [f"```text\n{text}\n```" if as_it_is else _prose(text) for text, as_it_is in meaning.paragraphs]
    if meaning.sources:
        parts.append(f"Source: {'; '.join(map(_linked, meaning.sources))}.")
    elsewhere = [word for word, ours in synonyms.STAGES.items() if ours == record.name]
    if elsewhere:
        parts.append(f"Elsewhere called {_listed(elsewhere)}.")
    if record.attrs:
        parts.append(_attributes(record))
    shapes = [Shape(stage, types) for stage, *rest in sample.shapes for types in [tuple(rest)]]
    if shapes[0].params:
        parts.append(_parameters(shapes[0]))
    if issubclass(record, Elementwise) and not shapes[0].params:
        parts.append("It takes a tensor of any shape, and keeps the shape.")
    else:
        parts.append(_table(["shapes", "of", "gives"], [_shape(shape) for shape in shapes]))
    if record.name in windows.DRAWN:
        caption = windows.CAPTIONS.get(record.name, windows.CAPTION)
        parts.append(f"{caption}\n\n```text\n{windows.diagrams(record.name)}\n```")
    parts.append(f"For example:\n\n```cnn\n{program(sample)}```\n\n```text\n{_numbers(record)}\n```")
    return "\n\n".join(parts)


def _attributes(record: type[Operator]) -> str:
    rows = []
    for spec in record.attrs:
        default = spec.default.shown if isinstance(spec.default, Derived) else "" if spec.required else None
        if default is None:
            default = spec.kind.show(spec.default)
        rows.append([f"`{spec.name}`", spec.doc, spec.kind.wanted, f"`{default}`" if default else "", str(spec.bounds)])
    return _table(["attribute", "meaning", "takes", "default", "bounds"], rows)


def _parameters(shape: Shape) -> str:
    rows = [[f"`{role}`", f"`{_sizes(spec)}`", _start(spec)] for role, spec in shape.params.items()]
    head = f"parameters of `{shape.stage}` on `{', '.join(shape.types)}`"
    return _table([head, "shape", "starts as"], rows)


def _sizes(spec: ParamSpec) -> str:
    return f"[{', '.join(map(str, spec.shape))}]"


def _start(spec: ParamSpec) -> str:
    if spec.start == "kaiming":
        count = str(product(spec.shape[1:]))
        return f"normal, of variance 2/{count if count.isalnum() else f'({count})'}"
    return STARTS.get(spec.start, spec.start) + ("" if spec.trained else "; a statistic, not trained")


def _shape(shape: Shape) -> list[str]:
    of = ", ".join(f"`{type}`" for type in shape.types)
    refusal = shape.refusal
    if refusal is not None:
        return [f"`{shape.stage}`", of, f"refused: {refusal.message}" + (f" ({refusal.help})" if refusal.help else "")]
    gives = ", ".join(f"`{type}`" for type in shape.results)
    return [f"`{shape.stage}`", of, " ".join([gives, *(f"if {condition}" for condition in shape.conditions)])]


def _numbers(record: type[Operator]) -> str:
    """The example's inputs, weights and outputs, drawn."""
    sample = SAMPLES[record.name]
    inputs = {name: value[None] for name, value in sample.feeds.items()}
    weights = [f"{name} = {listed(value)}" for name, value in sample.weights.items()]
    pictures = drawn({**inputs, **run(sample)})
    blocks = [*pictures[: len(inputs)], *weights, *pictures[len(inputs) :]]
    return "\n".join(blocks) if all("\n" not in block for block in blocks) else "\n\n".join(blocks)


def _linked(source: str) -> str:
    return re.sub(r"arXiv (\S+)", r"[arXiv \1](https://arxiv.org/abs/\1)", source)


def _listed(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _prose(text: str) -> str:
    """Words with Markdown's signs taken literally, but for backquotes."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*<|\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
