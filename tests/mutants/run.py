"""Does any test notice? Each mutant of the table, in a copy of the tree: `python tests/mutants/run.py [WORD…]`.

Words choose those whose line has them all. Prints a line a mutant; ends with 1 if more than one in twenty survives.
"""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hypothesis  # noqa: F401  what tests import is imported here, once; of cnnc nothing
import llvmlite.binding  # noqa: F401
import numpy as np  # noqa: F401
import pytest
from table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SLOWEST = 1800.0  # seconds for unmutated tests
PACKAGES = {"compiler": "compiler", "runtime": "runtime", "grammar": "grammar", "explanations": "docs/errors"}


def copy_to(tree: Path) -> None:
    """What git knows, as it is now, and beside it the packages that an installation would make of it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
    site = tree / "site/cnnc"
    site.mkdir(parents=True)
    for path in (tree / "driver").iterdir():
        (site / path.name).symlink_to(path)
    for package, folder in PACKAGES.items():
        (site / package).symlink_to(tree / folder)


def _test(tree: Path, tests: str, log: Path) -> None:
    """In a process of its own, which is the first to import cnnc."""
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.setsid()
    os.chdir(tree)
    site = str(tree / "site")
    sys.path.insert(0, site)
    os.environ["PYTHONPATH"] = site
    options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]
    sys.exit(int(pytest.main([*options, tests])))


def outcome(tree: Path, tests: str, seconds: float) -> tuple[int | None, str]:
    """The tests' exit code, None where they take longer, and the line that says what failed."""
    log = tree / "log"
    process = multiprocessing.get_context("fork").Process(target=_test, args=(tree, tests, log))
    process.start()
    try:
        process.join(seconds)
        code = process.exitcode
    finally:
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
            process.join()
    if code is None:
        return None, f"no end in {seconds:.0f} s"
    failed = re.search(r"^(?:FAILED|ERROR) (.*)", log.read_text(errors="replace"), re.MULTILINE)
    return code, failed[1] if failed else ""


def limit(tree: Path, tests: str) -> float:
    """Seconds for a mutant: three times as many as the unmutated tests take, which must pass."""
    start = time.monotonic()
    code, what = outcome(tree, tests, SLOWEST)
    if code != 0:
        sys.exit(f"`{tests}` fails without a mutant: {what}")
    return 3 * (time.monotonic() - start)


def is_caught(tree: Path, mutant: Mutant, seconds: float) -> tuple[bool, str]:
    path, number = tree / mutant.file, MUTANTS.index(mutant)
    text = path.read_text()
    path.write_text(text.replace(mutant.text, mutant.replacement))
    os.utime(path, (number, number))  # two versions of one size and one second would share their bytecode
    code, what = outcome(tree, mutant.tests, seconds)
    path.write_text(text)
    return code != 0, what


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if all(word in f"{m.file}: {m.breaks}, {m.tests}" for word in words)]
    limits: dict[str, float] = {}
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve()
        copy_to(tree)
        for mutant in chosen:
            if mutant.tests not in limits:
                limits[mutant.tests] = limit(tree, mutant.tests)
            caught, what = is_caught(tree, mutant, limits[mutant.tests])
            survivors += not caught
            print(f"{'caught' if caught else 'SURVIVES'}  {mutant.file}: {mutant.breaks}  {what}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} are caught")
    return int(20 * survivors > len(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
