"""Grouped convolution where a vector of output channels spans groups: every lane fetches its own group's input."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue, Tail


@dataclass(frozen=True)
class Gather:
    """Weights are `[block][kh][kw][channel of the group][lane]`; `@offsets` holds, as `i64[block][channel][lane]`, the
    bytes from the input's origin to the channel that a lane needs. One pixel at a time: right for every grouping, meant
    for none in particular."""

    epilogue: Epilogue
    spread: int = 1

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@offsets", "@output",
            "blocks", "rows", "columns", "channels",  # output blocks, rows, pixels; input channels of a group
            "kernel_height", "kernel_width",
            "input_row", "input_column", "tap_row", "tap_column",
            "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            taps = e.mul_int(e.mul_int(a["kernel_height"], a["kernel_width"]), a["channels"])
            lo, hi = e.share(e.mul_int(a["blocks"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                block = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(block, a["rows"]))
                weights = e.at(a["weights"], e.mul_int(e.mul_int(block, taps), size))
                offsets = e.at(a["offsets"], e.mul_int(e.mul_int(block, a["channels"]), 8 * e.lanes))
                source = e.at(a["input"], e.mul_int(row, a["input_row"]))
                target = e.at(e.at(a["output"], e.mul_int(block, a["output_plane"])), e.mul_int(row, a["output_row"]))
                tail = Tail(e, self.epilogue, a, block, row, self.spread)
                with e.loop("column", a["columns"]) as x:
                    place = e.mul_int(x, size * self.spread)
                    shared = tail.block(0, place)
                    total, w = Var(e.vector, shared.start), Var("ptr", weights)
                    here = e.at(source, e.mul_int(x, a["input_column"]))
                    axes = [("kh", a["kernel_height"], a["tap_row"]), ("kw", a["kernel_width"], a["tap_column"])]
                    with e.walk(here, axes, [w, total]) as tap:
                        where = Var("ptr", offsets)
                        with e.loop("channel", a["channels"], vary=[where, w, total]):
                            total.value = e.fma(e.load(w.value), e.gather(tap, where.value), total.value)
                            w.value, where.value = e.at(w.value, size), e.at(where.value, 8 * e.lanes)
                    e.store(shared.finish(total.value, 0), e.at(target, place))
