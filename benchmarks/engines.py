"""The engines: each gets the same network ready, float32 throughout, set up for latency as its documentation says.

An engine's function takes the folder with `weights.safetensors` and `model.onnx`, the input and the number of threads,
and returns what to time: a call from the caller's array to the output as an array. What a caller would do once, such
as wrapping an array that stays where it is, is done once. Peers without type stubs are imported by `import_module`.
"""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from networks import Subject

from cnnc.compiler.ir.operator import Array

Call = Callable[[], Array]


@dataclass(frozen=True)
class Engine:
    title: str
    package: str  # as PyPI calls it
    prepare: Callable[[Subject, Path, Array, int], Call]


def _cnnc(subject: Subject, folder: Path, x: Array, threads: int) -> Call:
    import cnnc

    net = cnnc.compile(subject.load(), weights=folder / "weights.safetensors", threads=threads, batch=len(x))
    return lambda: net(x)


def _onnxruntime(subject: Subject, folder: Path, x: Array, threads: int) -> Call:
    ort = import_module("onnxruntime")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feeds)[0]


def _openvino(subject: Subject, folder: Path, x: Array, threads: int) -> Call:
    openvino = import_module("openvino")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # it takes bf16 by itself where the CPU has it
    }
    request = openvino.Core().compile_model(folder / "model.onnx", "CPU", settings).create_infer_request()
    return lambda: request.infer([x], share_inputs=True, share_outputs=True)[0]


def _pytorch(subject: Subject, folder: Path, x: Array, threads: int) -> Call:
    """The fastest of eager PyTorch in both memory formats and TorchScript; batchnorms are folded in all of them.

    `torch.compile` is left out: it wants a C++ compiler.
    """
    import torch
    from onnx_to_torch import load
    from torch.fx.experimental.optimization import fuse

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_float32_matmul_precision("highest")
    image = torch.from_numpy(x)
    eager = fuse(load(folder / "model.onnx"))
    last = fuse(load(folder / "model.onnx")).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with warnings.catch_warnings(action="ignore"), torch.inference_mode():  # TorchScript is deprecated, but the fastest
        script = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(eager, image)))
    ways = [
        lambda: eager(image).numpy(),
        lambda: last(image.to(memory_format=torch.channels_last)).numpy(),
        lambda: script(image).numpy(),
    ]
    return min(map(torch.inference_mode(), ways), key=_quickest)


def _quickest(call: Call) -> float:
    """The least of at least four calls: the first ones are TorchScript's to look around."""
    times, until = [], perf_counter() + 0.3
    while len(times) < 4 or perf_counter() < until:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def _ncnn(subject: Subject, folder: Path, x: Array, threads: int) -> Call:
    """ncnn knows neither bytes nor batches: it gets floats, made beforehand, and image after image."""
    ncnn = import_module("ncnn")
    _to_ncnn(folder, x)
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.lightmode = True
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_packed = net.opt.use_bf16_storage = False
    if net.load_param(str(folder / "ncnn.param")) or net.load_model(str(folder / "ncnn.bin")):
        raise RuntimeError("ncnn does not read what pnnx wrote")
    # Copies that ncnn owns: it works in place on arrays that it believes nobody else has.
    images = [ncnn.Mat(image).clone() for image in x.astype(np.float32)]

    def one(image: Any) -> Array:
        extractor = net.create_extractor()
        extractor.input("in0", image)
        return np.asarray(extractor.extract("out0")[1])

    return (lambda: one(images[0])[None]) if len(images) == 1 else (lambda: np.stack([one(image) for image in images]))


def _to_ncnn(folder: Path, x: Array) -> None:
    import torch
    from onnx_to_torch import load

    image = torch.from_numpy(x[:1].astype(np.float32))
    with warnings.catch_warnings(action="ignore"), torch.inference_mode():
        torch.jit.save(torch.jit.trace(load(folder / "model.onnx"), image), folder / "torch.pt")
    shape = ",".join(map(str, image.shape))
    settings = [f"inputshape=[{shape}]f32", "ncnnparam=ncnn.param", "ncnnbin=ncnn.bin", "fp16=0"]
    subprocess.run([import_module("pnnx").EXEC_PATH, "torch.pt", *settings], cwd=folder, check=True)


def _mnn(subject: Subject, folder: Path, x: Array, threads: int) -> Call:
    mnn = import_module("MNN")
    tools = import_module("_tools")  # what the command `mnnconvert` calls; that also installs a client to report usage
    source, made = str(folder / "model.onnx"), str(folder / "model.mnn")
    tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", made, "--bizCode", "cnnc"])
    net = mnn.Interpreter(made)
    session = net.createSession({"backend": "CPU", "numThread": threads, "precision": "high"})
    image, out = net.getSessionInput(session), net.getSessionOutput(session)
    given = mnn.Tensor(image.getShape(), image.getDataType(), x, mnn.Tensor_DimensionType_Caffe)

    def call() -> Array:
        image.copyFrom(given)
        net.runSession(session)
        return out.getNumpyData()

    return call


ENGINES = {
    "cnnc": Engine("cnnc", "cnnc", _cnnc),
    "onnxruntime": Engine("ONNX Runtime", "onnxruntime", _onnxruntime),
    "openvino": Engine("OpenVINO", "openvino", _openvino),
    "pytorch": Engine("PyTorch", "torch", _pytorch),
    "ncnn": Engine("ncnn", "ncnn", _ncnn),
    "mnn": Engine("MNN", "MNN", _mnn),
}
