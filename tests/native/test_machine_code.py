"""What the machine code looks like: full registers, sums that stay in them, no calls, no page both written and run."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
import test_places
from builder import Net, features, image, stage, with_random_weights
from harness import EVERY_PASS, any_cpu, compile_native
from test_elementwise import UNARY

from cnnc.compiler.codegen import module
from cnnc.compiler.codegen.emit import Emitter
from cnnc.compiler.codegen.kernels.ahead import Ahead
from cnnc.compiler.codegen.kernels.depthwise import Depthwise
from cnnc.compiler.codegen.kernels.direct import Direct
from cnnc.compiler.codegen.kernels.dot import Dot
from cnnc.compiler.codegen.kernels.epilogue import Epilogue, Link, Operand
from cnnc.compiler.codegen.kernels.peak import Multiplying
from cnnc.compiler.codegen.kernels.tapwise import Tapwise
from cnnc.compiler.codegen.kernels.winograd import Winograd
from cnnc.compiler.codegen.module import assembly_of, object_of
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.ops.conv import Window
from cnnc.compiler.schedule.cost import best_tile, column_tile, depthwise_pixels, depthwise_resident, dot_pixels
from cnnc.compiler.schedule.schedule import WINOGRAD, Filtering
from cnnc.compiler.schedule.target import Target, target

SUM = re.compile(r"\t(?:vfmadd\w+ps|addps)\t")
SPILL = re.compile(r"\tv?(?:mov[au]ps|fmadd\w+ps|mulps|addps)\t[^\n]*\(%rsp\)")


def stretches(assembly: str) -> list[str]:
    """What lies between labels."""
    return re.split(r"^(?:\.L\S+:|# %bb).*$", assembly, flags=re.M)


def innermost(assembly: str) -> str:
    """The stretch without labels that has the most sums."""
    return max(stretches(assembly), key=lambda part: len(SUM.findall(part)))


def tile(pixels: int, vectors: int, cpu: Target, *, step: int = 1, planar: bool = False, skips: bool = True) -> str:
    e, ahead = Emitter(cpu), Ahead(pixels=skips and not planar, stream=0 if planar else 1 << 17)
    Direct(pixels, vectors, cpu.lanes, step, False, planar, skips, ahead, Epilogue(bias=True)).emit(e, "tile")
    return innermost(assembly_of(e.text(), cpu))


def tiles(cpu: Target) -> list[tuple[int, int]]:
    """Every tile that the schedule can choose, for rows up to 64 pixels and some longer ones."""
    columns = [*range(1, 65), 112, 196, 224, 784, 3136, 12544]
    return sorted({best_tile(c, v, cpu) for c in columns for v in (1, 2, 3, 4, 5, 6, 8, 12, 16, 32)})


@any_cpu
def test_tiles_multiply_and_add_in_registers(cpu: str):
    """One operation for each product of the unrolled block of channels. With 32 registers all sums stay in them. With
    16, where a single vector of channels meets many pixels, LLVM keeps some on the stack: slower than if it did not,
    faster than smaller tiles (14x1 on 64 channels of 56 x 56, AVX2: 0.47 ms, 8x1: 0.53 ms)."""
    level = target(cpu)
    for pixels, vectors in tiles(level):
        inner = tile(pixels, vectors, level)
        sums, spills = len(SUM.findall(inner)), len(SPILL.findall(inner))
        assert sums == pixels * vectors * level.lanes, (pixels, vectors)
        if level.registers == 32 or (level.fma and (vectors > 1 or pixels < 10)):
            assert not spills, (pixels, vectors)
        elif level.fma:
            assert spills <= sums // 4, (pixels, vectors)


@any_cpu
def test_tiles_of_single_pixels_fetch_the_next_weights_without_a_spill(cpu: str):
    level = target(cpu)
    e, ahead = Emitter(level), Ahead(tensors=True, following=True)
    Direct(7, 2, level.lanes, 1, True, False, False, ahead, Epilogue((), ("tensor",), True)).emit(e, "tile")
    assembly = assembly_of(e.text(), level)
    assert level.registers == 16 or not SPILL.search(innermost(assembly))
    assert innermost(assembly).count("\tprefetch") == level.lanes * max(1, 2 * level.vector_bytes // level.line_bytes)


@any_cpu
@pytest.mark.parametrize("fed", [True, False])
def test_the_peak_is_of_multiply_adds_alone(cpu: str, fed: bool):
    level, kernel = target(cpu), Multiplying(fed)
    e = Emitter(level)
    kernel.emit(e, "peak")
    inner = innermost(assembly_of(e.text(), level))
    assert 2 * level.lanes * len(SUM.findall(inner)) == kernel.operations(level)
    assert not level.fma or not SPILL.search(inner)


@any_cpu
def test_tap_by_tap_sums_stay_in_registers(cpu: str):
    level = target(cpu)
    for pixels, vectors in tiles(level):
        e = Emitter(level)
        Tapwise(pixels, vectors, 1, Epilogue(bias=True)).emit(e, "tile")
        inner = innermost(assembly_of(e.text(), level))
        assert len(SUM.findall(inner)) == pixels * vectors * level.lanes, (pixels, vectors)
        if level.registers == 32 or (level.fma and vectors > 1):
            assert not SPILL.search(inner), (pixels, vectors)


@any_cpu
def test_dot_products_stay_in_registers(cpu: str):
    level = target(cpu)
    for outputs in range(1, level.lanes // 2 + 1):
        pixels = dot_pixels(outputs, 1 << 20, level)
        e = Emitter(level)
        Dot(pixels, outputs, 1, Epilogue(bias=True)).emit(e, "tile")
        inner = innermost(assembly_of(e.text(), level))
        if level.fma:
            assert len(SUM.findall(inner)) == pixels * outputs
            assert not SPILL.search(inner), (pixels, outputs)


@any_cpu
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_depthwise_window_stays_in_registers_or_row_by_row(cpu: str, kernel: int):
    """Then each pixel of its rows is loaded once."""
    level = target(cpu)
    for columns, stride in ((7, 1), (14, 1), (28, 2), (56, 2), (112, 1)):
        window = Window((kernel, kernel), (stride, stride), (1, 1, 1, 1), (1, 1))
        pixels, e = depthwise_pixels(window, columns, level), Emitter(level)
        rows, wide = resident = depthwise_resident(window, pixels, level)
        assert resident == ((3, 3) if level.registers == 32 and kernel == 3 else (1, kernel))
        Depthwise(pixels, stride, resident, Epilogue(bias=True), border=(kernel // 2, 1)).emit(e, "tile")
        inner = innermost(assembly_of(e.text(), level))
        assert len(SUM.findall(inner)) == rows * wide * pixels
        if level.fma:
            assert not SPILL.search(inner)
            loads = len(re.findall(r"\tv\w+ps\t[^\n]*\([^\n]*\), %|\tvmovaps\t\S*\(", inner))
            assert loads <= rows * ((pixels - 1) * stride + wide) + (wide if rows == 1 else 1)  # weights, or the bias


@any_cpu
@pytest.mark.parametrize("kernel", [3, 5])
def test_groups_within_a_vector_take_a_shuffle_a_pixel_and_channel(cpu: str, kernel: int):
    level = target(cpu)
    for inside in (channels for channels in (2, 4, 8) if channels < level.lanes):
        for columns, stride in ((7, 1), (28, 2), (56, 1)):
            window = Window((kernel, kernel), (stride, stride), (1, 1, 1, 1), (1, 1))
            pixels, e = depthwise_pixels(window, columns, level, inside), Emitter(level)
            resident = depthwise_resident(window, pixels, level, inside)
            assert resident == (1, kernel)
            Depthwise(pixels, stride, resident, Epilogue(bias=True), inside, (kernel // 2, 1)).emit(e, "tile")
            inner = innermost(assembly_of(e.text(), level))
            assert len(SUM.findall(inner)) == kernel * pixels * inside
            if level.fma:
                assert not SPILL.search(inner)
                shuffles = len(re.findall(r"\tv(?:perm|shuf|movs[lh]dup|broadcast)\w*\t", inner))
                assert shuffles <= inside * ((pixels - 1) * stride + kernel)


@any_cpu
@pytest.mark.parametrize("filtering", WINOGRAD.values(), ids=str)
@pytest.mark.parametrize("following", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_winograds_products_stay_in_registers(cpu: str, filtering: Filtering, following: bool):
    """With 32 registers its transforms do too, but for two numbers of a large tile at most."""
    level = target(cpu)
    counts = (1, 4, 9, 16, 25, 49, 100, 196, 361, 784, 3136)
    for pixels, vectors in sorted({best_tile(c, v, level) for c in counts for v in (1, 2, 4, 8, 16, 32)}):
        e = Emitter(level)
        Winograd(filtering, pixels, vectors, Ahead(following=following), Epilogue(bias=True)).emit(e, "tile")
        parts = stretches(assembly_of(e.text(), level))
        products = [part for part in parts if len(SUM.findall(part)) == pixels * vectors * level.lanes]
        if level.registers == 32 or (level.fma and (vectors > 1 or pixels < 10)):
            scalars = [len(re.findall(r"broadcastss|1to16", part)) for part in products]
            ((inner, _),) = [pair for pair in zip(products, scalars, strict=True) if pair[1] == pixels * level.lanes]
            assert not SPILL.search(inner), (pixels, vectors)
        if level.registers == 32:
            spills = sum(len(re.findall(r"%zmm\d+, [^\n]*\(%rsp\)", part)) for part in parts)
            assert spills <= (2 if filtering.size >= 8 else 0), (pixels, vectors)


@pytest.mark.parametrize("filtering", WINOGRAD.values(), ids=str)
def test_winograds_columns_stay_in_registers(filtering: Filtering):
    """Products and what they become, with AVX-512, which alone is given tiles of whole columns."""
    level = target("x86-64-v4")
    for tiles in (1, 2, 3, 100):
        (pixels, vectors), e = column_tile(tiles, filtering.size, level), Emitter(level)
        ahead, epilogue = Ahead(following=True), Epilogue(bias=True)
        Winograd(filtering, pixels, vectors, ahead, epilogue, columns=True).emit(e, "tile")
        text = assembly_of(e.text(), level)
        sums = filtering.size * pixels * level.lanes
        assert [part for part in stretches(text) if len(SUM.findall(part)) == sums], tiles
        assert len(re.findall(r"%zmm\d+, [^\n]*\(%rsp\)", text)) <= (2 if filtering.size >= 8 else 0), tiles


@any_cpu
def test_registers_are_as_wide_as_the_target_has_them(cpu: str):
    inner = tile(3, 2, target(cpu))
    register = {16: "%zmm", 8: "%ymm", 4: "%xmm"}[target(cpu).lanes]
    assert all(register in line for line in inner.splitlines() if SUM.search(line))


@any_cpu
@pytest.mark.parametrize("step", [1, 2])
def test_tiles_on_planar_images_do_not_spill(cpu: str, step: int):
    level = target(cpu)
    for pixels, vectors in tiles(level):
        inner = tile(pixels, vectors, level, step=step, planar=True)
        assert len(SUM.findall(inner)) == pixels * vectors
        assert not level.fma or not SPILL.search(inner), (pixels, vectors)


@any_cpu
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_tiles_that_are_pooled_do_not_spill(cpu: str, pool: Literal["max", "mean"]):
    level = target(cpu)
    for pixels, vectors in {best_tile(c, v, level, pooled=True) for c in range(2, 65, 2) for v in (1, 2, 3, 4)}:
        e = Emitter(level)
        Direct(pixels, vectors, level.lanes, 1, False, True, False, Ahead(), Epilogue(bias=True), pooled=pool).emit(
            e, "tile"
        )
        inner = innermost(assembly_of(e.text(), level))
        assert len(SUM.findall(inner)) == pixels * vectors
        assert not level.fma or not SPILL.search(inner), (pixels, vectors)


@any_cpu
def test_a_result_is_stored_before_the_next_one_is_finished(cpu: str):
    level, (pixels, vectors) = target(cpu), best_tile(196, 32, target(cpu))
    e, tail = Emitter(level), Epilogue((Link(stage("relu6"), (Operand("result", 0),)),), bias=True)
    Direct(pixels, vectors, level.lanes, 1, True, False, False, Ahead(), tail).emit(e, "tile")
    ends = re.findall(r"\tv?(minps)\t|\tv?mov[au]ps\t%[xyz]mm\d+, [^%\n]*\(", assembly_of(e.text(), level))
    ends = ends[ends.index("minps") :][: 2 * pixels * vectors]
    assert ends == ["minps", ""] * (pixels * vectors)


@any_cpu
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_function_behind_a_tile_stays_in_registers(cpu: str, name: str):
    """With 16, a tile's sums are put away for it, and come in pairs; with 32 there is room for nearly all."""
    level, links = target(cpu), (Link(stage(name), (Operand("result", 0),)),)
    for pixels, vectors in tiles(level):
        if pixels < 4:
            continue  # a loop of one round is none
        e = Emitter(level)
        Direct(pixels, vectors, level.lanes, 1, False, False, False, Ahead(), Epilogue(links, (), True)).emit(e, "tile")
        function = re.compile(r"\tv?(?:divps|permd)\t")
        after = [part for part in stretches(assembly_of(e.text(), level)) if len(function.findall(part)) > 1]
        assert len(after) == (vectors if level.registers == 16 else 1), (pixels, vectors)
        lines = sum(part.count("\n") for part in after)
        spills = sum(len(SPILL.findall(part)) for part in after)
        assert not level.fma or spills <= (lines // 20 if level.registers == 32 else 0), (pixels, vectors)


def every_operator(lanes: int) -> Graph:
    """Each with each of its kernels."""
    net, x = Net(), {channels: image(channels, 4, 6) for channels in (4, 5, 4 * lanes)}
    values = {channels: net.input(f"x{channels}", type) for channels, type in x.items()}
    pixels = net.chain(
        net.input("pixels", image(3, 4, 5, "u8")), stage("scale", k=2), stage("conv", channels=2, kernel=2)
    )
    net.output(pixels, *(net.chain(values[5], stage("maxpool", kernel=2), op) for op in UNARY))
    for number, (shape, name, attributes) in enumerate(test_places.CASES):
        given = net.input(f"y{number}", image(*shape) if len(shape) == 3 else features(*shape))  # type: ignore[arg-type]
        net.output(*net.apply(stage(name, **attributes), given).outputs)
    some = [
        stage("lrn", size=3, beta=0.6), stage("lrn", size=99, beta=0.6), stage("global_avgpool"), stage("identity"),
        stage("sqrt"), stage("log"),
        stage("global_maxpool"), stage("adaptive_avgpool", h=2, w=5), stage("avgpool", kernel=2), stage("dropout", p=0),
        stage("depthwise", kernel=3), stage("batchnorm"), stage("reshape", dims=[-1, 3]), stage("scale", k=1.5),
        stage("conv", channels=8, kernel=3, pad=1, groups=4), stage("conv_transpose", channels=3, kernel=3, stride=2),
    ]  # fmt: skip
    net.output(*(net.chain(values[4], op) for op in some), net.chain(values[4], stage("slice", start=1, stop=3)))
    net.output(net.chain(values[4], stage("flatten"), stage("dense", units=3)))
    net.output(net.chain(values[4 * lanes], stage("conv", channels=4 * lanes, kernel=3, pad=1)))
    joins = [stage("add"), stage("mul"), bind(REGISTRY["sub"], {}), bind(REGISTRY["div"], {}), stage("concat")]
    net.output(*(net.apply(op, values[4], net.chain(values[4], stage("exp"))).output for op in joins))
    label = net.input("label", Type("i64", (Dim.letter(BATCH), 4, 6)))
    for other in (label, net.chain(values[5], stage("argmax"))):
        net.output(net.apply(stage("cross_entropy"), values[4], other).output)
    net.output(net.apply(stage("mse"), values[4], net.chain(values[4], stage("exp"))).output)
    return net.graph


@any_cpu
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_nothing_is_called(cpu: str, disabled: frozenset[str]):
    """No exp of the C library's for each lane, nor anything else that a CPU without FMA or masks might want."""
    graph = every_operator(target(cpu).lanes)
    assert {node.op.name for node in graph.nodes()} == REGISTRY.keys() - {"param", "fused"}
    native = compile_native(with_random_weights(graph), cpu, disabled)
    assembly = assembly_of(native.program.ir(), native.program.schedule.target)
    assert not re.findall(r"\t(?:call|jmp)q?\t\*?%?\w+(?:@PLT)?\n", assembly)


def test_threads_that_compile_at_once_make_what_llvmlite_makes():
    """A few kernels each, while other threads are in LLVM too."""
    cpu = target("x86-64-v3")
    modules = list(compile_native(with_random_weights(every_operator(cpu.lanes)), "x86-64-v3").program.modules())
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda ir: object_of(ir, cpu), modules))
    assert 4 <= len(made) < 40
    assert made == [module._machine(cpu).emit_object(module._parse(ir)) for ir in modules]


def test_compiling_and_running_leaves_no_page_writable_and_executable():
    """In an interpreter of its own. What was there before does not count: importing llvmlite makes callbacks, whose
    page older libffi keeps so."""
    script = """
import cnnc, llvmlite.binding, numpy as np
def rights():
    return [line.split()[:2] for line in open("/proc/self/maps") if "x" in line.split()[1]]
before = rights()
net = cnnc.compile(cnnc.parse("model M { input x: f32[N, 4]  output y = x -> sigmoid }"))
net(np.zeros((1, 4), np.float32))
new = [right for where, right in rights() if [where, right] not in before]
print(*new)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() and not any("w" in right for right in done.stdout.split())
