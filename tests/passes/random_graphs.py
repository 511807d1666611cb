"""Networks made at random, with weights and inputs: small, valid, and full of what the passes look for.

Weights are halves and quarters, and scales powers of two, so that products of weights are exact in float32: what a pass
folds is then right to the last bit, and the interpreter in float64 has only its own rounding to forgive.
"""

from builder import IMAGE, Net, stage
from hypothesis import strategies as st

from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.graph import Node, Value
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import Type

ONE = [
    stage("conv", channels=4, kernel=3, pad=1),
    stage("conv", channels=4, kernel=3),
    stage("conv", channels=4, kernel=1, bias=False),
    stage("conv", channels=8, kernel=1, groups=2),
    stage("conv", channels=16, kernel=1),
    stage("conv", channels=4, kernel=1, weight=[1, 2, 3, 4] * 4),
    stage("depthwise", kernel=3, pad=1),
    stage("depthwise", kernel=1, bias=False),
    stage("conv_transpose", channels=4, kernel=2, stride=2, groups=2),
    stage("batchnorm", eps=0),
    stage("relu"),
    stage("prelu"),
    stage("sigmoid"),
    stage("silu"),
    stage("scale", k=1),
    stage("scale", k=-0.5),
    stage("add", right=1.0),
    stage("mul", right=1.0),
    stage("sub", left=2.0),
    stage("div", right=-3.0),
    stage("dropout", p=0.5),
    stage("identity"),
    stage("pad", size=0),
    stage("pad", size=(1, 0, 2, 1)),
    stage("pad", size=1, mode="edge"),
    stage("conv", channels=4, kernel=3, pad="same"),
    stage("crop", h=4, w=4),
    stage("slice", start=0, stop=4),
    stage("split", parts=2),
    stage("maxpool", kernel=2),
    stage("maxpool", kernel=3, stride=1, pad=1),
    stage("avgpool", kernel=1),
    stage("avgpool", kernel=3, stride=1, pad=1),
    stage("global_avgpool"),
    stage("flatten"),
    stage("dense", units=8),
    stage("channel_shuffle", n=2),
    stage("transpose", order=[1, 3, 2]),
    stage("softmax"),
    stage("sum", axis=1, keep=True),
    stage("concat"),
    stage("add"),
]
AFTER_LAYERS = [stage("batchnorm", eps=0), stage("relu"), stage("silu")]
TWO = [stage("add"), stage("mul"), bind(REGISTRY["sub"], {}), stage("concat")]


@st.composite
def networks(draw: st.DrawFn) -> Net:
    """A network of up to 14 applications on inputs and parameters; the last value and some others are outputs."""
    net = Net(draw(st.integers(0, 999)))
    values = [net.input("x")]
    if draw(st.booleans()):
        pixels = net.input("pixels", Type("u8", IMAGE.shape))
        values += net.apply(stage("scale", k=1 / 255), pixels).outputs
    values += [net.param(4, 1, 1), net.param(1)] if draw(st.booleans()) else []
    used: list[Node] = []
    for _ in range(draw(st.integers(1, 14))):
        made = _applied(draw, net, values, used)
        values += made.outputs if made else ()
        used += [made] if made and made.weights else []
    net.graph.outputs = {f"out_{value.name}": value for value in draw(st.lists(st.sampled_from(values), max_size=2))}
    net.graph.outputs[values[-1].name] = values[-1]
    return net


def _applied(draw: st.DrawFn, net: Net, values: list[Value], used: list[Node]) -> Node | None:
    recent = st.just(values[-1]) | st.sampled_from(values[-3:]) | st.sampled_from(values)  # chains, mostly
    like = draw(st.sampled_from(used)) if used and draw(st.integers(0, 5)) == 0 else None
    if like is not None:
        op, operands = like.op, [draw(recent)]
    elif values[-1].name.startswith(("conv", "depthwise", "dense")) and draw(st.booleans()):
        op, operands = draw(st.sampled_from(AFTER_LAYERS)), [values[-1]]
    elif draw(st.integers(0, 2)):
        op, operands = draw(st.sampled_from(ONE)), [draw(recent)]
    else:
        op, operands = draw(st.sampled_from(TWO)), [draw(recent), draw(recent)]
    try:
        return net.apply(op, *operands, like=like)
    except (Refusal, IndexError):
        return None
