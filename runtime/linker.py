"""Object files as an image: code and constants in one piece, which runs wherever it lies.

What LLVM makes of our kernels calls nothing, and reads nothing but its own constants, at distances that are the same
wherever all of it lies. So linking is to lay sections one behind the other and to fill in these distances: LLVM, whose
library takes 40 MB, is for where something is compiled. The format is ELF-64 of the System V ABI; its supplements for
x86-64 and AArch64 say what relocations mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import NamedTuple

from .abi import ALIGNMENT, Image
from .errors import InternalError


class _Section(NamedTuple):
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class _Symbol(NamedTuple):
    name: int
    info: int
    section: int
    value: int


_MACHINE, _TABLE, _COUNT = Struct("<18xH"), Struct("<40xQ"), Struct("<60xH")  # in the file's header, of sections
_SECTION, _SYMBOL, _RELOCATION = Struct("<4xIQ8xQQIIQ8x"), Struct("<IBxHQ8x"), Struct("<QQq")
_SYMBOLS, _RELOCATIONS = 2, 4  # types of sections
_WRITABLE, _LOADED = 1, 2  # flags of sections
_FUNCTION = 2  # a type of symbols


def link(objects: Iterable[bytes]) -> Image:
    """The image of relocatable objects that know nothing of one another. Raises `InternalError` for one that needs
    anything else: a function of another library, or memory to write to."""
    data, functions = bytearray(), dict[str, int]()
    for obj in objects:
        data += bytes(-len(data) % ALIGNMENT)
        functions |= _append(data, obj)
    return Image(bytes(data), functions)


def _append(data: bytearray, obj: bytes) -> dict[str, int]:
    """Lay an object's sections behind what there is. Gives the places of its functions."""
    (machine,), (table,), (count,) = (field.unpack_from(obj) for field in (_MACHINE, _TABLE, _COUNT))
    sections = [_Section(*_SECTION.unpack_from(obj, table + number * _SECTION.size)) for number in range(count)]
    places = dict[int, int]()
    for number, section in enumerate(sections):
        if section.flags & _LOADED:
            if section.flags & _WRITABLE:
                raise InternalError("the object has memory to write to")
            data += bytes(-len(data) % section.alignment)
            places[number] = len(data)
            data += _bytes(obj, section)
    (found,) = (section for section in sections if section.type == _SYMBOLS)
    names = _bytes(obj, sections[found.link])
    symbols = [_Symbol(*fields) for fields in _SYMBOL.iter_unpack(_bytes(obj, found))]

    def name(symbol: _Symbol) -> str:
        return names[symbol.name : names.index(0, symbol.name)].decode()

    def place(symbol: _Symbol) -> int:
        if symbol.section not in places:
            raise InternalError(f"the object needs `{name(symbol)}`, which it does not have")
        return places[symbol.section] + symbol.value

    for section in sections:
        if section.type == _RELOCATIONS and section.info in places:
            for offset, info, addend in _RELOCATION.iter_unpack(_bytes(obj, section)):
                symbol, kind = symbols[info >> 32], info & 0xFFFFFFFF
                at, to = places[section.info] + offset, place(symbol) + addend
                if (machine, kind) not in _FILLS:
                    raise InternalError(f"the object has a relocation of type {kind}, to `{name(symbol)}`")
                _FILLS[machine, kind](data, at, to)
    return {name(symbol): place(symbol) for symbol in symbols if symbol.info & 15 == _FUNCTION}


def _bytes(obj: bytes, section: _Section) -> bytes:
    return obj[section.offset : section.offset + section.size]


def _distance(data: bytearray, at: int, to: int) -> None:
    """To a place from here."""
    data[at : at + 4] = (to - at).to_bytes(4, "little", signed=True)


def _pages(data: bytearray, at: int, to: int) -> None:
    """Of 4 KiB to a place from here: 21 bits of an `adrp`, the lowest two apart."""
    pages = (to >> 12) - (at >> 12)
    _set(data, at, (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5)


def _within_page(unit: int) -> Callable[[bytearray, int, int], None]:
    """Where in its page a place is, in units of what an instruction loads: 12 bits."""
    return lambda data, at, to: _set(data, at, (to & 0xFFF) // unit << 10)


def _set(data: bytearray, at: int, bits: int) -> None:
    """Bits of an instruction that are zero so far."""
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little") | bits).to_bytes(4, "little")


_X86_64, _AARCH64 = 62, 183
_FILLS = {
    (_X86_64, 2): _distance,  # R_X86_64_PC32
    (_AARCH64, 275): _pages,  # R_AARCH64_ADR_PREL_PG_HI21
    (_AARCH64, 286): _within_page(8),  # R_AARCH64_LDST64_ABS_LO12_NC
    (_AARCH64, 299): _within_page(16),  # R_AARCH64_LDST128_ABS_LO12_NC
}
