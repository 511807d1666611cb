"""What shapes come out, with numbers and with letters, and what the rules say when they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import Dim, Type, Undecided, ints


def typed(text: str) -> Type:
    """A type from its text, `f32[N, 64, 16*H, W]`."""
    dtype, inside = text.rstrip("]").split("[")
    return Type(dtype, tuple(map(sized, inside.split(", "))) if inside else ())  # type: ignore[arg-type]


def sized(text: str) -> int | Dim:
    if text.isdigit():
        return int(text)
    factor, _, letter = text.rpartition("*")
    size = Dim.letter(letter) * int(factor or 1)
    assert isinstance(size, Dim)
    return size


def infer(name, *types, **attributes):
    return bind(REGISTRY[name], attributes).infer(*map(typed, types))


@pytest.mark.parametrize(
    ("name", "attributes", "types", "result"),
    [
        ("conv", {"channels": 8, "kernel": 3, "pad": 1}, ["f32[N, 3, H, W]"], "f32[N, 8, H, W]"),
        ("conv", {"channels": 8, "kernel": 3, "stride": 2, "pad": 1}, ["f32[N, 3, 16*H, 8]"], "f32[N, 8, 8*H, 4]"),
        ("conv", {"channels": 8, "kernel": 4, "pad": "same"}, ["f32[N, 3, H, W]"], "f32[N, 8, H, W]"),
        ("conv", {"channels": 8, "kernel": 5, "stride": 2, "pad": "same"}, ["f32[N, 3, 2*H, 7]"], "f32[N, 8, H, 4]"),
        ("depthwise", {"kernel": 7, "pad": 3}, ["f32[N, 3, H, W]"], "f32[N, 3, H, W]"),
        ("conv_transpose", {"channels": 4, "kernel": 2, "stride": 2}, ["f32[N, 8, H, 3]"], "f32[N, 4, 2*H, 6]"),
        ("maxpool", {"kernel": 2}, ["f32[N, 3, 16*H, 9]"], "f32[N, 3, 8*H, 4]"),
        ("maxpool", {"kernel": 2, "ceil": True}, ["f32[N, 3, 16, 9]"], "f32[N, 3, 8, 5]"),
        ("global_avgpool", {}, ["f32[N, 64, H, W]"], "f32[N, 64, 1, 1]"),
        ("flatten", {}, ["f32[N, 64, H, 5]"], "f32[N, 320*H]"),
        ("dense", {"units": 10}, ["f32[N, 64]"], "f32[N, 10]"),
        ("concat", {}, ["f32[N, 1, H, W]", "f32[N, 2, H, W]", "f32[N, 3, H, W]"], "f32[N, 6, H, W]"),
        ("concat", {"axis": 2}, ["f32[N, 1, H, W]", "f32[N, 1, 2, W]"], "f32[N, 1, H + 2, W]"),
        ("add", {}, ["f32[N, 8, H, W]", "f32[N, 1, 1, W]"], "f32[N, 8, H, W]"),
        ("mul", {}, ["f32[8, 1, 1]", "f32[N, 1, H, W]"], "f32[N, 8, H, W]"),
        ("div", {"left": 1.0}, ["f32[N, 8]"], "f32[N, 8]"),
        ("sum", {"axis": 1}, ["f32[N, 8, H, W]"], "f32[N, H, W]"),
        ("mean", {"axis": 3, "keep": True}, ["f32[N, 8, H, W]"], "f32[N, 8, H, 1]"),
        ("argmax", {}, ["f32[N, 10]"], "i64[N]"),
        ("scale", {"k": 2}, ["u8[N, 3, H, W]"], "f32[N, 3, H, W]"),
        ("to_u8", {}, ["f32[N, 3, H, W]"], "u8[N, 3, H, W]"),
        ("pixel_shuffle", {"n": 2}, ["f32[N, 12, H, W]"], "f32[N, 3, 2*H, 2*W]"),
        ("upsample", {"n": 2}, ["f32[N, 12, H, W]"], "f32[N, 12, 2*H, 2*W]"),
        ("pad", {"size": (1, 2)}, ["f32[N, 1, H, 4]"], "f32[N, 1, H + 2, 8]"),
        ("cross_entropy", {}, ["f32[N, 10]", "i64[N]"], "f32[]"),
        ("cross_entropy", {}, ["f32[N, 10, H, W]", "i64[N, H, W]"], "f32[]"),
        ("identity", {}, ["u8[N, 3, H, W]"], "u8[N, 3, H, W]"),
    ],
)
def test_shapes(name, attributes, types, result):
    assert str(infer(name, *types, **attributes)) == result


def test_split_gives_a_type_for_each_part():
    listed, equal = (
        infer("split", "f32[N, 6, H, W]", parts=[1, 5]),
        infer("split", "f32[N, 6, 4*H, W]", parts=2, axis=2),
    )
    assert isinstance(listed, tuple) and isinstance(equal, tuple)
    assert [str(t) for t in listed] == ["f32[N, 1, H, W]", "f32[N, 5, H, W]"]
    assert [str(t) for t in equal] == ["f32[N, 6, 2*H, W]"] * 2


windowed = st.sampled_from(["conv", "depthwise", "conv_transpose", "maxpool", "avgpool"])


@given(
    windowed, st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.integers(1, 4), st.integers(0, 7),
    st.integers(1, 9), st.booleans(),
)  # fmt: skip
def test_a_letter_gives_what_its_number_would(name, kernel, stride, pad, factor, rest, h, ceil):
    attributes = {"kernel": kernel, "stride": stride, "pad": pad}
    if name.startswith("conv"):
        attributes["channels"] = 4
    if name.endswith("pool"):
        attributes["ceil"] = ceil
    op, height = bind(REGISTRY[name], attributes), factor * Dim.letter("H") + rest
    try:
        symbolic = op.infer(Type("f32", (1, 4, height, 9)))
    except (Undecided, Refusal):
        return
    known = op.infer(Type("f32", (1, 4, factor * h + rest, 9)))
    assert isinstance(symbolic, Type) and isinstance(known, Type)
    size = symbolic.height
    assert (size.substitute({"H": h}) if isinstance(size, Dim) else size) == ints(known.shape)[2]


REFUSALS = [
    ("conv", {"channels": 8, "kernel": 7, "pad": 1}, ["f32[N, 3, 4, 9]"], "E0308",
     "the kernel covers 7 pixels, but the padded height is 6", "more pad"),
    ("conv", {"channels": 8, "kernel": 3, "groups": 4}, ["f32[N, 6, 9, 9]"], "E0311",
     "4 groups do not divide 6 input and 8 output channels", "1, 2"),
    ("conv", {"channels": 8, "kernel": 3}, ["u8[N, 3, 9, 9]"], "E0304", "conv wants f32, got u8[N, 3, 9, 9]",
     "scale(1/255)"),
    ("conv", {"channels": 8, "kernel": 3}, ["f32[N, 3]"], "E0307",
     "conv wants a 4-D tensor [N, C, H, W], got f32[N, 3]", ""),
    ("conv_transpose", {"channels": 8, "kernel": 2, "pad": 1}, ["f32[N, 3, 1, 1]"], "E0312",
     "the output's height would be 0", "less pad"),
    ("conv_transpose", {"channels": 8, "kernel": 2, "stride": 3, "pad": "same"}, ["f32[N, 3, 1, 1]"], "E0305",
     "same wants a kernel that covers at least the stride", "output_pad"),
    ("conv_transpose", {"channels": 8, "kernel": 2, "stride": 2, "output_pad": 2}, ["f32[N, 3, 1, 1]"], "E0305",
     "output_pad is 2, but must be less than the stride or the dilation", ""),
    ("maxpool", {"kernel": 2, "pad": 2}, ["f32[N, 3, 9, 9]"], "E0308",
     "maxpool has windows of 2 pixels that lie in the pad of 2", "less pad"),
    ("dense", {"units": 10}, ["f32[N, 64, 5, 5]"], "E0307", "dense wants a 2-D tensor, got f32[N, 64, 5, 5]",
     "insert flatten (1,600 features), or global_avgpool -> flatten (64)"),
    ("dense", {"units": 10}, ["f32[N, 64, H, W]"], "E0307", "dense wants a 2-D tensor", "global_avgpool -> flatten"),
    ("add", {}, ["f32[N, 256, 56, 56]", "f32[N, 64, 56, 56]"], "E0302",
     "cannot add f32[N, 256, 56, 56] and f32[N, 64, 56, 56]", "conv(256, 1)"),
    ("sub", {}, ["f32[N, 4, 56, 56]", "f32[N, 4, 55, 56]"], "E0302", "cannot subtract", "crop, pad or resize"),
    ("sub", {}, ["f32[N, 4]"], "E0309", "sub wants two operands, got 1", ""),
    ("mul", {}, ["f32[N, 4]", "f32[N, 4, 1, 1]"], "E0302", "cannot multiply f32[N, 4] and f32[N, 4, 1, 1]", "reshape"),
    ("add", {}, ["f32[N, 4]", "f32[5, 4]"], "E0302", "cannot add f32[N, 4] and f32[5, 4]", ""),
    ("concat", {}, ["f32[N, 4, 8, 8]", "f32[N, 4, 8, 7]"], "E0302",
     "cannot concat f32[N, 4, 8, 8] and f32[N, 4, 8, 7]", "crop, pad or resize"),
    ("concat", {}, ["f32[N, 4]", "f32[N, 4, 8, 7]"], "E0302", "cannot concat", ""),
    ("concat", {"axis": 2}, ["f32[N, 4]", "f32[N, 4]"], "E0310",
     "concat wants axis 2, but f32[N, 4] has only axis 1", ""),
    ("split", {"parts": 4}, ["f32[N, 6]"], "E0311", "4 equal parts do not divide axis 1 of f32[N, 6], which is 6",
     "split([a, b])"),
    ("split", {"parts": [4, 1]}, ["f32[N, 6]"], "E0325", "split into [4, 1] makes 5, but axis 1 of f32[N, 6] is 6", ""),
    ("slice", {"start": 3, "stop": 3}, ["f32[N, 6]"], "E0312", "the slice from 3 to 3 is empty", ""),
    ("slice", {"start": 3, "stop": 7}, ["f32[N, 6]"], "E0315", "the slice ends at 7, but axis 1 of f32[N, 6] is 6", ""),
    ("reshape", {"dims": [4, 5]}, ["f32[N, 64, 5, 5]"], "E0325", "has 1,600 numbers for each image", "the batch"),
    ("reshape", {"dims": [-1, -1]}, ["f32[N, 6]"], "E0305", "at most one -1, got [-1, -1]", ""),
    ("transpose", {"order": [0, 2, 3, 1]}, ["f32[N, 6, 2, 2]"], "E0310", "wants each of 1, 2, 3 once", "leave out 0"),
    ("pad", {"size": 4, "mode": "reflect"}, ["f32[N, 6, 4, 9]"], "E0308",
     "a reflection of 4 pixels wants a height of at least 5, got 4", ""),
    ("crop", {"h": 10, "w": 4}, ["f32[N, 6, 4, 9]"], "E0308", "the crop's height is 10, but the image's is 4", "pad"),
    ("pixel_shuffle", {"n": 2}, ["f32[N, 6, 4, 9]"], "E0311", "wants a multiple of 4 channels, got 6", ""),
    ("channel_shuffle", {"n": 4}, ["f32[N, 6, 4, 9]"], "E0311", "wants a multiple of 4 channels, got 6", ""),
    ("groupnorm", {"groups": 4}, ["f32[N, 6, 4, 9]"], "E0311", "4 groups do not divide 6 channels", "1, 2, 3, 6"),
    ("normalize", {"mean": [1, 2], "std": 1}, ["u8[N, 3, 4, 9]"], "E0325", "normalize has 2 values of `mean`", "one"),
    ("normalize", {"mean": 1, "std": [1, 0, 1]}, ["u8[N, 3, 4, 9]"], "E0305", "`std` is 0", ""),
    ("clip", {"low": 1, "high": 0}, ["f32[N, 3]"], "E0305", "clip wants `low` at most `high`, got 1.0 and 0.0", ""),
    ("dropout", {"p": 1}, ["f32[N, 3]"], "E0305", "`p` is 1.0, but must be less than 1", ""),
    ("softmax", {"axis": 2}, ["f32[N, 3]"], "E0310", "softmax wants axis 2, but f32[N, 3] has only axis 1", ""),
    ("cross_entropy", {}, ["f32[N]", "i64[N]"], "E0310", "wants axis 1, but f32[N] has only the batch", ""),
    ("cross_entropy", {}, ["f32[N, 3]", "f32[N]"], "E0304", "cross_entropy wants i64 labels, got f32[N]", ""),
    ("cross_entropy", {}, ["f32[N, 3, 4, 4]", "i64[N]"], "E0302", "cannot compare f32[N, 3, 4, 4] and i64[N]", ""),
    ("mse", {}, ["f32[N, 3]", "f32[N, 4]"], "E0302", "mse cannot compare f32[N, 3] and f32[N, 4]", ""),
    ("flatten", {}, ["f32[]"], "E0307", "f32[] has no batch", ""),
    ("reshape", {"dims": [1]}, ["f32[]"], "E0307", "f32[] has no batch", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attributes", "types", "code", "message", "cure"), REFUSALS)
def test_refusals_say_what_was_found_and_wanted(name, attributes, types, code, message, cure):
    with pytest.raises(Refusal) as refusal:
        infer(name, *types, **attributes)
    assert refusal.value.code == code
    assert message in str(refusal.value)
    assert cure in refusal.value.help
    assert not str(refusal.value).endswith(".")
