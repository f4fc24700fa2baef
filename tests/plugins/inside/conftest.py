"""A home, plugins that fail, a RunEngine; each module runs in a process of its own."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import event_model
import pytest
from bluesky import RunEngine
from ophyd import Device

from pymo_bluesky.devices.plugins import PluginActuator, PluginDetector

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def faulty_plugins(tmp_path_factory) -> None:
    """Declare `pymodaq_plugins_faulty` as an installed package does."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "pymodaq_plugins_faulty-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: pymodaq_plugins_faulty\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(
        "[pymodaq.instruments]\nfaulty = pymodaq_plugins_faulty\n"
    )
    sys.path[:0] = [str(folder), str(HERE)]
    importlib.invalidate_caches()


@dataclass(eq=False)  # the dispatcher wants it hashable
class Run:
    """The documents of all runs, each validated against event-model's schema."""

    documents: list[tuple[str, dict]] = field(default_factory=list)

    def __call__(self, name: str, doc: dict) -> None:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)
        self.documents.append((name, doc))

    def of(self, kind: str) -> list[dict]:
        return [doc for name, doc in self.documents if name == kind]

    @property
    def keys(self) -> dict:
        return self.of("descriptor")[-1]["data_keys"]

    def configuration(self, device: str) -> dict:
        return self.of("descriptor")[-1]["configuration"][device]

    def column(self, key: str) -> list:
        return [event["data"][key] for event in self.of("event")]


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def engine(run: Run) -> RunEngine:
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(run)
    return engine


@pytest.fixture
def build() -> Iterator[Callable[..., Device]]:
    """Build plugin devices, that are closed whatever happens."""
    built: list[Device] = []

    def make(plugin: str, **options) -> Device:
        cls = PluginDetector if "Viewer" in plugin else PluginActuator
        built.append(cls(plugin, **options))
        return built[-1]

    yield make
    for device in reversed(built):
        device.close()
