"""What `cnnc bench --compare` runs beside native code: the interpreter, and ONNX Runtime on the same network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cnnc.compiler.ir.graph import Graph
from cnnc.interpreted import Interpreted
from cnnc.runtime.errors import CnncError
from cnnc.runtime.feeds import Array

Run = Callable[[Mapping[str, Array]], dict[str, Array]]


def interpreter(graph: Graph, batch: int, threads: int) -> Run:
    return Interpreted(graph).run


def onnxruntime(graph: Graph, batch: int, threads: int) -> Run:
    """Raises `CnncError` without the packages, or for an operator that has no counterpart in `onnx_export`."""
    try:
        import onnxruntime as ort  # pyright: ignore[reportMissingImports]  an extra

        from cnnc.onnx_export import export
    except ImportError:
        message = "a comparison with ONNX Runtime needs the packages onnx and onnxruntime"
        raise CnncError(message, code="E0620", help="pip install 'cnnc[compare]'") from None
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors
    model = export(graph, batch).SerializeToString()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = list(graph.outputs)

    def run(feeds: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.asarray(y) for name, y in zip(names, session.run(None, dict(feeds)), strict=True)}

    return run


RIVALS: dict[str, Callable[[Graph, int, int], Run]] = {"interpreter": interpreter, "onnxruntime": onnxruntime}
