"""databroker 1.2.5, the real package, on a folder of our files and of old ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import load, stream
from extras import missing
from specimens import unpacked

from pymo_bluesky import export, open_catalog
from pymo_bluesky.errors import MissingExtraError

OURS = ("p01", "p05", "p13", "p18", "p26")
OLD = (
    *("1.4.2/dataset_scans", "2.2.6/scan2D_stopped", "3.6.13/tabular"),
    *("4.4.11/scan2d", "5.3.8/h5py_swmr/scan1d", "5.3.8/h5py_swmr/logger"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    for name in OURS:
        export(load(stream(name)), folder / "ours", name)
    for specimen in OLD:
        unpacked(specimen, folder)
    return folder


@pytest.fixture(scope="module")
def told(data, tmp_path_factory) -> dict:
    """What databroker says of them."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import databroker.core"],
        capture_output=True,
        text=True,
    )
    if found.returncode:
        missing("databroker 1.2.5: pip install 'pymo-bluesky[databroker]'")
    home = tmp_path_factory.mktemp("home")
    script = Path(__file__).with_name("old_script.py")
    done = subprocess.run(
        [sys.executable, str(script), str(home), str(data)],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.extras
class TestDatabroker:
    def test_the_driver_is_found_by_its_entry_point(self, told):
        assert told["listed"]

    def test_every_run_is_there(self, told, data):
        runs = list(open_catalog(data))
        assert told["length"] == len(runs) == len(told["runs"])
        assert told["latest"] == [runs[-1].uid] * 3
        for run in runs:
            about = told["runs"][run.uid]
            assert (about["name"], about["scan"]) == (run.path.name, run.scan)
            assert about["start"] == run.uid
            assert about["stop"] == run.about.status

    def test_tables_have_the_events_of_each_stream(self, told, data):
        for run in open_catalog(data):
            about = told["runs"][run.uid]["streams"]
            assert set(about) == set(run.streams)
            documents = list(run.documents())
            for name, table in about.items():
                descriptors = {
                    doc["uid"]: doc
                    for kind, doc in documents
                    if kind == "descriptor" and doc["name"] == name
                }
                events = [
                    doc
                    for kind, doc in documents
                    if kind == "event" and doc["descriptor"] in descriptors
                ]
                assert table["rows"] == len(events)
                assert table["sizes"].get("time") == len(events)
                keys = {key for doc in events for key in doc["data"]}
                assert not events or set(table["columns"]) == {"time"} | keys

    def test_places_numbers_and_beginnings_of_uids(self, told):
        assert told["partial"]
        assert told["scan_id"] == 1
        assert told["missing"] == {
            "nowhere": "KeyError",
            "99999": "KeyError",
            "-99999": "IndexError",
        }

    def test_queries(self, told, data):
        catalog = open_catalog(data)
        maps = [run.about.plan for run in catalog]
        wanted = sorted(p for p in maps if p in ("Scan2D", "grid_scan"))
        assert sorted(told["maps"]) == wanted
        assert told["called"] == ["Scan2D"] * maps.count("Scan2D")
        assert told["searched twice"] == maps.count("Scan2D")

    def test_times(self, told, data):
        catalog = open_catalog(data)
        assert told["since"] == [len(catalog.search(since="2010")), 0]
        assert told["time range"] == told["since"][0]

    def test_documents(self, told):
        assert told["documents"][0] == "start"
        assert told["documents"][-1] == "stop"
        assert "descriptor" in told["documents"]


def test_without_databroker_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "databroker", None)
    monkeypatch.setitem(sys.modules, "databroker.core", None)
    monkeypatch.delitem(sys.modules, "pymo_bluesky.intake", raising=False)
    with pytest.raises(MissingExtraError, match=r"pymo-bluesky\[databroker\]"):
        __import__("pymo_bluesky.intake")
