"""The stages are those of the language's list, with its names, order and defaults."""

import re

import pytest

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.operator import REGISTRY, Operator, bind, signature

STAGES = """
conv(channels, kernel, stride=1, pad=0, dilation=1, groups=1, bias=true, weight=none)
depthwise(kernel, stride=1, pad=0, dilation=1, bias=true)
conv_transpose(channels, kernel, stride=1, pad=0, output_pad=0, dilation=1, groups=1, bias=true)
dense(units, bias=true)
maxpool(kernel, stride=kernel, pad=0, dilation=1, ceil=false)
avgpool(kernel, stride=kernel, pad=0, ceil=false, count_pad=false)
global_avgpool
global_maxpool
adaptive_avgpool(h, w)
dropout(p)
lrn(size, alpha=1e-4, beta=0.75, k=1)
batchnorm(eps=1e-5, momentum=0.1)
instancenorm(eps=1e-5, affine=true)
groupnorm(groups, eps=1e-5)
layernorm(eps=1e-5)
flatten
reshape(dims)
transpose(order)
concat(axis=1)
split(parts, axis=1)
slice(start, stop, axis=1)
add(left=none, right=none)
mul(left=none, right=none)
sum(axis, keep=false)
mean(axis, keep=false)
pad(size, mode=zero)
crop(h, w)
resize(h, w, mode=bilinear, coords=half_pixel)
upsample(n, mode=nearest)
pixel_shuffle(n)
channel_shuffle(n)
softmax(axis=1)
log_softmax(axis=1)
argmax(axis=1)
identity
scale(k)
normalize(mean, std)
to_u8
clip(low, high)
sqrt
abs
exp
log
threshold(t)
relu
relu6
leaky_relu(a=0.01)
prelu
elu
selu
gelu
silu
mish
sigmoid
tanh
softplus
hardsigmoid
hardswish
cross_entropy
mse
"""


def read(text: str) -> tuple[str, list[tuple[str, str | float | None]]]:
    """A signature as its name and its attributes, numbers by value."""
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text)
    assert match
    name, inside = match.groups()
    attributes = []
    for part in inside.split(", ") if inside else ():
        key, equals, default = part.partition("=")
        number = re.fullmatch(r"[\d.e-]+", default)
        attributes.append((key, float(default) if number else default if equals else None))
    return name, attributes


def test_the_registry_has_the_stages_of_the_language_and_no_others():
    listed = dict(read(line) for line in STAGES.split("\n") if line)
    stages = dict(read(signature(record)) for record in REGISTRY.values() if record.stage)
    assert stages == listed


@pytest.mark.parametrize("record", REGISTRY.values(), ids=REGISTRY)
def test_a_record_says_what_it_means_in_every_part(record: type[Operator]):
    assert record.__doc__ and not record.__doc__.startswith(record.__name__ + "(")
    assert all(attribute.doc and not attribute.doc.endswith(".") for attribute in record.attrs)


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("relu", {}, "relu"),
        ("conv", {"channels": 8, "kernel": 3}, "conv(8, 3)"),
        ("conv", {"channels": 8, "kernel": (3, 3), "pad": 1, "bias": False}, "conv(8, 3, pad=1, bias=false)"),
        ("conv", {"channels": 1, "kernel": 1, "weight": [1, 2]}, "conv(1, 1, weight=[1.0, 2.0])"),
        ("maxpool", {"kernel": 3}, "maxpool(3)"),
        ("maxpool", {"kernel": 3, "stride": (2, 1), "pad": "same"}, "maxpool(3, stride=(2, 1), pad=same)"),
        ("split", {"parts": [1, 2]}, "split([1, 2])"),
        ("normalize", {"mean": [0.5, 1], "std": 2}, "normalize([0.5, 1.0], 2.0)"),
        ("sub", {"right": 1}, "sub(right=1.0)"),
    ],
)
def test_a_stage_prints_as_it_could_be_written(name, arguments, shown):
    assert str(bind(REGISTRY[name], arguments)) == shown


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("conv", {"channels": 8}, "`conv` needs `kernel`"),
        ("conv", {"channels": 0, "kernel": 3}, "`channels` is 0, but must be at least 1"),
        ("conv", {"channels": 8, "kernel": 3, "pad": -1}, "`pad` is -1, but must be at least 0"),
        ("conv", {"channels": 4.0, "kernel": 3}, "wanted a whole number, got 4.0"),
        ("conv", {"channels": 8, "kernel": 3, "bias": 1}, "wanted `true` or `false`, got 1"),
        ("softmax", {"axis": 0}, "`axis` is 0, but must be at least 1"),
        ("resize", {"h": 1, "w": 1, "mode": "cubic"}, 'wanted nearest, bilinear or bicubic, got "cubic"'),
    ],
)
def test_arguments_are_checked(name, arguments, message):
    with pytest.raises(Refusal) as refusal:
        bind(REGISTRY[name], arguments)
    assert message in str(refusal.value)
