"""Object files as images: what an image may not need, and what memory it lies in."""

import ctypes
import platform
import re
from pathlib import Path

import pytest
from child import in_child

from cnnc.compiler.codegen.module import object_of
from cnnc.compiler.schedule.target import target
from cnnc.runtime.abi import Image
from cnnc.runtime.errors import InternalError
from cnnc.runtime.linker import link
from cnnc.runtime.loader import Code

# Two functions that read a table each, one of them by the other, and one that tells where a table is.
TEXT = """
@first = private unnamed_addr constant [3 x i64] [i64 7, i64 70, i64 700], align 64
@second = private unnamed_addr constant [2 x i32] [i32 5, i32 50], align 4
define internal i64 @pick(i64 %i) {
  %at = getelementptr i64, ptr @first, i64 %i
  %value = load i64, ptr %at
  ret i64 %value
}
define i64 @both(i64 %i) {
  %at = getelementptr i32, ptr @second, i64 %i
  %value = load i32, ptr %at
  %wide = sext i32 %value to i64
  %other = call i64 @pick(i64 %i)
  %sum = add i64 %wide, %other
  ret i64 %sum
}
define ptr @where() {
  ret ptr @first
}
"""
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the objects are for x86-64")


def made(*modules: str) -> Image:
    return link(object_of(ir, target("x86-64")) for ir in modules)


def test_functions_find_their_tables():
    code = Code(made(TEXT))
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    pick, both = prototype(code.address("pick")), prototype(code.address("both"))
    found = in_child(lambda note: ([pick(i) for i in range(3)], [both(i) for i in range(2)]))
    assert found == ([7, 70, 700], [12, 120])


def test_objects_keep_their_own_tables():
    """Of the same names in each, as kernels have them."""
    code = Code(
        made(TEXT, "@first = private constant i64 9\ndefine i64 @nine() {\n %x = load i64, ptr @first\n ret i64 %x\n}")
    )
    nine, pick = (ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address(name)) for name in ("nine", "pick"))
    assert in_child(lambda note: (nine(0), pick(0))) == (9, 7)


def test_tables_are_aligned():
    code = Code(made(TEXT))
    where = ctypes.CFUNCTYPE(ctypes.c_void_p)(code.address("where"))
    assert in_child(lambda note: where()) % 64 == 0


def test_code_cannot_be_written_and_its_memory_goes_with_it():
    code = Code(made(TEXT))
    at = code.address("pick")
    assert rights(at) == "r-xp"
    del code
    assert rights(at) != "r-xp"


def rights(at: int) -> str:
    """What may be done with memory at an address."""
    lines = re.findall(r"^(\w+)-(\w+) (\S+)", Path("/proc/self/maps").read_text(), re.MULTILINE)
    return "".join(given for begin, end, given in lines if int(begin, 16) <= at < int(end, 16))


def test_an_object_without_functions_is_loaded():
    code = Code(made(""))
    with pytest.raises(InternalError, match="the code has no function `pick`"):
        code.address("pick")


@pytest.mark.parametrize(
    ("ir", "says"),
    [
        ("declare void @tick()\ndefine void @f() {\n call void @tick()\n ret void\n}", "needs `tick`"),
        ("@state = global i64 1\ndefine ptr @f() {\n ret ptr @state\n}", "memory to write to"),
        ("@where = constant ptr @f\ndefine void @f() {\n ret void\n}", "memory to write to"),
        ("@t = thread_local global i32 0\ndefine ptr @f() {\n ret ptr @t\n}", "memory to write to"),
        ("@gone = external global i32\ndefine ptr @f() {\n ret ptr @gone\n}", "needs `gone`"),
        ("define void @g() {\n ret void\n}\ndefine void @f() {\n call void @g()\n ret void\n}", "type 4, to `g`"),
    ],
)  # fmt: skip
def test_what_lies_elsewhere_is_refused(ir: str, says: str):
    with pytest.raises(InternalError, match=says):
        made(ir)
