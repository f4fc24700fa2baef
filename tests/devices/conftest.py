"""A RunEngine that keeps its documents, and a lab that is in a hurry."""

from collections.abc import Callable
from dataclasses import dataclass, field

import event_model
import pytest
from bluesky import RunEngine
from ophyd import Device

from pymo_bluesky.devices.simulated_lab import simulated_lab

FAST = {"velocity": 1e4}


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
    def descriptor(self) -> dict:
        (descriptor,) = self.of("descriptor")
        return descriptor

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


@pytest.fixture(scope="session")
def make_lab() -> Callable[..., dict[str, Device]]:
    """Build the simulated lab, without exposure times unless they are given."""
    return _make_lab


def _make_lab(**options) -> dict[str, Device]:
    options.setdefault("actuators", {"x": FAST, "y": FAST, "power": FAST})
    for name in ("photodiode", "spectrometer", "camera"):
        options[name] = {"exposure": 0.0, **options.get(name, {})}
    return {device.name: device for device in simulated_lab(**options)}


@pytest.fixture
def lab() -> dict[str, Device]:
    return _make_lab(
        spectrometer={"rois": [{"position": [620, 640], "math_function": "sum"}]},
        camera={
            "rois": [
                {"position": [0, 0], "size": [100, 60]},
                {"type": "EllipseROI", "position": [50, 20], "size": [80, 80]},
            ]
        },
    )
