"""Faults to plant in the compiler. Children inherit them, since they are forked."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from cnnc.compiler.codegen.kernels.epilogue import Block
from cnnc.compiler.codegen.lowering import conv, winograd
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.passes.fold_batchnorm import FoldBatchnorm
from cnnc.runtime.executable import Executable

Plant = pytest.MonkeyPatch


def double_direct_weights(plant: Plant) -> None:
    pack = conv.pack_direct
    plant.setattr(conv, "pack_direct", lambda weight, *rest: pack(2 * np.asarray(weight), *rest))


def spoil_winograd(plant: Plant) -> None:
    pack = winograd.pack_winograd

    def spoiled(weight, *rest):
        packed = pack(weight, *rest)
        fill_right = packed.fill
        assert fill_right is not None

        def fill(out, group):
            fill_right(out, group)
            out[0, 0] = 0

        return replace(packed, fill=fill)

    plant.setattr(winograd, "pack_winograd", spoiled)


def lose_tails_after_biases(plant: Plant) -> None:
    """As if fusion and the code for it did not understand one another."""
    finish = Block.finish

    def lost(self: Block, value: str, pixel: int) -> str:
        words = finish(self, value, pixel)
        return value if self.epilogue.bias and self.epilogue.links else words

    plant.setattr(Block, "finish", lost)


def shift_folded_biases(plant: Plant) -> None:
    run = FoldBatchnorm.run

    def shifted(self: FoldBatchnorm, graph: Graph) -> Graph:
        done = run(self, graph)
        folded = {name: param.data for name, param in done.params.items() if name not in graph.params}
        return done.bind({name: np.asarray(data) + np.float32(1) for name, data in folded.items() if data is not None})

    plant.setattr(FoldBatchnorm, "run", shifted)


def send_weights_nowhere(plant: Plant) -> None:
    words = conv.direct_words
    plant.setattr(conv, "direct_words", lambda *given: words(*given) | {"weights": 8})


def wait_forever(plant: Plant) -> None:
    call = Executable.__call__

    def waiting(self: Executable, *given):
        if any(step.kernel.startswith("direct") for step in self.manifest.steps):
            time.sleep(1000)
        return call(self, *given)

    plant.setattr(Executable, "__call__", waiting)


def forget_a_key(plant: Plant) -> None:
    def forgetful(*_):
        raise KeyError("blocks")

    plant.setattr(conv, "direct_words", forgetful)


def abort(plant: Plant) -> None:
    plant.setattr(conv, "direct_words", lambda *_: os.abort())


def spoil_whole_networks(plant: Plant, threads: int = 0) -> None:
    """Wrong only where nobody looks at the values between: in networks of one output (on so many threads)."""
    call = Executable.__call__

    def called(self: Executable, *arrays):
        results = call(self, *arrays)
        spoilt = len(self.outputs) == 1 and threads in (0, self.threads)
        return [result + np.float32(1) for result in results] if spoilt else results

    plant.setattr(Executable, "__call__", called)
