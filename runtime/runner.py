"""The native loop that runs any program: it walks a table of steps, image after image.

It does not depend on the network, so that its code is compiled once in a process. It reads a table of five words:

    steps      address of the step table: entries `{kernel, arguments, parts}`
    bindings   address of the binding table: entries `{address of a word, index of the caller's array, bytes an image}`
    bound      bindings there are
    arrays     address of the addresses of the caller's arrays, inputs first
    scratch    address of the scratch memory
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache

import llvmlite.binding as llvm

from .loader import Code

ENTRY_BYTES = 24

_IR = """
%step = type { ptr, ptr, i64 }
%binding = type { ptr, i64, i64 }

%table = type { ptr, ptr, i64, ptr, ptr }

define void @run(ptr %table, i64 %first, i64 %last, i64 %image, i64 %images) nounwind {
entry:
  %steps = load ptr, ptr %table
  %bindings.at = getelementptr %table, ptr %table, i64 0, i32 1
  %bindings = load ptr, ptr %bindings.at
  %bound.at = getelementptr %table, ptr %table, i64 0, i32 2
  %bound = load i64, ptr %bound.at
  %arrays.at = getelementptr %table, ptr %table, i64 0, i32 3
  %arrays = load ptr, ptr %arrays.at
  %scratch.at = getelementptr %table, ptr %table, i64 0, i32 4
  %scratch = load ptr, ptr %scratch.at
  br label %each.image
each.image:
  %n = phi i64 [ %image, %entry ], [ %n.next, %image.done ]
  %more.images = icmp slt i64 %n, %images
  br i1 %more.images, label %each.binding, label %done
each.binding:
  %b = phi i64 [ 0, %each.image ], [ %b.next, %bind ]
  %more.bindings = icmp slt i64 %b, %bound
  br i1 %more.bindings, label %bind, label %each.step
bind:
  %binding.at = getelementptr %binding, ptr %bindings, i64 %b
  %word = load ptr, ptr %binding.at
  %index.at = getelementptr %binding, ptr %binding.at, i64 0, i32 1
  %index = load i64, ptr %index.at
  %pitch.at = getelementptr %binding, ptr %binding.at, i64 0, i32 2
  %pitch = load i64, ptr %pitch.at
  %array.at = getelementptr ptr, ptr %arrays, i64 %index
  %array = load ptr, ptr %array.at
  %distance = mul i64 %n, %pitch
  %here = getelementptr i8, ptr %array, i64 %distance
  store ptr %here, ptr %word
  %b.next = add i64 %b, 1
  br label %each.binding
each.step:
  %s = phi i64 [ %first, %each.binding ], [ %s.next, %step.done ]
  %more.steps = icmp slt i64 %s, %last
  br i1 %more.steps, label %begin, label %image.done
begin:
  %step.at = getelementptr %step, ptr %steps, i64 %s
  %kernel = load ptr, ptr %step.at
  %arguments.at = getelementptr %step, ptr %step.at, i64 0, i32 1
  %arguments = load ptr, ptr %arguments.at
  %parts.at = getelementptr %step, ptr %step.at, i64 0, i32 2
  %parts = load i64, ptr %parts.at
  br label %each.part
each.part:
  %p = phi i64 [ 0, %begin ], [ %p.next, %call ]
  %more.parts = icmp slt i64 %p, %parts
  br i1 %more.parts, label %call, label %step.done
call:
  call void %kernel(ptr %arguments, i64 %p, i64 %parts, ptr %scratch)
  %p.next = add i64 %p, 1
  br label %each.part
step.done:
  %s.next = add i64 %s, 1
  br label %each.step
image.done:
  %n.next = add i64 %n, 1
  br label %each.image
done:
  ret void
}
"""


@lru_cache
def runner() -> Callable[..., None]:
    """`run(table, first, last, image, images)`: steps `[first, last)` for each of the images `[image, images)`."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2, reloc="pic", codemodel="small")
    code = Code(machine.emit_object(llvm.parse_assembly(_IR)))
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)
    function = prototype(code.address("run"))
    function.code = code  # type: ignore[attr-defined]  # lives as long as the function
    return function
