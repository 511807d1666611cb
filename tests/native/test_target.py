"""Which CPU this is, by what Linux says of it."""

import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builder import Net, image, stage, with_random_weights

from cnnc.compiler.options import Options
from cnnc.compiler.schedule import target as levels
from cnnc.compiler.schedule.target import target
from cnnc.keys import key_of

X86 = """\
processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 85
model name	: Intel(R) Xeon(R)
stepping	: 7
cpu MHz		: {mhz}
flags		: fpu sse2 {flags}
bugs		: spectre_v1

processor	: 1
vendor_id	: another
flags		: avx2 fma avx512f avx512bw avx512dq avx512vl
"""
ARM = """\
processor	: 0
BogoMIPS	: 243.75
Features	: fp asimd evtstrm {flags}
CPU implementer	: 0x41
CPU part	: 0xd0c
"""
WIDE = "avx2 fma avx512f avx512bw avx512dq avx512vl"

Machine = Callable[[str, str], None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Makes this another machine: of an architecture, of which Linux says a text."""

    def forget() -> None:
        levels._host.cache_clear()
        target.cache_clear()

    def become(architecture: str, said: str) -> None:
        (tmp_path / "cpuinfo").write_text(said)
        monkeypatch.setattr(levels, "_CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr("platform.machine", lambda: architecture)
        forget()

    yield become
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(("flags", "name"), [("", "sse2"), ("avx2", "sse2"), ("fma avx2", "avx2"), (WIDE, "avx512")])
def test_native_is_the_best_level_of_the_first_cpu(machine: Machine, flags: str, name: str):
    machine("x86_64", X86.format(mhz=2000, flags=flags))
    native = target()
    assert (native.name, native.cpu) == (name, "native")
    assert native.has[:4] == ("vendor_id GenuineIntel", "cpu family 6", "model 85", "stepping 7")
    assert set(native.has[4:]) == {"fpu", "sse2", *flags.split()}


def test_an_arm_needs_no_more_than_to_be_one(machine: Machine):
    machine("aarch64", ARM.format(flags="crc32"))
    native = target()
    assert native.name == "neon"
    assert native.has == ("CPU implementer 0x41", "CPU part 0xd0c", "asimd", "crc32", "evtstrm", "fp")


@pytest.mark.parametrize("said", ["", "cpu : something else\n", ARM if platform.machine() == "x86_64" else X86])
def test_llvm_is_asked_where_linux_says_nothing_of_such_a_cpu(machine: Machine, said: str):
    """Emulators show a process another CPU than the file does."""
    before = target()
    machine(platform.machine(), said)
    assert target().name == before.name


def test_keys_differ_with_what_the_cpu_is_and_has(machine: Machine):
    """Not with how fast it happens to run."""
    net = Net()
    graph = with_random_weights(
        net.output(net.chain(net.input("x", image(3, 6, 6)), stage("conv", channels=4, kernel=3)))
    )
    keys = []
    for said in (
        X86.format(mhz=2000, flags="avx2 fma"), X86.format(mhz=3000, flags="avx2 fma"),
        X86.format(mhz=2000, flags="avx2 fma bmi2"), X86.format(mhz=2000, flags="avx2 fma").replace("85", "86"),
    ):  # fmt: skip
        machine("x86_64", said)
        keys.append(key_of(graph, Options()))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
