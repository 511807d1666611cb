"""Programs drawn at random: up to 20 nodes of every operator, joined and fanned out, around the width of a vector.

    python tests/native/random_programs.py 10000 [FIRST SEED]

tries so many on the CPUs that this one can be, and prints the smallest program of each kind of failure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import EVERY_PASS, HERE, SLOWLY, assert_right, compile_native, every_way, images_for, run, truth
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.frontend.read import read
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Node, Value
from cnnc.compiler.ir.operator import Array, Operator
from cnnc.compiler.ir.text import show
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.pipeline import optimise
from cnnc.compiler.tolerance import expected
from cnnc.runtime.errors import TargetError
from cnnc.runtime.executable import Executable

NODES, LARGEST = 20, 6000  # numbers in a tensor
THREADS = (2, 3, 4)
COUNTS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 36, 48]
Attributes = Mapping[str, Any]
Drawn = Callable[[st.DrawFn, Type], Attributes]

small = st.integers(1, 3)
strides = st.sampled_from([1, 1, 1, 2, 3])
pairs = st.tuples(small, small)
counts = st.sampled_from(COUNTS)
floats = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 1.0, 1.5, 3.0])


def axis(draw: st.DrawFn, x: Type) -> int:
    return draw(st.integers(1, max(1, x.rank - 1)))


def divisor(draw: st.DrawFn, size: int) -> int:
    return draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))


def window(draw: st.DrawFn, x: Type, *names: str) -> dict[str, Any]:
    """A kernel, mostly one that fits, and some of the attributes that windows have."""
    sides = st.just(0) | st.just("same") | st.integers(0, 2) | st.tuples(*[st.integers(0, 3)] * 4)
    kinds = {
        "stride": st.tuples(strides, strides), "pad": sides, "dilation": st.tuples(strides, strides),
        "ceil": st.booleans(), "count_pad": st.booleans(), "output_pad": st.integers(0, 1), "bias": st.booleans(),
    }  # fmt: skip
    kernel = draw(st.sampled_from([1, 3, (3, 3), (2, 3), (1, 5), (4, 2), (5, 1)]))
    return {"kernel": kernel, **{name: draw(kinds[name]) for name in names if draw(st.booleans())}}


def conv(draw: st.DrawFn, x: Type) -> Attributes:
    attributes = window(draw, x, "stride", "pad", "dilation", "bias")
    inside = x.known[0] if x.rank == 4 else 1
    groups = divisor(draw, inside) if draw(st.integers(0, 3)) == 0 else 1
    if draw(st.integers(0, 15)) == 0 and inside <= 4:
        return {"channels": 2, "kernel": 1, "weight": draw(st.lists(floats, min_size=2 * inside, max_size=2 * inside))}
    outside = draw(counts if groups == 1 else st.sampled_from([1, 2, 3, 16]))
    return {**attributes, "channels": groups * outside, "groups": groups}


def conv_transpose(draw: st.DrawFn, x: Type) -> Attributes:
    groups = divisor(draw, x.known[0]) if x.rank == 4 and draw(st.integers(0, 3)) == 0 else 1
    channels = groups * draw(st.sampled_from([1, 2, 3, 16, 17]))
    attributes = window(draw, x, "stride", "dilation", "output_pad", "bias")
    return {**attributes, "pad": draw(st.integers(0, 1)), "channels": channels, "groups": groups}


def reshape(draw: st.DrawFn, x: Type) -> Attributes:
    sizes = list(draw(st.permutations(x.known)))
    at = draw(st.integers(0, len(sizes)))
    first = divisor(draw, prod(sizes[:at]))
    merged = [first, prod(sizes[:at]) // first, *sizes[at:]]
    return {"dims": draw(st.sampled_from([[-1], [first, -1], merged, sizes or [1]]))}


def split(draw: st.DrawFn, x: Type) -> Attributes:
    where = axis(draw, x)
    size = x.known[where - 1] if x.rank > 1 else 1
    if size > 1 and draw(st.booleans()):
        first = draw(st.integers(1, size - 1))
        return {"parts": [first, size - first], "axis": where}
    return {"parts": divisor(draw, size), "axis": where}


def slice_(draw: st.DrawFn, x: Type) -> Attributes:
    where = axis(draw, x)
    stop = draw(st.integers(1, x.known[where - 1] if x.rank > 1 else 1))
    return {"start": draw(st.integers(0, stop - 1)), "stop": stop, "axis": where}


def pad(draw: st.DrawFn, x: Type) -> Attributes:
    size = draw(st.integers(0, 2) | st.tuples(*[st.integers(0, 2)] * 4))
    return {"size": size, "mode": draw(st.sampled_from(["zero", "edge", "reflect"]))}


def resize(draw: st.DrawFn, x: Type) -> Attributes:
    modes, places = ["nearest", "bilinear", "bicubic"], ["half_pixel", "align_corners", "asymmetric"]
    h, w = draw(st.tuples(st.integers(1, 12), st.integers(1, 20)))
    return {"h": h, "w": w, "mode": draw(st.sampled_from(modes)), "coords": draw(st.sampled_from(places))}


def upsample(draw: st.DrawFn, x: Type) -> Attributes:
    return {"n": draw(small), "mode": draw(st.sampled_from(["nearest", "bilinear"]))}


def normalize(draw: st.DrawFn, x: Type) -> Attributes:
    if x.rank > 1 and draw(st.booleans()):
        channels = range(x.known[0])
        return {"mean": [draw(floats) for _ in channels], "std": [draw(floats) or 2.0 for _ in channels]}
    return {"mean": draw(floats), "std": draw(floats) or 2.0}


def lrn(draw: st.DrawFn, x: Type) -> Attributes:
    size, beta = draw(st.sampled_from([1, 2, 3, 5, 9, 33, 70])), draw(st.sampled_from([0.75, 0.6, 1.0]))
    return {
        "size": size,
        "alpha": draw(st.sampled_from([0.0, 1e-4, 0.5])),
        "beta": beta,
        "k": draw(st.sampled_from([1, 2])),
    }


def number_beside(draw: st.DrawFn, x: Type) -> Attributes:
    """Arithmetic with a number, for one tensor; with two there is none."""
    return {draw(st.sampled_from(["left", "right"])): draw(floats)}


def cut_off(draw: st.DrawFn, x: Type) -> Attributes:
    low = draw(floats)
    return {"low": low, "high": low + draw(st.sampled_from([0.0, 1.0, 2.5]))}


def none(draw: st.DrawFn, x: Type) -> Attributes:
    return {}


def along(*names: str) -> Drawn:
    return lambda draw, x: {"axis": axis(draw, x), **{name: draw(st.booleans()) for name in names}}


def eps(draw: st.DrawFn, x: Type) -> Attributes:
    return {"eps": draw(st.sampled_from([1e-5, 1e-3, 0.0625]))}


def channels_by(name: str, more: Drawn = none) -> Drawn:
    return lambda draw, x: {name: divisor(draw, x.known[0] if x.rank > 1 else 1), **more(draw, x)}


# By record: its attributes, drawn for an operand; most of them fit. What takes several tensors is in JOINS.
ATTRIBUTES: dict[str, Drawn] = {
    **dict.fromkeys(
        ("relu", "relu6", "prelu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus", "hardsigmoid",
         "hardswish", "sqrt", "abs", "exp", "log", "to_u8", "global_avgpool", "global_maxpool", "identity", "flatten"),
        none,
    ),
    "leaky_relu": lambda draw, x: {"a": draw(floats)}, "scale": lambda draw, x: {"k": draw(floats)},
    "threshold": lambda draw, x: {"t": draw(floats)}, "dropout": lambda draw, x: {"p": 0.5}, "clip": cut_off,
    "normalize": normalize, "batchnorm": eps, "layernorm": eps, "groupnorm": channels_by("groups", eps),
    "instancenorm": lambda draw, x: {"affine": draw(st.booleans()), **eps(draw, x)}, "lrn": lrn,
    "conv": conv, "conv_transpose": conv_transpose,
    "depthwise": lambda draw, x: window(draw, x, "stride", "pad", "dilation", "bias"),
    "dense": lambda draw, x: {"units": draw(counts), "bias": draw(st.booleans())},
    "maxpool": lambda draw, x: window(draw, x, "stride", "pad", "dilation", "ceil"),
    "avgpool": lambda draw, x: window(draw, x, "stride", "pad", "ceil", "count_pad"),
    "adaptive_avgpool": lambda draw, x: dict(zip("hw", draw(pairs), strict=True)),
    "resize": resize, "upsample": upsample,
    "reshape": reshape, "split": split, "slice": slice_, "pad": pad,
    "transpose": lambda draw, x: {"order": list(draw(st.permutations(range(1, x.rank))))},
    "crop": lambda draw, x: dict(zip("hw", draw(pairs), strict=True)),
    "pixel_shuffle": lambda draw, x: {"n": draw(st.sampled_from([1, 2, 3]))}, "channel_shuffle": channels_by("n"),
    "sum": along("keep"), "mean": along("keep"), "softmax": along(), "log_softmax": along(), "argmax": along(),
    "add": number_beside, "sub": number_beside, "mul": number_beside, "div": number_beside,
    "concat": along(),
}  # fmt: skip
JOINS = ("add", "add", "sub", "mul", "div", "concat", "concat")
LAYERS = ("conv", "conv", "conv", "depthwise", "conv_transpose", "dense")
LOSSES = ("cross_entropy", "mse")


@st.composite
def inputs(draw: st.DrawFn) -> Type:
    """Images mostly, of numbers or of bytes, some rows, some tensors of more axes, some whole numbers."""
    kind = draw(st.sampled_from(["image"] * 6 + ["bytes", "row", "row", "box", "labels"]))
    if kind in ("image", "bytes"):
        channels, high, wide = draw(counts), draw(st.integers(1, 9)), draw(st.integers(1, 20))
        return image(channels, high, wide, "u8" if kind == "bytes" else "f32")
    if kind == "row":
        return features(draw(counts))
    return Type("f32" if kind == "box" else "i64", (Dim.letter(BATCH), *draw(st.lists(small, max_size=5))))


@st.composite
def programs(draw: st.DrawFn) -> Graph:
    """A valid graph with weights; what nothing reads and some other values are outputs."""
    net = Net(draw(st.integers(0, 999)))
    values = [net.input(f"x{k}", draw(inputs())) for k in range(draw(st.integers(1, 3)))]
    if draw(st.integers(0, 3)) == 0:
        known = draw(st.sampled_from(values)).type.known
        values.append(net.param(*(size if draw(st.booleans()) else 1 for size in known)))
    applied: list[Node] = []
    for _ in range(draw(st.integers(1, 3 * NODES // 2))):
        made = _applied(draw, net, values, applied) if len(applied) < NODES else None
        values += made.outputs if made else ()
        applied += [made] if made else []
    ends = [value for node in applied for value in node.outputs if not net.graph.readers(value)]
    return net.output(*(ends or values[-1:]), *draw(st.lists(st.sampled_from(values), max_size=2)))


def _applied(draw: st.DrawFn, net: Net, values: Sequence[Value], applied: Sequence[Node]) -> Node | None:
    """One more node, None where what was drawn does not fit."""
    x = draw(st.sampled_from([values[-1], values[-1], *values[-4:], *values]))  # chains, mostly
    weighed = [node for node in applied if node.weights]
    like = draw(st.sampled_from(weighed)) if weighed and draw(st.integers(0, 7)) == 0 else None
    kind = draw(st.sampled_from(["any"] * 3 + ["layer", "join"]))
    try:
        if like is not None:
            return _small(net, like.op, [x], like)
        if kind == "join":
            name = draw(st.sampled_from(JOINS if draw(st.integers(0, 9)) else LOSSES))
            if name == "cross_entropy":
                label = net.input(net.graph.fresh("label"), Type("i64", (Dim.letter(BATCH), *x.type.known[1:])))
                return _small(net, stage(name), [x, label])
            # A loss stays among losses, mostly: no native code makes a tensor of it.
            others = [value for value in values if bool(value.type.rank) == bool(x.type.rank) or draw(st.booleans())]
            operands = [x, *draw(st.lists(st.sampled_from([x, *others]), min_size=1, max_size=2))]
            operands = operands[: 3 if name in ("add", "mul", "concat") else 2]
            attributes = {"axis": axis(draw, x.type)} if name == "concat" else {}
            return _small(net, stage(name, **attributes), draw(st.permutations(operands)))
        name = draw(st.sampled_from(LAYERS if kind == "layer" else sorted(ATTRIBUTES)))
        return _small(net, stage(name, **ATTRIBUTES[name](draw, x.type)), [x])
    except (Refusal, IndexError):
        return None


def _small(net: Net, op: Operator, operands: Sequence[Value], like: Node | None = None) -> Node | None:
    inferred = op.infer(*(value.type for value in operands))
    every = inferred if isinstance(inferred, tuple) else (inferred,)
    if len(every) > 4 or any(prod(type.known) > LARGEST for type in every):
        return None
    return net.apply(op, *operands, like=like)


cpus = st.sampled_from([*HERE, *SLOWLY])
passes = st.one_of(
    st.sampled_from([frozenset[str](), EVERY_PASS]),
    st.sampled_from(sorted(EVERY_PASS)).map(lambda name: frozenset({name})),
    st.sampled_from(sorted(EVERY_PASS)).map(lambda name: EVERY_PASS - {name}),
    st.frozensets(st.sampled_from(sorted(EVERY_PASS))),
)
Way: TypeAlias = tuple[str, frozenset[str], int, bool]  # CPU, passes left out, images, whether weights have few bits
ways = st.tuples(cpus, passes, st.integers(1, 3), st.booleans())


def hold_program(graph: Graph, way: Way) -> None:
    """Text, passes and machine code mean the same, whatever is left out, for any batch, on any number of threads.
    Weights have few bits, whose products are exact, or all."""
    cpu, disabled, batch, few = way
    graph = graph if few else with_random_weights(graph)
    graph.drop_unused_params()
    optimised = optimise(graph, disabled)
    for each in (graph, optimised):
        verify(each)
        kept = each.copy()
        kept.drop_unused_params()
        assert read(show(kept), kept.params) == kept
    feeds = images_for(graph, batch)
    for node in graph.nodes("cross_entropy"):
        scores, label = graph.operands(node)
        feeds[label.name] %= scores.type.known[0]
    assert_right(interpret(optimised, feeds, np.float64), expected(graph, feeds))
    if makes_tensors_of_losses(optimised):  # those of parameters alone are folded
        try:
            compile_native(graph, cpu, disabled)
        except TargetError:
            return
        raise AssertionError("a tensor of a loss is compiled")
    native = compile_native(graph, cpu, disabled)
    results = every_way(native, feeds)
    assert_right(results, truth(native, feeds))
    batched = [port.name for port in native.artifact.manifest.outputs if port.batched]

    def others(_: object) -> list[tuple[str, dict[str, Array]]]:
        given = [(f"{k} threads", Executable(native.artifact, k).run(feeds)) for k in THREADS]
        alone = [run(native, {name: array[k : k + 1] for name, array in feeds.items()}) for k in range(batch)]
        return [*given, ("images one by one", {n: np.concatenate([each[n] for each in alone]) for n in batched})]

    for what, other in in_child(others):
        for name, array in other.items():
            assert array.tobytes() == results[name].tobytes(), f"`{name}` differs: {what}"


def makes_tensors_of_losses(graph: Graph) -> bool:
    made: set[str] = set()
    for node in graph.nodes():
        if node.op.name in LOSSES or any(value.name in made for value in graph.operands(node)):
            made |= {value.name for value in node.outputs}
    return any(value.name in made and value.type.rank for node in graph.nodes() for value in node.outputs)


ROUND = 50  # programs of a seed


def main(count: int, first: int = 0) -> int:
    """How many rounds of programs failed; each prints the smallest that does, and the next one goes on."""
    failed = 0
    every = settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        report_multiple_bugs=False,
        print_blob=False,
    )
    for number in range(first, first + -(-count // ROUND)):
        last: list[tuple[Graph, Way]] = []

        @seed(number)
        @settings(every, phases=(Phase.generate, Phase.shrink))
        @given(programs(), ways)
        def hold(graph: Graph, way: Way) -> None:
            last[:] = [(graph, way)]  # noqa: B023  this round's
            hold_program(graph, way)

        try:
            hold()
        except Exception as error:
            failed += 1
            ((graph, way),) = last
            print(f"-- seed {number}: {way}\n{show(graph)}{type(error).__name__}: {error}\n", flush=True)
        print(f"{(number - first + 1) * ROUND} programs, {failed} rounds failed", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
