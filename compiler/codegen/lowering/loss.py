"""Losses: each image adds its share to a sum that lives as long as the batch does."""

from __future__ import annotations

from ...ir.region import Region
from ...ir.structure import Parameter
from ...schedule.schedule import Layout
from ..buffer import Buffer, extent
from ..kernels.loss import SquaredError, Surprise
from ..kernels.softmax import Softmax
from ..planner import Planner
from ..program import Address, ImageNumber, Kernel, Word
from .epilogue import param
from .reduce import positions


def lower_mse(planner: Planner, region: Region) -> None:
    a, b = region.operands
    channels, height, width = extent(a)
    words, reads = dict[str, Word](), list[Buffer]()
    for name, value in (("a", a), ("b", b)):
        producer = planner.graph.producer(value)
        if isinstance(producer.op, Parameter):  # beside another loss
            words[name] = planner.constant(value.name, param(planner, producer, "value"))
        else:
            buffer = planner.planar(planner.operand(value))
            words[name] = Address(buffer)
            reads.append(buffer)
    _mean(planner, region, SquaredError(), words | {"count": channels * height * width}, reads)


def lower_cross_entropy(planner: Planner, region: Region) -> None:
    """As log_softmax, then the numbers of the right classes."""
    scores, labels = region.operands
    seen = positions(scores, 1)
    x, label = planner.planar(planner.operand(scores)), planner.operand(labels)
    if label.port is None:
        label = planner.planar(label)
    logs = Buffer(f"{region.node.name} logs", x.channels, x.height, x.width, Layout(1))
    words: dict[str, Word] = {"input": Address(x), "output": Address(logs)}
    kernel = Softmax(log=True, across=seen["inner"] == 1)
    planner.step(kernel, words | seen | {"pitch": seen["count"] * seen["distance"]}, [x], [logs])
    words = {"logs": Address(logs), "labels": Address(label), "classes": seen["count"], "count": seen["inner"]}
    _mean(planner, region, Surprise(label.dtype), words, [logs, label])


def _mean(planner: Planner, region: Region, kernel: Kernel, words: dict[str, Word], reads: list[Buffer]) -> None:
    """The mean so far, and a sum in the arena for it. Of numbers that are means already there is one image only."""
    total = Buffer(f"{region.node.name} total", 2, 1, 1, Layout(1), lasting=True)  # of 64 bits
    y, batched = planner.result(region.node.output), region.operands[0].type.batched
    words |= {"total": Address(total), "output": Address(y), "image": ImageNumber() if batched else 0}
    planner.step(kernel, words, [*reads, total], [y, total])
