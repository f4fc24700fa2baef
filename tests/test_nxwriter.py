"""What old files replay as, apstools' NXWriter makes a NeXus file of."""

import h5py
import numpy as np
import pytest
from extras import needs
from specimens import SPECIMENS, unpacked

from pymo_bluesky import replay

pytestmark = [
    pytest.mark.extras,
    # apstools and what it imports warn of what they use themselves.
    pytest.mark.filterwarnings("default"),
]
# It makes a file of runs with events in a primary stream only; a logger's channels
# are streams of their own.
WITHOUT = {"1.6.4/viewer_continuous_Det0D", "4.4.11/logger", "5.3.8/h5py_swmr/logger"}
STREAM = "entry/instrument/bluesky/streams/primary"


def runs_of(path):
    """Documents of each run that has events."""
    runs = []
    for name, doc in replay(path):
        if name == "start":
            runs.append([])
        runs[-1].append((name, doc))
    return [run for run in runs if any(name == "event" for name, _ in run)]


def primary_rows(run):
    (about,) = (d for n, d in run if n == "descriptor" and d["name"] == "primary")
    rows = [d for n, d in run if n == "event" and d["descriptor"] == about["uid"]]
    return about["data_keys"], rows


@pytest.mark.parametrize("specimen", [s for s in SPECIMENS if s not in WITHOUT])
def test_values_axes_and_signal_are_those_of_the_replay(specimen, tmp_path):
    needs("apstools", "test-hardware")
    from apstools.callbacks import NXWriter

    for number, run in enumerate(runs_of(unpacked(specimen, tmp_path))):
        writer = NXWriter()
        writer.warn_on_missing_content = False
        writer.file_name = str(tmp_path / f"{number}.hdf")
        for name, doc in run:
            writer.receiver(name, doc)
        writer.wait_writer()
        keys, rows = primary_rows(run)
        start = run[0][1]
        with h5py.File(writer.file_name) as file:
            for key in keys:
                written = file[f"{STREAM}/{key}/value"][()]
                np.testing.assert_array_equal(written, [r["data"][key] for r in rows])
            plotted = file["entry/data"].attrs
            assert plotted["signal"] in keys
            assert set(plotted.get("axes", ())) <= {"EPOCH", *start.get("motors", ())}
