"""ophyd-async's simulated devices, as a lab declares them; knows no test."""

from pathlib import Path

from ophyd_async.core import StaticPathProvider, UUIDFilenameProvider
from ophyd_async.sim import PatternGenerator, SimBlobDetector


def blob(name: str, folder: str) -> SimBlobDetector:
    """A detector that writes its images into files of its own, in `folder`."""
    where = StaticPathProvider(UUIDFilenameProvider(), Path(folder))
    return SimBlobDetector(where, PatternGenerator(), name=name)
