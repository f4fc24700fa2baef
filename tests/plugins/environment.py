"""The environment that has PyMoDAQ's plugins and Qt; knows no test."""

import os
from pathlib import Path

import pytest
from extras import REQUIRED, missing
from oracle.environments import PLUGINS, OracleMissingError, python_of, scratch_env

ROOT = Path(__file__).parents[2]


def plugins_python(home: Path) -> Path:
    """The Python of the environment; built when it is demanded, else skipped by name.

    It is half a gigabyte: an ordinary run of the tests does not download it.
    """
    if not os.environ.get(PLUGINS.override) and not os.environ.get(REQUIRED):
        pytest.skip(
            f"no environment with PyMoDAQ's plugins: {PLUGINS.override} names the "
            f'Python of one (pip install -e ".[test,pymodaq]" pymodaq-plugins-mock '
            f"pymodaq-plugins-mockexamples), or {REQUIRED}=1 builds it"
        )
    try:
        return python_of(PLUGINS, home)
    except OracleMissingError as error:
        missing(f"environment with PyMoDAQ's plugins: {error}")


def plugins_env(home: Path, **more: str) -> dict[str, str]:
    """Environment variables for a process in it: this checkout, no screen, no home."""
    return {
        **scratch_env(home),
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "agg",
        **more,
    }
