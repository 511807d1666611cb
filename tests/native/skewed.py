"""An artifact run by threads that are far apart: as unequal as its barriers let them be."""

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from cnnc.compiler.ir.operator import Array
from cnnc.runtime.abi import DTYPES, Artifact, Port, StepEntry, Word, aligned
from cnnc.runtime.loader import Code


def run_skewed(artifact: Artifact, inputs: Mapping[str, Array], parts: int) -> dict[str, Array]:
    """In the arena as it is planned; from one barrier to the next the last part does all of its steps before the part
    before it begins."""
    manifest, code = artifact.manifest, Code(artifact.code)
    images, tile = len(next(iter(inputs.values()))), manifest.batch_tile
    given = [np.ascontiguousarray(inputs[port.name]) for port in manifest.inputs]
    made = [_room(artifact, port, images) for port in manifest.outputs]
    arrays = {"input": given, "output": made}
    pitches = {"input": [p.pitch for p in manifest.inputs], "output": [p.pitch for p in manifest.outputs]}
    arena, scratch = aligned(manifest.arena_bytes), aligned(manifest.scratch_bytes_per_thread)
    arena.fill(0xFF)  # NaN
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_size_t] * 4)

    def resolve(word: Word, first: int, image: int) -> int:
        match word.kind:
            case "arena":
                return arena.ctypes.data + word.value + image * word.pitch
            case "constant":
                return artifact.constants.ctypes.data + word.value
            case "image":
                return first + image
            case "images":
                return min(tile, images - first)
            case "number":
                return word.value
        array, pitch = arrays[word.kind][word.port], pitches[word.kind][word.port]
        return array.ctypes.data + (first + image) * pitch + word.value

    def run_steps(steps: Sequence[StepEntry], first: int, image: int) -> None:
        words = [np.array([resolve(word, first, image) for word in step.words], np.int64) for step in steps]
        kernels = [prototype(code.address(step.kernel)) for step in steps]
        together = list[int]()
        for number, step in enumerate(steps):
            together.append(number)
            if step.barrier:
                for part in reversed(range(parts)):
                    for k in together:
                        kernels[k](words[k].ctypes.data, part, parts, scratch.ctypes.data)
                together.clear()
        assert not together, "no barrier at the end of a segment"

    for first in range(0, images, tile):
        begin = 0
        for segment in manifest.segments:
            for image in range(min(tile, images - first) if segment.each else 1):
                run_steps(manifest.steps[begin : begin + segment.steps], first, image)
            begin += segment.steps
    return {port.name: array for port, array in zip(manifest.outputs, made, strict=True)}


def _room(artifact: Artifact, port: Port, images: int) -> Array:
    """What an output becomes, or is already where it depends on no input."""
    dtype = DTYPES[port.dtype]
    if port.fixed is None:
        return np.empty((*[images] * port.batched, *port.shape), dtype)
    return artifact.constants[port.fixed : port.fixed + port.bytes].view(dtype).reshape(port.shape)
