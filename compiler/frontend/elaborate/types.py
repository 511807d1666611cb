"""Written types: `f32[N, 3, 16*H, W]` against what is there. A letter that is unbound and alone in a size is bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from ...diagnostics import Diagnostic
from ...ir.types import AXES, BATCH, DTYPES, Dim, DType, Size, Type, Undecided, same_size
from ..report import UNKNOWN
from ..syntax import ast
from .expressions import evaluate
from .numbers import is_number
from .place import ELEMENTS
from .scope import Scope, suggestion
from .tensors import Tensor
from .values import describe

LETTER = re.compile(r"[A-Z][0-9]*\Z")


def dtype_of(note: ast.TypeNote, scope: Scope) -> DType:
    """The element type that is written; raises `Failure` where there is none, or too many sizes with it."""
    if len(note.sizes) > AXES:
        raise scope.fail("E0330", f"a tensor of {len(note.sizes):,} axes; {AXES} is the limit", note)
    name = note.dtype.text
    if name not in DTYPES:
        help = suggestion(name, DTYPES, _FOREIGN) or f"the element types are {', '.join(DTYPES)}"
        raise scope.fail("E0201", f"no element type is called `{name}`", note.dtype, help=help)
    return cast(DType, name)


_FOREIGN = {"float32": "f32", "float": "f32", "uint8": "u8", "int64": "i64", "byte": "u8", "long": "i64"}


def input_type(note: ast.TypeNote, scope: Scope) -> Type:
    """The type of a model's input, its letters bound to the sizes chosen."""
    dtype = dtype_of(note, scope)
    if not note.sizes:
        raise scope.fail("E0316", f"an input has a batch, `{BATCH}`", note, help=f"write {dtype}[{BATCH}]")
    if not (isinstance(first := note.sizes[0], ast.Name) and first.id == BATCH):
        image = len(note.sizes) == 3 and not (isinstance(first, ast.Name) or getattr(first, "value", None) == 1)
        kept = note.sizes[0] if image else note.sizes[1] if len(note.sizes) > 1 else first
        help = f"write {dtype}[{BATCH}, {scope.module.source.text[kept.start : note.end]}"
        raise scope.fail("E0316", f"the first size of an input is the batch, `{BATCH}`", first, help=help)
    sizes = [_input_size(size, scope) for size in note.sizes[1:]]
    if BATCH not in scope.names:
        _bind(first, Dim.letter(BATCH), scope)
    return Type(dtype, (Dim.letter(BATCH), *sizes))


def _input_size(e: ast.Expression, scope: Scope) -> Size:
    """A size of a model's input: a number, a letter, or a multiple of a letter as `32*H`."""
    factor, letter = _multiple(e, scope)
    if letter is None:
        return _whole(e, scope)
    if letter.id == BATCH:
        raise scope.fail("E0316", f"`{BATCH}` is the batch, which is the first size and no other", letter)
    step = _whole(factor, scope) if factor else 1
    if not isinstance(step, int):
        raise scope.fail("E0303", f"a letter's factor is a number, not {step}", e)
    if letter.id in scope.run.sizes:
        given = scope.run.sizes[letter.id]
        if given > ELEMENTS:
            raise scope.fail("E0330", f"the size `{letter.id}` is more than 2^31 - 1", e)
        if given % step or given < 1:
            following = max(-(-given // step), 1) * step
            message = f"{letter.id} is {given}, which is no multiple of {step}"
            raise scope.fail("E0317", message, e, help=f"the next is --size {letter.id}={following}")
        bound: Size = given // step
    elif scope.run.free:
        bound = Dim.letter(letter.id)
    else:
        size = max(480 // step, 1) * step
        help = f'choose one: --size {letter.id}={size}, or sizes={{"{letter.id}": {size}}}'
        raise scope.fail("E0317", f"the size `{letter.id}` is not known", letter, help=help)
    _bind(letter, bound, scope)
    return step * bound


def _multiple(e: ast.Expression, scope: Scope) -> tuple[ast.Expression | None, ast.Name | None]:
    """`32*H` as (32, H) and `H` as (None, H), where the letter is unbound."""
    if unbound(e, scope):
        return None, cast(ast.Name, e)
    if isinstance(e, ast.Chain) and len(e.rest) == 1 and e.rest[0][0] == "*":
        a, b = e.first, e.rest[0][1]
        if unbound(b, scope):
            return a, cast(ast.Name, b)
        if unbound(a, scope):
            return b, cast(ast.Name, a)
    return None, None


def letters(size: ast.Expression) -> Iterator[ast.Name]:
    """The letter that a written size may bind: `H` alone, or in `32*H`."""
    parts = (size.first, size.rest[0][1]) if isinstance(size, ast.Chain) and len(size.rest) == 1 else (size,)
    return (part for part in parts if isinstance(part, ast.Name) and LETTER.match(part.id))


def unbound(e: ast.Expression, scope: Scope) -> bool:
    """Whether a size is a letter that the body has not bound yet, whatever the file may call so."""
    return isinstance(e, ast.Name) and LETTER.match(e.id) is not None and e.id not in scope.names


def _bind(letter: ast.Name, size: Size, scope: Scope) -> None:
    scope.bind(ast.Word(letter.start, letter.end, letter.id), size)
    if is_number(scope.module.lookup(letter.id)):
        message = f"`{letter.id}` is a size letter here, and hides the const `{letter.id}`"
        scope.warn("W0203", message, letter, help="one capital is a letter: give the const a longer name")


def settle(note: ast.TypeNote, scope: Scope) -> None:
    """Letters that a type would have bound, had it been compared with a tensor: nobody knows them."""
    for e in note.sizes:
        _, letter = _multiple(e, scope)
        if letter is not None:
            scope.bind(ast.Word(letter.start, letter.end, letter.id), UNKNOWN)


WRITTEN = "a size is a number or one capital letter, and in a model's input perhaps a multiple, as 32*H"


def _whole(e: ast.Expression, scope: Scope) -> Size:
    value = evaluate(e, scope if isinstance(e, ast.Constant) else scope.advising(WRITTEN))
    if not is_number(value) or isinstance(value, float):
        help = "use `//` for whole division" if isinstance(value, float) else ""
        raise scope.fail("E0303", f"a size is a whole number, got {describe(value)}", e, help=help)
    try:
        if value < 1:
            raise scope.fail("E0312", f"a size of {value}", e, help="" if value == 0 else WRITTEN)
    except Undecided:
        pass  # some letters would do
    return value


def check(note: ast.TypeNote, tensor: Tensor, what: str, scope: Scope) -> None:
    """Compare a written type with the tensor that is there; raises `Failure` where they differ."""
    found, way = tensor.type, (f"shapes: {tensor.trail.with_shapes()}",)
    dtype = dtype_of(note, scope)
    if len(note.sizes) != len(found.shape):
        raise scope.fail("E0321", f"{what} is {found}", note, label=f"{len(note.sizes)} sizes are written", notes=way)
    if dtype != found.dtype:
        raise scope.fail("E0321", f"{what} is {found}", note.dtype, label=f"{dtype} is written", notes=way)
    for e, size in zip(note.sizes, found.shape, strict=True):
        if unbound(e, scope):
            name = cast(ast.Name, e)
            _bind(name, size, scope)
            scope.read.add(name.id)
            continue
        wanted = _whole(e, scope)
        try:
            fits = same_size(wanted, size)
        except Undecided as undecided:
            message = f"{what} is {found}: as written only if {undecided.question}"
            scope.report(Diagnostic("E0318", message, scope.span(e), notes=scope.home.way(), severity="note"))
            continue
        if not fits:
            raise scope.fail("E0321", f"{what} is {found}", e, label=f"written {wanted}, found {size}", notes=way)


def param_shape(note: ast.TypeNote, scope: Scope) -> tuple[Size, ...]:
    """The sizes of a `param`: all of them known."""
    if dtype_of(note, scope) != "f32":
        raise scope.fail("E0304", "a `param` is f32", note.dtype)
    return tuple([_whole(e, scope) for e in note.sizes])
