"""What few networks do: tensors of many axes, whole numbers handed in, parameters alone, any neighbourhood."""

import numpy as np
import pytest
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import EVERY_PASS, assert_right, compile_native, every_cpu, every_way, hold, images_for, run, truth

from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.ir.operator import Operator
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.schedule.target import target

passes = pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])


def box(*sizes: int) -> Type:
    return Type("f32", (Dim.letter(BATCH), *sizes))


def whole(*sizes: int) -> Type:
    return Type("i64", (Dim.letter(BATCH), *sizes))


def boxes(lanes: int) -> Graph:
    """Every operator that takes tensors of any rank, on five and six axes."""
    net, outputs = Net(), list[Value]()
    for number, sizes in enumerate([(lanes + 1, 2, 3, 2), (2, 3, 1, 2, 5), (2 * lanes, 1, 1, 1)]):
        x = net.input(f"x{number}", box(*sizes))
        outputs += [x, *(net.chain(x, *stages) for stages in chains(len(sizes)))]
        for axis, size in enumerate(sizes, 1):
            outputs += along(net, x, axis, size)
            lone = net.param(*(size if other == axis else 1 for other in range(1, len(sizes) + 1)))
            kept = net.chain(x, stage("mean", axis=axis, keep=True))
            outputs += [net.apply(stage("mul"), kept, lone).output]
            outputs += [net.apply(stage("add"), x, net.param(*sizes[axis - 1 :])).output]
            outputs += [net.chain(net.apply(stage("add"), x, kept).output, stage("abs"))]
    row = net.input("row", features(24))
    back = net.chain(row, stage("reshape", dims=[2, 3, 2, 2]), stage("relu"), stage("reshape", dims=[6, 2, 2]))
    outputs.append(net.chain(back, stage("conv", channels=3, kernel=3, pad=1)))
    net.graph.outputs = {f"out{k}": value for k, value in enumerate(outputs)}
    return net.graph


def chains(axes: int) -> list[list[Operator]]:
    """What is applied to a tensor of so many axes after the batch."""
    orders = [range(1, axes + 1), range(axes, 0, -1), [*range(3, axes + 1), 1, 2], [2, 1, *range(3, axes + 1)]]
    return [
        *([stage("relu"), stage("transpose", order=list(order))] for order in orders),
        [stage("exp")], [stage("batchnorm"), stage("prelu"), stage("tanh")], [stage("identity"), stage("dropout", p=0)],
        [stage("layernorm")], [stage("groupnorm", groups=1)], [stage("lrn", size=3)], [stage("lrn", size=99)],
        [stage("flatten"), stage("dense", units=3)],
    ]  # fmt: skip


def along(net: Net, x: Value, axis: int, size: int) -> list[Value]:
    """What goes along one axis of some size."""
    outputs = [net.chain(x, stage(name, axis=axis)) for name in ("softmax", "log_softmax", "sum", "mean", "argmax")]
    joined = net.apply(stage("concat", axis=axis), x, net.chain(x, stage("scale", k=2)), x).output
    part = net.chain(joined, stage("slice", start=size - 1, stop=2 * size + 1, axis=axis))
    return [
        *outputs,
        joined,
        part,
        *net.apply(stage("split", parts=3, axis=axis), net.chain(joined, stage("relu"))).outputs,
    ]


@every_cpu
@passes
def test_tensors_of_five_and_six_axes(cpu: str, disabled: frozenset[str]):
    hold(boxes(target(cpu).lanes), cpu, disabled, batch=2)


@every_cpu
@passes
def test_whole_numbers_are_handed_through_to_the_last_bit(cpu: str, disabled: frozenset[str]):
    net = Net()
    label, plane, deep = (
        net.input("label", whole()),
        net.input("plane", whole(3, 5)),
        net.input("deep", whole(2, 3, 4, 5)),
    )
    scores = net.chain(net.input("x", image(19, 2, 3)), stage("argmax"), stage("identity"))
    net.output(label, plane, deep, net.chain(plane, stage("identity"), stage("identity")), scores)
    net.graph.outputs["again"] = label
    native = compile_native(net.graph, cpu, disabled)
    inputs = images_for(native.graph, batch=3)
    results = every_way(native, inputs)
    for name, wanted in interpret(native.graph, inputs).items():
        assert results[name].dtype == np.int64
        np.testing.assert_array_equal(results[name], wanted, name)


@every_cpu
@pytest.mark.parametrize("beta", [0.75, 0.6])
def test_neighbourhoods_may_be_wider_than_the_tensor(cpu: str, beta: float):
    lanes, net = target(cpu).lanes, Net()
    for channels in (1, lanes + 1, 5 * lanes):
        x = net.input(f"x{channels}", image(channels, 3, 5))
        for size in (2 * lanes + 1, 4 * lanes, 2**40):
            lrn = stage("lrn", size=size, alpha=0.5 * size, beta=beta, k=2.0)
            net.output(net.chain(x, lrn), net.chain(x, lrn, stage("conv", channels=3, kernel=3, pad=1)))
    hold(net.graph, cpu, batch=2)


def alone() -> Graph:
    """Values that depend on no input, of every type, beside one that does."""
    net = Net()
    p, kernel = net.param(3, 4, 1), net.param(1, 4, 3, 5)
    first, second = net.apply(stage("split", parts=[1, 3]), kernel).outputs
    region = net.chain(net.apply(stage("add"), p, net.param(1)).output, stage("exp"), stage("relu"))
    outputs = [
        p, first, region, net.chain(p, stage("to_u8")), net.chain(second, stage("argmax", axis=3), stage("identity")),
        net.chain(kernel, stage("conv", channels=2, kernel=3), stage("batchnorm"), stage("relu")),
        net.apply(stage("mul"), net.input("x", image(3, 4, 2)), net.chain(region, stage("tanh"))).output,
        net.apply(stage("sub"), net.input("y", image(3, 3, 5)), second).output,
    ]  # fmt: skip
    net.graph.outputs = {f"out{k}": value for k, value in enumerate(outputs)}
    return net.graph


@every_cpu
@passes
def test_parameters_may_be_outputs_and_stand_alone(cpu: str, disabled: frozenset[str]):
    hold(alone(), cpu, disabled, batch=2)


@pytest.mark.parametrize("batch", [0, 1, 17])
def test_what_depends_on_no_input_has_no_batch(batch: int):
    native = compile_native(with_random_weights(alone()))
    inputs = images_for(native.graph, batch)
    results = in_child(lambda note: run(native, inputs))
    for name, wanted in interpret(native.graph, inputs).items():
        assert (results[name].shape, results[name].dtype) == (wanted.shape, wanted.dtype), name


def test_nobody_who_changes_a_result_changes_the_next():
    net = Net()
    native = compile_native(net.output(net.param(3), net.chain(net.input("x"), stage("relu"))))
    from cnnc.runtime.executable import Executable

    executable, inputs = Executable(native.artifact), images_for(native.graph)
    executable.run(inputs)["param_1"][:] = 7
    np.testing.assert_array_equal(executable.run(inputs)["param_1"], native.graph.params["p.param_1"].data)


@every_cpu
@pytest.mark.parametrize(
    ("name", "attributes"),
    [("sum", {"axis": 3}), ("mean", {"axis": 3}), ("groupnorm", {"groups": 1}), ("layernorm", {})],
)
def test_roundings_of_equal_numbers_do_not_add_up(cpu: str, name: str, attributes: dict[str, int]):
    """They all have the same sign, and bounds count on signs that differ."""
    net = Net()
    net.output(net.chain(net.input("x", image(400, 3, 1000)), stage(name, **attributes)))
    native = compile_native(with_random_weights(net.graph), cpu)
    inputs = {"x": np.full((1, 400, 3, 1000), 0.7, np.float32)}
    assert_right(every_way(native, inputs), truth(native, inputs))
