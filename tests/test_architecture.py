"""The house keeps its plan: packages match folders, and imports go one way."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "driver": "cnnc", "compiler": "cnnc.compiler", "runtime": "cnnc.runtime", "grammar": "cnnc.grammar",
    "docs/errors": "cnnc.explanations",
}  # fmt: skip

# Who may import what, by the longest prefix that fits. A part may always import itself.
ALLOWED: dict[str, tuple[str, ...]] = {
    "cnnc.grammar": (),
    "cnnc.explanations": (),
    "cnnc.runtime.errors": (),
    "cnnc.runtime.abi": (),
    "cnnc.runtime": (),
    "cnnc.compiler.diagnostics": ("cnnc.runtime.errors",),
    "cnnc.compiler.ir": ("cnnc.compiler.diagnostics", "cnnc.runtime.errors"),
    "cnnc.compiler.ops": ("cnnc.compiler.ir", "cnnc.compiler.diagnostics"),
    "cnnc.compiler.interpreter": ("cnnc.compiler.ir", "cnnc.compiler.ops", "cnnc.runtime.errors"),
    "cnnc.compiler.tolerance": ("cnnc.compiler.ir", "cnnc.compiler.ops", "cnnc.runtime.errors"),
    "cnnc.compiler.frontend.syntax": (
        "cnnc.compiler.frontend.closest", "cnnc.compiler.frontend.report", "cnnc.compiler.uncollected",
        "cnnc.compiler.diagnostics", "cnnc.grammar", "cnnc.runtime.errors",
    ),
    "cnnc.compiler.frontend.elaborate": (
        "cnnc.compiler.frontend.syntax", "cnnc.compiler.frontend.closest", "cnnc.compiler.frontend.report",
        "cnnc.compiler.uncollected",
        "cnnc.compiler.ops", "cnnc.compiler.ir", "cnnc.compiler.diagnostics", "cnnc.runtime.errors",
    ),
    "cnnc.compiler.frontend.weights": ("cnnc.compiler.ir", "cnnc.runtime.errors"),
    "cnnc.compiler.frontend": (
        "cnnc.compiler.ops", "cnnc.compiler.ir", "cnnc.compiler.diagnostics", "cnnc.grammar", "cnnc.runtime.errors",
    ),
    "cnnc.compiler.passes": (
        "cnnc.compiler.interpreter", "cnnc.compiler.ops", "cnnc.compiler.ir", "cnnc.compiler.diagnostics",
    ),
    "cnnc.compiler.schedule": ("cnnc.compiler.ops", "cnnc.compiler.ir", "cnnc.runtime.errors"),
    "cnnc.compiler.codegen": (
        "cnnc.compiler.schedule", "cnnc.compiler.ops", "cnnc.compiler.ir", "cnnc.compiler.diagnostics",
        "cnnc.runtime.abi", "cnnc.runtime.errors", "cnnc.runtime.library", "cnnc.runtime.linker",
    ),
    "cnnc.compiler.options": (
        "cnnc.compiler.schedule", "cnnc.compiler.codegen", "cnnc.compiler.ir", "cnnc.runtime.abi",
    ),
    "cnnc.compiler.pipeline": (
        "cnnc.compiler.frontend", "cnnc.compiler.passes", "cnnc.compiler.schedule", "cnnc.compiler.codegen",
        "cnnc.compiler.options", "cnnc.compiler.uncollected", "cnnc.compiler.ir", "cnnc.runtime.abi",
    ),
    "cnnc.compiler": (),
    "cnnc": ("cnnc.",),
}  # fmt: skip


def modules() -> list[tuple[str, Path]]:
    found = []
    for folder, package in PACKAGES.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            found.append((".".join([package, *(part for part in parts if part != "__init__")]), file))
    return found


def imports(module: str, file: Path) -> set[str]:
    """Every module of ours that a file imports, anywhere in it, by its full name."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{source}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "cnnc"}


def part_of(name: str) -> str:
    return max((part for part in ALLOWED if f"{name}.".startswith(f"{part}.")), key=len)


@pytest.mark.parametrize(("module", "file"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_one_way(module: str, file: Path) -> None:
    part = part_of(module)
    for name in imports(module, file):
        allowed = any(f"{name}.".startswith(f"{prefix.rstrip('.')}.") for prefix in (part, *ALLOWED[part]))
        assert allowed, f"{module} imports {name}"


def test_the_oracle_and_what_it_judges_share_no_code() -> None:
    for module, file in modules():
        if part_of(module) in ("cnnc.compiler.interpreter", "cnnc.compiler.ops"):
            assert not any("codegen" in name or "schedule" in name for name in imports(module, file))


def test_packages_match_the_folders() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {module for module, file in modules() if file.name == "__init__.py"}
    assert sorted(listed) == sorted(folders)


def test_no_folder_shadows_the_installed_package() -> None:
    assert not (ROOT / "cnnc").exists()
