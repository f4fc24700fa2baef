"""What users may rely on: names and their parameters, as `public_api.txt` has them.

Whoever changes one on purpose runs ``python tests/test_public_api.py``, and the change
is seen where the text is.
"""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import pymo_bluesky

ROOT = Path(__file__).parents[1]
FROZEN = Path(__file__).with_name("public_api.txt")
OPHYDS = {"component_names", "subscriptions"}
MODULES = ("pymo_bluesky", "pymo_bluesky.devices", "pymo_bluesky.plans")


def told(name: str, value: object) -> list[str]:
    """A name with its parameters and, of a class, its public members."""
    if not callable(value):
        return [name]
    if inspect.isclass(value) and issubclass(value, Exception):
        return [f"{name}: an error"]
    lines = [f"{name}({', '.join(parameters(value))})"]
    if inspect.isclass(value):
        own = value.__module__.split(".")[0] == "pymo_bluesky"
        public = {member for member in vars(value) if not member.startswith("_")}
        members = sorted(public - OPHYDS) if own else []
        lines += [f"    .{member}" for member in members]
    return lines


def parameters(value) -> list[str]:
    """Names of parameters; ``=`` stands for a default."""
    try:
        signature = inspect.signature(value)
    except ValueError:  # a NewType or alias
        return ["..."]
    marks = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    shown, keywords = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            shown.append("*")
        keywords = keywords or parameter.kind is parameter.VAR_POSITIONAL
        default = "" if parameter.default is parameter.empty else "="
        shown.append(f"{marks.get(parameter.kind, '')}{parameter.name}{default}")
    return shown


def listing(module_name: str) -> list[str]:
    module = importlib.import_module(module_name)
    return [
        line
        for name in sorted(module.__all__)
        for line in told(name, getattr(module, name))
    ]


def frozen() -> dict[str, list[str]]:
    sections = re.split(r"^\[(.+)\]\n", FROZEN.read_text(), flags=re.M)[1:]
    return {
        name: text.rstrip().splitlines()
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }


@pytest.mark.parametrize("module", frozen())
def test_the_public_api_is_what_it_was(module):
    changed = set(listing(module)) ^ set(frozen()[module])
    assert not changed, "on purpose? then run: python tests/test_public_api.py"
    assert listing(module) == frozen()[module]


@pytest.mark.parametrize("module", frozen())
def test_public_names_are_told_what_they_are(module):
    home = importlib.import_module(module)
    silent = [
        name
        for name in home.__all__
        if callable(getattr(home, name)) and not inspect.getdoc(getattr(home, name))
    ]
    assert not silent


def test_all_that_is_public_is_frozen():
    assert set(MODULES) == set(frozen())


def test_type_checkers_are_told_of_the_types():
    assert (ROOT / "pymo_bluesky" / "py.typed").exists()


def test_the_citation_is_of_this_version():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == pymo_bluesky.__version__
    assert citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    for reference in citation["references"]:
        assert re.fullmatch(r"10\.\d{4}/\S+", reference["doi"])


def freeze() -> None:
    """Write what is public now."""
    sections = ["\n".join([f"[{name}]", *listing(name), ""]) for name in MODULES]
    FROZEN.write_text("\n".join(sections))


if __name__ == "__main__":
    freeze()
