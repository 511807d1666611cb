"""Size letters: chosen, taken from an image, or left free."""

from __future__ import annotations

import pytest

from cnnc.compiler.frontend import check_text, parse_text, sizes_of
from cnnc.runtime.errors import ModelError

PHOTO = "model M { input photo: u8[N, 3, 32*H, W] output y = photo -> scale(1/255) -> conv(H, 1) }"


def test_a_size_is_that_of_the_tensor_and_the_letter_its_part():
    model = parse_text(PHOTO, sizes={"H": 96, "W": 5})
    assert str(model.graph.outputs["y"].type) == "f32[N, 3, 96, 5]"


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"H": 100, "W": 5}, "--size H=128"),
        ({"H": 96}, "--size W=480"),
        ({"H": 96, "W": 5, "Q": 1}, "has no size `Q`"),
        ({"H": 0, "W": 5}, "--size H=32"),
    ],
)
def test_sizes_that_do_not_fit(sizes, said):
    with pytest.raises(ModelError, match=said):
        parse_text(PHOTO, sizes=sizes)


def test_an_image_says_its_size(tmp_path):
    (tmp_path / "m.cnn").write_text(PHOTO)
    assert sizes_of(tmp_path / "m.cnn", {"photo": (1, 3, 480, 640)}) == {"H": 480, "W": 640}


def notes(text: str) -> list[tuple[str, str]]:
    return [(d.severity, d.message) for d in check_text(text)]


def test_questions_without_an_answer_are_notes_with_their_condition():
    text = "model M {{ input x: f32[N, 3, {}] output y = [identity, maxpool(2) -> upsample(2)] -> add }}"
    text = text.replace("output y = [", "output y = x -> [")
    assert notes(text.format("2*H, 2*W")) == []
    assert notes(text.format("H, W")) == [
        ("note", "`maxpool` fits only if H >= 2 and W >= 2"),
        ("note", "`add` fits only if H = 2*(H//2) and W = 2*(W//2)"),
    ]


def test_an_if_on_a_free_size_stops_there():
    text = "model M { input x: f32[N, 3, H, H] output y = x -> (if x.height > 8 then relu else nothing) -> nowhere }"
    assert [severity for severity, _ in notes(text)] == ["note", "error"]


def test_what_no_model_reads_is_warned_of():
    text = "block lonely = relu\nmodel M { input x: f32[N, 3] unread = 3 output y = x }"
    assert [d.code for d in check_text(text)] == ["W0202", "W0201"]


def test_a_pad_may_be_another_inputs_height():
    """Which is not known yet where advice is given about borders that nothing reads."""
    inputs = "input a: f32[N, 1, H, 8] input x: f32[N, 1, 8, 8]"
    text = f"model M {{ {inputs} output y = x -> conv(1, 3, stride=2, pad=a.height) }}"
    assert check_text(text) == []
    graph = parse_text(text, sizes={"H": 1}).graph
    assert graph.outputs["y"].type.known == (1, 4, 4)
