"""Weights files that are hostile or wrong, and what is said of each. All are meant for MODEL."""

from __future__ import annotations

import bz2
import json
import lzma
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MODEL = "model M { input x: f32[N, 4]  output y = x -> dense(2) as fc }\n"  # fc.bias has 8 bytes, fc.weight 32
GB = 1_000_000_000
STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14

Writer = Callable[[Path], object]
Contents = bytes | Writer


def lay(path: Path, contents: Contents) -> Path:
    """Put it there."""
    if isinstance(contents, bytes):
        path.write_bytes(contents)
    else:
        contents(path)
    return path


def later(make: Callable[[], bytes]) -> Writer:
    """Contents that are too large to be made before they are needed."""
    return lambda path: path.write_bytes(make())


def sparse(begin: bytes, size: int, end: bytes = b"") -> Writer:
    """A file that is mostly holes, and takes no room on the disk."""

    def write(path: Path) -> None:
        path.write_bytes(begin)
        os.truncate(path, size - len(end))
        with path.open("ab") as file:
            file.write(end)

    return write


# .safetensors

BIAS = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
WEIGHT = {"dtype": "F32", "shape": [2, 4], "data_offsets": [8, 40]}


def both(**forged: object) -> dict[str, object]:
    """What the header should say, but for the weight."""
    return {"fc.bias": BIAS, "fc.weight": WEIGHT | forged}


def safe(header: object, data: bytes = bytes(40), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def with_shape(shape: str) -> bytes:
    """The right file, but for the text of a shape."""
    return safe(json.dumps(both()).replace("[2, 4]", shape).encode())


def of_10_gb(path: Path) -> None:
    wrong = {
        "fc.bias": BIAS,
        "fc.weight": {"dtype": "F32", "shape": [2, 10 * GB // 8], "data_offsets": [8, 8 + 10 * GB]},
    }
    begin = safe(wrong, b"")
    sparse(begin, len(begin) + 8 + 10 * GB)(path)


def many_alike() -> bytes:
    """As many tensors as a header has room for, all of the shape and the role of a missing one."""
    alike = {f"{k:05}.weight": {**WEIGHT, "data_offsets": [32 * k, 32 * k + 32]} for k in range(10_000)}
    return safe(alike, bytes(320_000))


NOT_SAID = "its header should say of `fc.weight` a dtype, a shape, and where its bytes begin and end"
SAFETENSORS: dict[str, tuple[Contents, str]] = {
    "empty": (b"", "it is empty"),
    "of five bytes": (b"\5\0\0\0\0", "it should begin with a header of 5 bytes, and has 5 in all"),
    "a text": (
        b"# My weights\n" * 9,
        "it should begin with a header of 7,594,607,327,987,965,987 bytes, and has 117 in all",
    ),
    "a header beyond the file": (
        safe(both(), length=2**64 - 1),
        "it should begin with a header of 18,446,744,073,709,551,615 bytes, and has 188 in all",
    ),
    "a header of 120 MB": (
        sparse(struct.pack("<Q", 120_000_000), 200_000_000),
        "its header has 120,000,000 bytes, more than 1,000,000",
    ),
    "a header of zeros": (safe(bytes(900_000)), "its header is no JSON"),
    "a header in UTF-16": (safe(json.dumps(both()).encode("utf-16")), "its header is no JSON"),
    "a header that is a list": (safe([both()]), "its header is no JSON object"),
    "deep lists": (safe(b'{"a":' + b"[" * 400_000 + b"]" * 400_000 + b"}"), "its header is no JSON"),
    "deep objects": (safe(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "its header is no JSON"),
    "nothing but brackets": (safe(b"[" * 900_000), "its header is no JSON"),
    "many empty lists": (safe(b'{"a":[' + b"[]," * 300_000 + b"1]}"), NOT_SAID.replace("fc.weight", "a")),
    "a tensor twice": (
        safe(json.dumps(both()).replace("fc.weight", "fc.bias").encode()),
        "its header says `fc.bias` twice",
    ),
    "a shape twice": (safe(json.dumps(both()).replace("dtype", "shape").encode()), "its header says `shape` twice"),
    "a tensor that is a number": (safe(both() | {"fc.weight": 3}), NOT_SAID),
    "no dtype": (safe(both() | {"fc.weight": {"shape": [2, 4], "data_offsets": [8, 40]}}), NOT_SAID),
    "three offsets": (safe(both(data_offsets=[8, 40, 40])), NOT_SAID),
    "a negative size": (with_shape("[-2, -4]"), NOT_SAID),
    "a size with a point": (with_shape("[2.0, 4]"), NOT_SAID),
    "a size that is true": (with_shape("[true, 8]"), NOT_SAID),
    "a size of 4,000 digits": (with_shape("[" + "9" * 4000 + "]"), NOT_SAID),
    "a size of 900,000 digits": (with_shape("[" + "9" * 900_000 + "]"), "its header is no JSON"),
    "an infinite size": (with_shape("[1e999, 4]"), NOT_SAID),
    "300,000 sizes": (with_shape(str([99] * 200_000)), NOT_SAID),
    "sizes that overflow": (
        with_shape("[4294967296, 4294967296]"),
        "`fc.weight` is float32 [4294967296, 4294967296] by its header, but has 32 bytes",
    ),
    "sizes that overflow to the right size": (
        with_shape("[4611686018427387904, 4, 2305843009213693953, 8]"),
        "`fc.weight` is float32 [4611686018427387904, 4, 2305843009213693953, 8] by its header, but has 32 bytes",
    ),
    "a shape that lies": (
        with_shape("[2, 5]"),
        "`fc.weight` is float32 [2, 5] by its header, but has 32 bytes",
    ),
    "a dtype that lies": (
        safe(both(dtype="F64")),
        "`fc.weight` is float64 [2, 4] by its header, but has 32 bytes",
    ),
    "torn": (safe(both(), bytes(20)), "its tensors take 40 bytes, and 20 follow the header"),
    "more behind it": (safe(both(), bytes(99)), "its tensors take 40 bytes, and 99 follow the header"),
    "sizes beyond the file": (
        safe(both(shape=[GB], data_offsets=[8, 8 + 4 * GB])),
        "its tensors take 4,000,000,008 bytes, and 40 follow the header",
    ),
    "a hole": (
        safe(both(data_offsets=[16, 48]), bytes(48)),
        "`fc.weight` begins at byte 16 of the data, and should at byte 8",
    ),
    "tensors over one another": (
        safe(both(data_offsets=[4, 36]), bytes(36)),
        "`fc.weight` begins at byte 4 of the data, and should at byte 8",
    ),
    "offsets that go back": (safe(both(data_offsets=[8, 0])), NOT_SAID),
    "a name to fool a terminal": (
        safe({'\x1b[2Jf\nc\u202e\ud800"': 1}),
        NOT_SAID.replace("fc.weight", '\\x1b[2Jf\\nc\\u202e\\ud800"'),
    ),
    "a long name": (safe({"n" * 900_000: 1}), NOT_SAID.replace("fc.weight", "n" * 99 + "…")),
}

MISFITS: dict[str, tuple[str, Contents, str]] = {
    "10 GB": (".safetensors", of_10_gb, "E0403 = misshaped: `fc.weight` [2, 1250000000], wanted [2, 4]"),
    "10,000 alike": (".safetensors", later(many_alike), "E0402 = not wanted: 9990 more"),
    "a size of zero": (
        ".safetensors",
        safe(both(shape=[0, 4], data_offsets=[8, 8]), bytes(8)),
        "E0403 = misshaped: `fc.weight` [0, 4], wanted [2, 4]",
    ),
    "bfloat16": (
        ".safetensors",
        safe(both(dtype="BF16", data_offsets=[8, 24]), bytes(24)),
        "E0404 = not f32: `fc.weight` BF16",
    ),
    "an unknown dtype": (
        ".safetensors",
        safe(both(dtype="\n" * 9000)),
        "E0404 = not f32: `fc.weight` " + "\\n" * 99 + "…",
    ),
    "no tensors": (".safetensors", safe({}, b""), "E0402 = missing: `fc.bias` [2]"),
}


# .npz

DIRECTORY_END = "it does not end in a zip directory"


def npy(shape: str = "(2, 4)", descr: str = "'<f4'", data: bytes = bytes(32)) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(118).encode("latin-1")
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


@dataclass
class Member:
    """A file in an archive as its directory has it; what is None is what it should be."""

    name: str
    data: bytes = b""
    method: int = STORED
    flags: int = 0
    size: int | None = None
    crc: int | None = None
    at: int | None = None

    def about(self, fields: str) -> bytes:
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        sizes = (len(self.data), len(self.data) if self.size is None else self.size)
        return struct.pack(fields, 20, self.flags, self.method, 0, 33, crc, *sizes, len(self.name.encode()), 0)


def directory_end(members: int, size: int, at: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, members, members, size, at, 0)


def zipped(*members: Member) -> bytes:
    begin, directory = bytearray(), bytearray()
    for member in members:
        at = len(begin) if member.at is None else member.at
        begin += b"PK\3\4" + member.about("<5H3L2H") + member.name.encode() + member.data
        directory += b"PK\1\2\x14\0" + member.about("<5H3L2H")
        directory += struct.pack("<3H2L", 0, 0, 0, 0, at) + member.name.encode()
    return bytes(begin + directory + directory_end(len(members), len(directory), len(begin)))


def inflating(begin: bytes, size: int = 0) -> bytes:
    """What inflates to `begin`, or to `size` bytes where that is more, zeros behind it."""
    flush = zlib.Z_FULL_FLUSH  # makes blocks that can be repeated
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(begin) + packer.flush(flush)
    block = packer.compress(bytes(1_000_000)) + packer.flush(flush)
    blocks, rest = divmod(max(size - len(begin), 0), 1_000_000)
    return first + block * blocks + packer.compress(bytes(rest)) + packer.flush()


def weight(**forged: object) -> bytes:
    """An archive with the right bias, and a weight that is not."""
    return zipped(Member("fc.bias.npy", npy("(2,)", data=bytes(8))), Member("fc.weight.npy", **forged))  # type: ignore[arg-type]


def bomb(begin: bytes, promised: int = 4 * GB) -> Writer:
    """A weight of some MB that inflates to 4 GB and of which the directory says `promised`."""
    return later(lambda: weight(data=inflating(begin, 4 * GB), method=DEFLATED, size=promised))


def many_members(count: int) -> Writer:
    return later(lambda: zipped(*(Member(f"{k}.npy", npy()) for k in range(count))))


def unending_directory(path: Path) -> None:
    sparse(b"PK\3\4", 5 * GB, directory_end(1, 4 * GB, 4))(path)


PADDED_HEADER = b"\x93NUMPY\2\0" + struct.pack("<L", 4 * GB - 12 - 32) + npy(data=b"")[10:].ljust(1000)
NO_HEADER = "`fc.weight.npy` in it has no header that NumPy would write"
DAMAGED = "`fc.weight.npy` in it is damaged"
NPZ: dict[str, tuple[Contents, str]] = {
    "empty": (b"", "it is empty"),
    "a text": (b"# My weights\n" * 9, DIRECTORY_END),
    "torn": (weight(data=npy())[:-30], DIRECTORY_END),
    "without its beginning": (weight(data=npy())[30:], "`fc.bias.npy` lies over another array or outside the file"),
    "a directory of 4 GB": (unending_directory, "its zip directory has more than 1,000,000 bytes"),
    "30,000 members": (many_members(30_000), "its zip directory has more than 1,000,000 bytes"),
    "a directory beyond the file": (directory_end(1, GB, 0), DIRECTORY_END),
    "zeros": (bytes(1_000_000), DIRECTORY_END),
    "a member twice": (
        zipped(Member("fc.weight.npy", npy()), Member("fc.weight.npy", npy())),
        "`fc.weight.npy` is in it twice",
    ),
    "an archive in it": (zipped(Member("a.npz", zipped())), "`a.npz` in it is no .npy array"),
    "PyTorch's": (zipped(Member("archive/data.pkl", pickle.dumps({}))), "`archive/data.pkl` in it is no .npy array"),
    "a folder": (zipped(Member("folder/")), "`folder/` in it is no .npy array"),
    "a name to fool a terminal": (
        zipped(Member("\x1b[2Jf\nc", flags=1 << 11)),
        "`\\x1b[2Jf\\nc` in it is no .npy array",
    ),
    "an encrypted member": (weight(data=npy(), flags=1), "`fc.weight.npy` in it is encrypted"),
    "a strongly encrypted member": (weight(data=npy(), flags=1 << 6), DAMAGED),
    "bzip2": (
        later(lambda: weight(data=bz2.compress(npy() + bytes(10_000_000)), method=BZIP2)),
        "`fc.weight.npy` in it is neither stored nor deflated",
    ),
    "LZMA": (
        later(lambda: weight(data=lzma.compress(npy() + bytes(10_000_000)), method=LZMA)),
        "`fc.weight.npy` in it is neither stored nor deflated",
    ),
    "an unknown compression": (weight(data=npy(), method=99), "`fc.weight.npy` in it is neither stored nor deflated"),
    "a bomb that lies in its header": (
        bomb(npy()),
        "`fc.weight.npy` is float32 [2, 4] by its header, but has 3,999,999,872 bytes",
    ),
    "a bomb that lies in the directory": (bomb(npy(), promised=len(npy())), DAMAGED),
    "a header of 4 GB": (bomb(PADDED_HEADER), NO_HEADER),
    "more than deflate can": (
        weight(data=bytes(50), method=DEFLATED, size=4 * GB),
        "`fc.weight.npy` in it promises 4,000,000,000 bytes, and 50 cannot hold them",
    ),
    "less than it promises": (weight(data=inflating(npy()[:-4]), method=DEFLATED, size=len(npy())), DAMAGED),
    "no deflate stream": (weight(data=b"\xff" * 50, method=DEFLATED, size=len(npy())), DAMAGED),
    "a wrong checksum": (weight(data=npy(), crc=1), DAMAGED),
    "arrays over one another": (
        weight(data=npy(), at=10),
        "`fc.weight.npy` lies over another array or outside the file",
    ),
    "an array outside": (weight(data=npy(), at=GB), "`fc.weight.npy` lies over another array or outside the file"),
    "a pickled array": (
        weight(data=npy(descr="'|O'", data=pickle.dumps([1] * 8))),
        "`fc.weight.npy` in it holds pickled objects, which are never loaded",
    ),
    "no array": (weight(data=b"hello"), NO_HEADER),
    "an empty member": (weight(), NO_HEADER),
    "a pickle": (weight(data=pickle.dumps([1])), NO_HEADER),
    "a header that is no dictionary": (weight(data=npy(shape="(" * 200)), NO_HEADER),
    "a long header": (weight(data=npy(shape="(" + "1, " * 3000 + ")")), NO_HEADER),
    "a size that is an expression": (
        weight(data=npy(shape="(9**9, 4)")),
        "`fc.weight.npy` in it has the shape (9**9, 4), and sizes are whole numbers of at least 0",
    ),
    "a negative size": (
        weight(data=npy(shape="(-2, -4)")),
        "`fc.weight.npy` in it has the shape (-2, -4), and sizes are whole numbers of at least 0",
    ),
    "sizes that overflow": (
        weight(data=npy(shape="(4294967296, 4294967296)")),
        "`fc.weight.npy` is float32 [4294967296, 4294967296] by its header, but has 32 bytes",
    ),
    "a shape that lies": (
        weight(data=npy(shape="(1000000000,)")),
        "`fc.weight.npy` is float32 [1000000000] by its header, but has 32 bytes",
    ),
    "a dtype that lies": (
        weight(data=npy(descr="'<f8'")),
        "`fc.weight.npy` is float64 [2, 4] by its header, but has 32 bytes",
    ),
}

MISFITS |= {
    "a bomb": (
        ".npz",
        bomb(npy("(999999968,)", data=b"")),
        "E0403 = misshaped: `fc.weight` [999999968], wanted [2, 4]",
    ),
    "15,000 members": (".npz", many_members(15_000), "E0402 = missing: `fc.weight` [2, 4]"),
    "nested names": (
        ".npz",
        zipped(Member("../../fc.weight.npy", npy())),
        "E0402 = missing: `fc.weight` [2, 4]: is it `../../fc.weight`?",
    ),
    "no members": (".npz", zipped(), "E0402 = missing: `fc.bias` [2]"),
    "a zero": (
        ".npz",
        weight(data=npy("(0, 99999999999999999999)", data=b"")),
        "E0403 = misshaped: `fc.weight` [0, 99999999999999999999], wanted [2, 4]",
    ),
    "the other byte order": (".npz", weight(data=npy(descr="'>f4'")), "E0404 = not f32: `fc.weight` >f4"),
    "records": (
        ".npz",
        weight(data=npy(descr="[('a', '<f4')]")),
        "E0404 = not f32: `fc.weight` [('a', '<f4')]",
    ),
    "an unknown number": (".npz", weight(data=npy(descr="'<f7'")), "E0404 = not f32: `fc.weight` '<f7'"),
}
