"""How the package is kept: short modules and functions, each module says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "pymo_bluesky").rglob("*.py"))
MOST_LINES, MOST_OF_A_FUNCTION = 400, 40

LONGER = {
    "pymo_bluesky/writer/callback.py:__init__": "more than a dozen options, each of "
    "which takes a line of the signature",
    "pymo_bluesky/plans/moving.py:_move": "a plan and the run inside it; half are the "
    "metadata and the messages, which are read one after the other",
}
"""Functions that are longer, and why they may be."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(path: Path) -> Iterator[str]:
    """Functions of too many lines, their docstrings not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0]
        told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        docstring = first.end_lineno - first.lineno + 1 if told else 0
        if node.end_lineno - node.lineno + 1 - docstring > MOST_OF_A_FUNCTION:
            yield f"{name_of(path)}:{node.name}"


def test_no_module_is_too_long():
    lines = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert not {name: n for name, n in lines.items() if n > MOST_LINES}


def test_each_module_says_what_it_is():
    told = {name_of(p): ast.get_docstring(ast.parse(p.read_text())) for p in MODULES}
    assert not [name for name, text in told.items() if not text]


def test_no_function_is_too_long_without_a_reason():
    assert {name for path in MODULES for name in long_functions(path)} <= set(LONGER)
    assert all(LONGER.values())


def test_each_folder_is_a_package_and_stands_in_the_layers():
    layers = (ROOT / "pyproject.toml").read_text().partition("layers = [")[2]
    for path in MODULES:
        parts = path.relative_to(ROOT / "pymo_bluesky").parts
        assert (path.parent / "__init__.py").exists(), path
        if len(parts) > 1 and parts[0] != "_data":
            assert parts[0] in layers, path
