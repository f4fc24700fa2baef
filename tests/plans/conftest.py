"""The simulated lab in a hurry, a RunEngine, and a writer that keeps its datasets."""

from collections.abc import Callable
from typing import Any

import pytest
from bluesky import RunEngine
from devices.conftest import _make_lab

from pymo_bluesky import PymodaqWriter, open_dataset


class Session:
    """What a user has: an engine, a writer, a lab; and what the last run became."""

    def __init__(self, folder) -> None:
        self.engine = RunEngine({}, context_managers=[])
        self.writer = PymodaqWriter(folder, renew="never")
        self.documents: list[tuple[str, dict]] = []
        self.lab = _make_lab()
        self.engine.subscribe(self.writer)
        self.engine.subscribe(lambda name, doc: self.documents.append((name, doc)))

    def __getattr__(self, name: str) -> Any:
        return self.lab[name]

    @property
    def start(self) -> dict:
        return [doc for name, doc in self.documents if name == "start"][-1]

    def scan(self):
        return open_dataset(self.writer.path).scans[-1]

    def run(self, plan):
        self.engine(plan)
        return self.scan()


@pytest.fixture
def session(tmp_path) -> Session:
    made = Session(tmp_path / "data")
    yield made
    made.writer.close()


@pytest.fixture
def values() -> Callable:
    """The values of an array of a scan, by its label."""

    def of(scan, label):
        modules = [*scan.actuators, *scan.detectors]
        (found,) = [m.arrays[label] for m in modules if label in m.arrays]
        return found.data[...]

    return of
