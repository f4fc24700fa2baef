"""What the pages say works: their code runs, and what is made of tables is up to date.

The README and the pages on datasets, external data and one's own camera have tests of
their own.
"""

import ast
import doctest
import importlib
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from extras import needs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*/*.md"))
DOCTESTED = ("custom-applications", "live", "recovery")
TOLD = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def name_of(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return re.findall(r"^```(\w+)[^\n]*\n(.*?)^```$", page.read_text(), re.M | re.S)


def code(page: Path) -> list[str]:
    """The Python of a page, without prompts and output."""
    parser = doctest.DocTestParser()
    return [
        "".join(example.source for example in parser.get_examples(text))
        if ">>> " in text
        else text
        for language, text in blocks(page)
        if language == "python"
    ]


WITH_CODE = [page for page in PAGES if code(page)]


# --------------------------------------------------------------------------- all pages


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_code_is_python_and_its_names_exist(page):
    imports = [
        node
        for text in code(page)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    for node in imports:
        if node.module.split(".")[0] != "pymo_bluesky":
            continue
        try:
            module = importlib.import_module(node.module)
        except ModuleNotFoundError as error:
            if str(error.name).startswith("pymo_bluesky"):
                raise
            continue  # of an extra that is not installed
        names = {name.name for name in node.names} - {"*"}
        assert not [name for name in names if not hasattr(module, name)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_fences_close_and_name_a_language(page):
    fences = re.findall(r"^```(\w*)", page.read_text(), re.M)
    assert len(fences) % 2 == 0
    assert all(fences[::2])
    assert not any(fences[1::2])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_yaml_can_be_loaded(page):
    for language, text in blocks(page):
        if language == "yaml":
            assert yaml.safe_load(text)


# ----------------------------------------------------------------------- pages that run


@pytest.mark.parametrize("page", DOCTESTED)
def test_the_how_to_does_what_it_says(page, tmp_path, monkeypatch):
    path = DOCS / "how-to" / f"{page}.md"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    text = re.sub(r"^```\w*$", "", path.read_text(), flags=re.M)
    parsed = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
    assert len(parsed.examples) > 8
    assert doctest.DocTestRunner(optionflags=TOLD).run(parsed).failed == 0


MARK = "-- the block ends --"


def script_of(page: list[tuple[str, str]]) -> str:
    """Python and bash of a page in their order, with a mark after each block."""
    parts = ["import subprocess as _subprocess"]
    for language, text in page:
        if language == "bash":
            command = ["bash", "-euo", "pipefail", "-c", text]
            text = f"_subprocess.run({command!r}, check=True)"
        if language in ("python", "bash"):
            parts += [text, f"print({MARK!r}, flush=True)"]
    return "\n".join(parts)


def promised(page: list[tuple[str, str]]) -> list[str]:
    """Output that the page shows behind each block that runs; empty where none."""
    shown: list[str] = []
    for language, text in page:
        if language in ("python", "bash"):
            shown.append("")
        elif language == "text":
            shown[-1] = text
    return shown


def test_the_tutorial_runs_as_printed(tmp_path):
    program = tmp_path / "bin" / "pymo-bluesky"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pymo_bluesky "$@"\n')
    program.chmod(0o755)
    page = blocks(DOCS / "tutorial" / "first-scan.md")
    script = tmp_path / "tutorial.py"
    script.write_text(script_of(page))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYMO_CACHE": "",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    came = done.stdout.split(f"{MARK}\n")[:-1]
    wanted = promised(page)
    assert len(came) == len(wanted) > 8
    for got, want in zip(came, wanted, strict=True):
        assert not want or doctest.OutputChecker().check_output(want, got, TOLD), got


# ------------------------------------------------------------------------- what is made


def test_the_format_pages_say_what_the_tables_say():
    made = runpy.run_path(str(DOCS / "tools" / "formats.py"))["pages"]()
    assert len(made) == 3
    for path, text in made.items():
        assert path.read_text() == text, "run: python docs/tools/formats.py"


def test_there_is_a_format_page_for_each_layout_that_is_read():
    from pymo_bluesky.layouts.recognising import LAYOUTS

    pages = {page.stem for page in PAGES if page.stem.startswith("format-")}
    assert pages == {f"format-{layout.name}" for layout in LAYOUTS}


@pytest.mark.parametrize("module", ["pymo_bluesky", "pymo_bluesky.devices"])
def test_the_reference_has_every_public_name(module):
    page = {"pymo_bluesky": "api", "pymo_bluesky.devices": "api-devices"}[module]
    text = (DOCS / "reference" / f"{page}.md").read_text()
    told = set(re.findall(r"^::: ([\w.]+)$", text, re.M))
    public = importlib.import_module(module).__all__
    assert told >= {f"{module}.{name}" for name in public if name[0] != "_"}


# ----------------------------------------------------------------------------- the site


@pytest.mark.extras
def test_the_site_is_built_without_a_warning_and_without_a_network(tmp_path):
    needs("mkdocs", "docs")
    needs("mkdocstrings", "docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "https_proxy": "127.0.0.1:9"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert {name_of(page).replace(".md", ".html") for page in PAGES} <= made
    api = (tmp_path / "reference" / "api.html").read_text()
    assert "Base folder; made when the first run starts." in api
    loaded = (
        r'<(?:script|img|link)[^>]+(?:src|rel="stylesheet"[^>]+href)="(https?:[^"]+)'
    )
    assert not [
        found
        for page in made
        for found in re.findall(loaded, (tmp_path / page).read_text())
    ]


# A kernel is a process of its own; files, not ports, are between it and the test.
NOTEBOOK = """
import sys
import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip="kernel")
NotebookClient(notebook, km=kernel, timeout=600).execute()
kinds = [
    kind
    for cell in notebook.cells
    for output in cell.get("outputs", [])
    for kind in output.get("data", {})
]
print(kinds.count("image/png"), "pictures")
"""


@pytest.mark.extras
def test_the_notebook_runs(tmp_path):
    needs("nbclient", "docs")
    needs("ipykernel", "docs")
    path = DOCS / "tutorial" / "first-scan.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "i")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 pictures\n"
    assert list(tmp_path.glob("data/*/*/Dataset_*_001.h5"))


def test_the_notebook_is_kept_without_what_it_printed():
    notebook = json.loads((DOCS / "tutorial" / "first-scan.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 5
    assert not [cell for cell in cells if cell["outputs"] or cell["execution_count"]]


def test_the_architecture_names_what_there_is():
    text = (DOCS / "explanation" / "architecture.md").read_text()
    paths = set(re.findall(r"`((?:pymo_bluesky|docs|tests|devices)/[\w./]*)`", text))
    assert len(paths) > 10
    assert not [path for path in paths if not (ROOT / path).exists()]
    before = text.split("## What may know what")[0]
    modules = re.findall(r"`([a-z]+)`", before)
    assert len(modules) > 15
    package = {path.stem for path in (ROOT / "pymo_bluesky").iterdir()}
    assert set(modules) <= package
