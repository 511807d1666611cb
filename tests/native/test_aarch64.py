"""Code for AArch64: what it looks like anywhere, and what it computes where an emulator and a cross compiler are."""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import test_convolutions
import test_elementwise
import test_images
import test_joins
import test_losses
import test_machine_code
import test_pools
import test_rarities
import test_scores
import test_winograd
from builder import Net, image, stage, with_random_weights
from harness import Native, assert_right, compile_native, truth

import cnnc
from cnnc.compiler.codegen.emit import Emitter
from cnnc.compiler.codegen.kernels.ahead import Ahead
from cnnc.compiler.codegen.kernels.direct import Direct
from cnnc.compiler.codegen.kernels.epilogue import Epilogue
from cnnc.compiler.codegen.module import assembly_of
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.schedule.cost import best_tile
from cnnc.compiler.schedule.target import require_here, target
from cnnc.runtime.abi import DTYPES, Word
from cnnc.runtime.errors import TargetError
from cnnc.runtime.runner import runner_ir

LEVEL = target("aarch64")
GCC, QEMU = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
emulated = pytest.mark.skipif(not (GCC and QEMU), reason="no cross compiler and emulator for AArch64")

SUM = re.compile(r"\tfmla\tv\d+\.4s, v\d+\.4s, v\d+\.(?:4s|s\[0\])\n")
CALL = re.compile(r"\tbl?\t(?!\.L)(\w+)")


@pytest.mark.parametrize("planar", [False, True])
def test_tiles_multiply_and_add_in_registers(planar: bool):
    """A pixel's number is an operand by element, but for one pixel's at most, which is loaded into all lanes."""
    channels = 1 if planar else LEVEL.lanes
    for pixels, vectors in {best_tile(columns, v, LEVEL) for columns in (6, 9, 14, 25, 28) for v in (1, 2, 3, 4)}:
        e = Emitter(LEVEL)
        ahead = Ahead(pixels=not planar)
        Direct(pixels, vectors, LEVEL.lanes, 1, False, planar, True, ahead, Epilogue(bias=True)).emit(e, "tile")
        parts = re.split(r"^\.L\S+:.*$", assembly_of(e.text(), LEVEL), flags=re.M)
        inner = max(parts, key=lambda part: len(SUM.findall(part)))
        assert len(SUM.findall(inner)) == pixels * vectors * channels
        assert inner.count(".s[0]\n") >= (pixels - 1) * vectors * channels
        assert "[sp" not in inner, (pixels, vectors)


def test_nothing_is_called():
    """No function of the C library for each lane."""
    graph = with_random_weights(test_machine_code.every_operator(LEVEL.lanes))
    assembly = assembly_of(compile_native(graph, "aarch64").program.ir(), LEVEL)
    assert not CALL.findall(assembly)
    assert "\tfsqrt\tv" in assembly  # these are in vectors
    assert not re.search(r"\tfn?m(?:add|sub)\t", assembly)  # and no multiply-add is of single numbers


def test_the_runner_reads_a_clock_and_its_pace_and_how_numbers_are_rounded():
    assembly = assembly_of(runner_ir("aarch64"), LEVEL)
    read = {register.lower() for register in re.findall(r"\tmrs\tx\d+, (\w+)", assembly)}
    assert read == {"cntvct_el0", "cntfrq_el0", "fpcr"}
    assert not {name for name in CALL.findall(assembly) if f"\n{name}:" not in assembly}


def test_other_machines_refuse_to_run_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(TargetError, match="this machine cannot run aarch64 code: it lacks aarch64"):
        cnnc.compile(cnnc.parse("model M { input x: f32[N, 4]  output y = x -> relu }"), target_cpu="aarch64")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    require_here("aarch64")


def network(lanes: int) -> Graph:
    """A small one, whole: bytes in, probabilities out."""
    net = Net()
    stages = [
        stage("scale", k=1 / 255), stage("conv", channels=2 * lanes + 1, kernel=3, pad=1), stage("batchnorm"),
        stage("relu"), stage("maxpool", kernel=2), stage("conv", channels=3 * lanes, kernel=3), stage("gelu"),
        stage("flatten"), stage("dense", units=10), stage("softmax"),
    ]  # fmt: skip
    return net.output(net.chain(net.input("pixels", image(3, 12, 13, "u8")), *stages))


@emulated
@pytest.mark.parametrize(
    "family",
    [
        network, test_convolutions.plain, test_convolutions.grouped, test_convolutions.depthwise,
        test_elementwise.unary, test_images.images, test_joins.rows, test_losses.shapes, test_pools.pools,
        test_scores.dense, test_scores.softmax, test_scores.lrn, test_winograd.layers,
        test_machine_code.every_operator, test_rarities.boxes,
    ],
    ids=lambda family: f"{family.__module__.removeprefix('test_')}.{family.__name__}",
)  # fmt: skip
def test_kernels_stay_within_the_bound(family: Callable[[int], Graph], tmp_path: Path):
    native = compile_native(with_random_weights(family(LEVEL.lanes)), "aarch64")
    inputs = test_losses.feeds_for(native.graph, batch=2)
    assert_right(run_emulated(native, inputs, tmp_path), truth(native, inputs))


def run_emulated(native: Native, inputs: Mapping[str, Array], folder: Path) -> dict[str, Array]:
    """The outputs of a program in C that calls the kernels one after the other, each in two parts, in the image that
    the linker makes of them."""
    manifest, images = native.artifact.manifest, len(next(iter(inputs.values())))
    assert images <= manifest.batch_tile or all(segment.each for segment in manifest.segments)
    image = native.artifact.code
    (folder / "kernels").write_bytes(image.data)
    (folder / "constant").write_bytes(native.artifact.constants.tobytes())
    for i, port in enumerate(manifest.inputs):
        (folder / f"input{i}").write_bytes(np.ascontiguousarray(inputs[port.name]).tobytes())

    def word(word: Word, index: int) -> str:
        if word.kind == "number":
            return f"{word.value}L"
        if word.kind == "image":
            return f"{index}L"
        if word.kind == "images":
            return str(min(images, manifest.batch_tile))
        if word.kind in ("input", "output"):
            ports = manifest.inputs if word.kind == "input" else manifest.outputs
            return f"(long)({word.kind}{word.port} + {word.value + index * ports[word.port].pitch})"
        return f"(long)({word.kind} + {word.value + index * word.pitch})"

    blobs = ["constant", *(f"input{i}" for i in range(len(manifest.inputs)))]
    places = {"arena": manifest.arena_bytes, "scratch": manifest.scratch_bytes_per_thread}
    sizes = [images * port.bytes if port.batched else port.bytes for port in manifest.outputs]
    places |= {f"output{i}": size for i, size in enumerate(sizes)}
    calls, steps = [], iter(manifest.steps)
    for segment in manifest.segments:
        ours = [next(steps) for _ in range(segment.steps)]
        for index in range(images if segment.each else 1):
            for step in ours:
                words = ", ".join([word(w, index) for w in step.words])
                calls.append(f"call({step.kernel}, (long[]){{{words}}});")
    source = [
        "#include <stdio.h>",
        "typedef void kernel(long *, long, long, char *);",
        *(f"kernel {name};" for name in sorted({step.kernel for step in manifest.steps})),
        f'asm(".text\\n.balign 4096\\nkernels: .incbin \\"{folder / "kernels"}\\"");',
        *(f'asm(".global {name}\\n.set {name}, kernels + {at}");' for name, at in image.functions.items()),
        *(f'asm(".data\\n.balign 64\\n{name}: .incbin \\"{folder / name}\\"\\n.text");' for name in blobs),
        "extern char " + ", ".join(f"{name}[]" for name in blobs) + ";",
        *(f"static char {name}[{max(size, 1)}] __attribute__((aligned(64)));" for name, size in places.items()),
        "static void call(kernel *k, long *words) { k(words, 0, 2, scratch); k(words, 1, 2, scratch); }",
        "int main(void) {",
        "for (long i = 0; i < sizeof arena; i++) arena[i] = -1;  // NaN, whatever is not written",
        *calls,
        *(f"fwrite({name}, 1, sizeof {name}, stdout);" for name in places if name.startswith("output")),
        "return 0; }",
    ]
    (folder / "main.c").write_text("\n".join(source))
    assert GCC and QEMU
    built = [GCC, "-static", "-o", folder / "program", folder / "main.c"]
    subprocess.run(built, check=True)
    told = subprocess.run([QEMU, folder / "program"], check=True, stdout=subprocess.PIPE, timeout=120).stdout
    results, at = {}, 0
    for port, size in zip(manifest.outputs, sizes, strict=True):
        data = np.frombuffer(told, DTYPES[port.dtype], size // np.dtype(DTYPES[port.dtype]).itemsize, at)
        results[port.name] = data.reshape((*[images] * port.batched, *port.shape))
        at += size
    assert at == len(told)
    return results
