"""Machine code into memory: an object file becomes addresses that can be called."""

from __future__ import annotations

import llvmlite.binding as llvm

from .errors import InternalError


class Code:
    """A loaded object. LLVM's loader maps sections writable, fills them, then makes code executable and read-only, so
    that no page is ever both. The code lives as long as this."""

    def __init__(self, obj: bytes):
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)  # takes the machine over
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(obj))
        self._engine.finalize_object()

    def address(self, symbol: str) -> int:
        address = self._engine.get_function_address(symbol)
        if not address:
            raise InternalError(f"the object has no function `{symbol}`")
        return address
