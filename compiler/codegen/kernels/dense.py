"""Dense layer of one image: a matrix streams past a vector."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue, Tail

_ROUND = 4  # inputs a round: enough loads under way to keep memory busy


@dataclass(frozen=True)
class Dense:
    """`vectors` of outputs at a time, in `sets` of sums that take turns, so that no addition waits for the one before.

    Weights are `[group][input][vectors * lanes]`.
    """

    vectors: int
    sets: int
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("@input", "@weights", "@output", "groups", "inputs", "weights_group", *self.epilogue.arguments)

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            rounds = e.div_int(a["inputs"], _ROUND)
            rest = e.sub_int(a["inputs"], e.mul_int(rounds, _ROUND))
            lo, hi = e.share(a["groups"])
            with e.loop("group", hi, start=lo) as group:
                first = e.mul_int(group, self.vectors)
                w = Var("ptr", e.at(a["weights"], e.mul_int(group, a["weights_group"])))
                x = Var("ptr", a["input"])
                sums = [[Var(e.vector, "zeroinitializer") for _ in range(self.vectors)] for _ in range(self.sets)]
                carried = [x, w, *(s for part in sums for s in part)]
                with e.loop("round", rounds, vary=carried):
                    for i in range(_ROUND):
                        self._input(e, x, w, sums[i % self.sets])
                with e.loop("rest", rest, vary=carried):
                    self._input(e, x, w, sums[0])
                out = e.at(a["output"], e.mul_int(first, size))
                tail = Tail(e, self.epilogue, a, first, 0)
                for v in range(self.vectors):
                    total = sums[0][v].value
                    for part in sums[1:]:
                        total = e.set(f"fadd {e.vector} {total}, {part[v].value}")
                    e.store(tail.block(v, 0).finish(total, 0), out, v * size)

    def _input(self, e: Emitter, x: Var, w: Var, sums: list[Var]) -> None:
        value = e.splat(e.load_float(x.value))
        for v, total in enumerate(sums):
            total.value = e.fma(e.load(w.value, v * e.target.vector_bytes), value, total.value)
        x.value, w.value = e.at(x.value, 4), e.at(w.value, self.vectors * e.target.vector_bytes)
