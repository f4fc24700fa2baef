"""What this project agreed on and no linter checks: sizes, lazy names, the README."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymo_bluesky import export

Function = ast.FunctionDef | ast.AsyncFunctionDef

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pymo_bluesky"
MODULES = sorted(PACKAGE.rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
# Functions of more than 40 lines, and why they may be.
LONGER = {"PymodaqWriter.__init__": "of its lines, 18 are options in the signature"}
# Loaded when a name that needs them is first used, never by the import itself.
HEAVY = ("bluesky", "ophyd", "h5py", "databroker", "tiled", "matplotlib", "qtpy")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def readme_block(heading: str) -> str:
    """The one fenced bash block under a heading of the README."""
    text = (ROOT / "README.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```bash\n(.*?)```", section, re.S)
    return block


def body_lines(function: Function) -> int:
    """Lines of a function without its docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        told = function.body[0]
        assert told.end_lineno is not None
        lines -= told.end_lineno - told.lineno + 1
    return lines


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """All functions, methods by the name of their class, too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{node.name}.")
        elif isinstance(node, Function):
            yield f"{inside}{node.name}", node
            yield from functions(node, inside)
        else:
            yield from functions(node, inside)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_fits_in_a_head(path):
    source = path.read_text()
    assert source.count("\n") <= 400
    assert ast.get_docstring(ast.parse(source)), "it does not say what it is"
    long = {
        name: body_lines(function)
        for name, function in functions(ast.parse(source))
        if body_lines(function) > 40 and name not in LONGER
    }
    assert not long


def test_importing_the_package_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, pymo_bluesky; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(HEAVY) & set(done.stdout.split())


WRITING = ("append", "building", "journal", "recording", "store.writing", "writer")
REPLAYING = ("assets", "columns", "navigation", "replaying.rows", "synthesis")


@pytest.mark.parametrize(
    ("name", "code", "unneeded"),
    [
        ("open_dataset", "", (*WRITING, *REPLAYING, "following")),
        ("open_dataset", ".scans[0].attributes", (*WRITING, *REPLAYING)),
        ("open_dataset", ".tree()", (*WRITING, *REPLAYING)),
        ("replay", ".__next__()", (*WRITING, "assets", "synthesis", "following")),
        ("PymodaqWriter", "", ("catalog", "following", "reader", "synthesis")),
    ],
)
def test_what_is_done_imports_only_what_it_needs(name, code, unneeded, tmp_path):
    start = {"uid": "4b1d", "time": 0.0, "plan_name": "count"}
    stop = {"uid": "5c2e", "time": 1.0, "run_start": "4b1d", "exit_status": "success"}
    export([("start", start), ("stop", stop)], tmp_path, "a")
    ask = f"{name}(path){code}" if code else name
    script = f"import sys; path = sys.argv[1]; from pymo_bluesky import {name}; {ask}"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; print(*sys.modules)", tmp_path / "a.h5"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "pymo_bluesky" in loaded
    assert not {f"pymo_bluesky.{name}" for name in unneeded} & loaded
    assert not (set(HEAVY) - {"h5py"}) & loaded


@pytest.mark.parametrize("heading", ["Try it", "Test it"])
def test_the_readme_gives_one_command(heading):
    assert len(readme_block(heading).splitlines()) == 1


def test_all_is_every_extra_but_pymodaq():
    extras = pyproject()["project"]["optional-dependencies"]
    (all_,) = extras["all"]
    named = set(all_.removeprefix("pymo-bluesky[").removesuffix("]").split(","))
    developers = {"test", "test-browser", "test-hardware", "test-nexus", "docs", "dev"}
    assert named == set(extras) - {"pymodaq", "demo", "all"} - developers


def test_an_error_names_an_extra_that_exists():
    extras = pyproject()["project"]["optional-dependencies"]
    named = {
        extra
        for path in MODULES
        for extra in re.findall(
            r"MissingExtraError\.of\([^()]*?,\s*\"(\w+)\"", path.read_text()
        )
    }
    assert named, "the pattern finds none"
    assert named <= set(extras)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert not [target for target in local if not (page.parent / target).exists()]


def test_the_index_leads_to_every_page():
    index = (ROOT / "docs/README.md").read_text()
    pages = {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/*/*.md")}
    assert pages <= set(re.findall(r"\]\(([^)#]+)\)", index))
