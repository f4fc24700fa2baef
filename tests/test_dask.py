"""Scans as lazy arrays: the same numbers, read only when they are needed."""

import os
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from extras import needs
from specimens import unpacked

from pymo_bluesky import PymodaqWriter, PymoError, open_dataset

pytestmark = pytest.mark.extras
needs("dask.array", "dask")
needs("distributed", "dask")

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "xarray-dask.md"


@pytest.mark.parametrize("chunks", ["auto", {"Xaxis": 2}, 3])
def test_lazy_values_are_the_same(tmp_path, chunks):
    scan = open_dataset(unpacked("5.3.8/h5py_swmr/scan2d_aborted", tmp_path)).scans[0]
    lazy = scan.to_xarray(chunks=chunks)

    assert all(variable.chunks for variable in lazy.data_vars.values())
    assert lazy.compute().identical(scan.to_xarray())


def test_nothing_is_read_before_it_is_needed(tmp_path):
    path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
    lazy = open_dataset(path).scans[0].to_xarray(chunks={"Xaxis": 1})
    path.unlink()

    with pytest.raises(PymoError, match="there is no file"):
        lazy["spec"].compute()


def test_attributes_go_into_a_netcdf(tmp_path):
    data = open_dataset(unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)).scans[0]
    attributes = data.to_xarray(chunks="auto").attrs

    assert attributes["scan"] == "Scan000"
    assert {type(value) for value in attributes.values()} <= {str, int, float}


def test_a_copy_for_another_process_opens_the_file_itself(tmp_path, monkeypatch):
    path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
    monkeypatch.chdir(tmp_path)
    with open_dataset(path.name) as dataset:
        array = dataset.scans[0].trunk.detectors[-1].channels[0].arrays[0].data
        values = array[()]
        sent = deepcopy(array)  # by the state that pickle takes

    monkeypatch.chdir("/")  # where the worker runs
    assert np.array_equal(sent[()], values)


def test_the_example_of_the_documentation_runs(tmp_path):
    import bluesky.plans as bp
    from bluesky import RunEngine

    from pymo_bluesky import load_devices

    lab, engine = load_devices("simulated_lab"), RunEngine()
    with PymodaqWriter(tmp_path / "data") as writer:
        engine.subscribe(writer)
        for _ in range(2):
            engine(bp.grid_scan([lab.spectrometer], lab.y, -1, 1, 2, lab.x, -1, 1, 2))
    script = tmp_path / "mean_spectra.py"
    script.write_text(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)[-1])
    paths = [str(PAGE.parents[2]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^\w{8}  peak at 6\d\d", done.stdout, re.M)) == 2
