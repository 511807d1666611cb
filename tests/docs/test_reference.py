"""The reference says what the records, the grammar and the compiler say. `CNNC_BLESS=1 pytest` writes it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import generate
import numpy as np
import pytest
import stages
import windows
from samples import SAMPLES
from trials import Shape, program, run

from cnnc.compiler.frontend import check_text
from cnnc.compiler.ir.operator import REGISTRY
from cnnc.compiler.ir.types import Type, ints

PAGES = generate.pages()
STAGES = [name for name, record in REGISTRY.items() if record.stage]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_are_as_generated(path: Path) -> None:
    if "CNNC_BLESS" in os.environ:
        path.write_text(PAGES[path], encoding="utf-8")
    assert path.read_text(encoding="utf-8") == PAGES[path]


def test_no_page_is_left_over() -> None:
    assert set(generate.FOLDER.iterdir()) == set(PAGES)


def test_every_stage_has_a_page_and_a_sample() -> None:
    assert sorted(record.name for name in stages.FAMILIES for record in stages.family(name)) == sorted(STAGES)
    assert sorted(SAMPLES) == sorted(STAGES)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_programs_are_sound(path: Path) -> None:
    for text in generate.programs(PAGES[path]):
        found = [finding.render() for finding in check_text(text) if finding.severity != "note"]
        assert not found, "\n".join(found)


@pytest.mark.parametrize("text", [text for page in PAGES.values() for text in generate.FAILING.findall(page)])
def test_wrong_lines_are_found_as_their_comments_say(text: str) -> None:
    """And no others."""
    said = {(i, code) for i, line in enumerate(text.splitlines(), 1) for code in re.findall(r"# ([EW]\d{4})$", line)}
    found = [(finding.code, finding.span) for finding in check_text(text) if finding.severity != "note"]
    assert said == {(span.source.position(span.start)[0], code) for code, span in found if span is not None}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https:)([^)#]*)(?:#([^)]+))?\)", PAGES[path]):
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], anchor


@pytest.mark.parametrize("name", STAGES)
def test_a_sample_shows_its_stage(name: str) -> None:
    sample = SAMPLES[name]
    assert f"-> {name}" in program(sample)
    assert all(stage.partition("(")[0] == name for stage, *_ in sample.shapes)
    results = run(sample)
    assert results and all(array.size for array in results.values())


@pytest.mark.parametrize("name", STAGES)
def test_no_number_of_a_sample_is_random(name: str) -> None:
    """Parameters that start at random are given, so that a reader can follow the example."""
    stage, *types = SAMPLES[name].shapes[0]
    starts = {role: spec.start for role, spec in Shape(stage, tuple(types)).params.items()}
    for role, start in starts.items():
        given = f"{name}_1.{role}" in SAMPLES[name].weights or "weight=" in SAMPLES[name].body
        assert given or start != "kaiming"


@pytest.mark.parametrize("name", STAGES)
def test_a_meaning_is_a_sentence(name: str) -> None:
    """The convention of docstrings that the pages rest on: words first, formulas begin with `out`."""
    meaning = stages.Meaning(REGISTRY[name])
    assert not meaning.sentence.startswith("out")
    assert "(" not in meaning.sentence or ")" in meaning.sentence
    assert not any(re.search(r"\b(19|20)\d\d\b", text) for text, _ in meaning.paragraphs), "a source that is not one"


WINDOWED = [stage for name, drawn in windows.DRAWN.items() if name not in ("pad", "resize") for stage in drawn]


@pytest.mark.parametrize("stage", WINDOWED)
def test_drawn_windows_are_those_of_the_reference(stage: str) -> None:
    """One pixel at a time is made NaN: the outputs that turn NaN are those whose windows hold it."""
    size = windows.SIZES.get(stage.partition("(")[0], 7)
    op = Shape(stage, (f"f32[N, 1, {size}, {size}]",)).node.op
    given = Type("f32", (1, 1, size, size))
    params = {role: np.ones(ints(spec.shape)) for role, spec in op.params(given).items()}
    touched = windows.touched(op, given)
    for pixel in range(size):
        image = np.zeros((1, 1, size, size))
        image[..., pixel] = np.nan
        out = np.asarray(op.reference(image, **params))[0, 0, size // 4]
        seen = [i for i, value in enumerate(out) if np.isnan(value)]
        if op.name == "conv_transpose":
            assert seen == [i for i in touched[pixel] if 0 <= i < len(out)]
        else:
            assert seen == [i for i, taps in enumerate(touched) if pixel in taps]
