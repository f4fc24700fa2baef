"""Optional packages and servers: skipped by name where missing, unless demanded."""

import importlib
import os
import shutil
from types import ModuleType
from typing import NoReturn

import pytest

REQUIRED = "PYMO_REQUIRE_EXTRAS"


def needs(module: str, extra: str) -> ModuleType:
    """Import `module`, or skip the tests that need it; `.ci/run` demands it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing(f'{module} ({error}): pip install "pymo-bluesky[{extra}]"')


def needs_program(name: str, package: str) -> str:
    """Find the program `name`, or skip the tests that need it."""
    found = shutil.which(name)
    if found is None:
        missing(f"the program {name}: apt-get install {package}")
    return found


def missing(what: str) -> NoReturn:
    """Say what is missing: a skip for a user, a failure where it is demanded."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"demanded by {REQUIRED}, but there is no {what}", pytrace=False)
    pytest.skip(f"there is no {what}", allow_module_level=True)
