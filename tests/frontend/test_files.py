"""`use`: other files, below the folder of the file that was named, and nothing else."""

from __future__ import annotations

import pytest

from cnnc.compiler.frontend import load
from cnnc.runtime.errors import ModelError

BLOCKS = "const width = 4\nblock unit(c=width) = conv(c, 1)\n"
USER = 'use "{}" as parts\nmodel M {{ input x: f32[N, 3, 8, 8] output y = x -> parts.unit }}'


def codes(path) -> list[str]:
    with pytest.raises(ModelError) as caught:
        load(path)
    return [d.code for d in caught.value.diagnostics]  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net" / "parts").mkdir(parents=True)
    return tmp_path / "net"


def test_names_of_another_file(folder):
    (folder / "parts" / "units.cnn").write_text('use "widths.cnn" as widths\nblock unit = conv(widths.width, 1)')
    (folder / "parts" / "widths.cnn").write_text("const width = 5")
    (folder / "main.cnn").write_text(USER.format("parts/units.cnn"))
    assert str(load(folder / "main.cnn:M").graph.outputs["y"].type) == "f32[N, 5, 8, 8]"


def test_defaults_are_evaluated_in_their_own_file(folder):
    (folder / "a.cnn").write_text(BLOCKS)
    (folder / "main.cnn").write_text("const width = 9\n" + USER.format("a.cnn"))
    assert str(load(folder / "main.cnn").graph.outputs["y"].type) == "f32[N, 4, 8, 8]"


def test_no_way_out_of_the_folder(folder):
    (folder.parent / "secret.cnn").write_text(BLOCKS)
    (folder / "link.cnn").symlink_to(folder.parent / "secret.cnn")
    for path in ("../secret.cnn", "parts/../../secret.cnn", "link.cnn", str(folder.parent / "secret.cnn")):
        (folder / "main.cnn").write_text(USER.format(path))
        assert codes(folder / "main.cnn") == ["E0222"]


def test_use_is_not_transitive_and_has_no_cycles(folder):
    (folder / "a.cnn").write_text('use "b.cnn" as b\n' + BLOCKS)
    (folder / "b.cnn").write_text(BLOCKS)
    (folder / "main.cnn").write_text(USER.format("a.cnn").replace("parts.unit", "parts.b.unit"))
    assert codes(folder / "main.cnn") == ["E0201"]
    (folder / "b.cnn").write_text('use "a.cnn" as a')
    assert sorted(codes(folder / "main.cnn")) == ["E0201", "E0223"]


def test_errors_of_a_used_file_are_told_in_it(folder):
    (folder / "a.cnn").write_text("block unit = conv(3,\n")
    (folder / "main.cnn").write_text(USER.format("a.cnn"))
    with pytest.raises(ModelError, match=r"a\.cnn:1:18"):
        load(folder / "main.cnn")


def test_what_is_no_text_is_refused(folder):
    assert codes(folder / "missing.cnn") == ["E0110"]
    (folder / "main.cnn").write_bytes(b"const a = \xff")
    assert codes(folder / "main.cnn") == ["E0103"]
    (folder / "main.cnn").write_text(USER.format("parts"))
    assert codes(folder / "main.cnn") == ["E0212"]
