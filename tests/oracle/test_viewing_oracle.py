"""Thumbnails and plots for NeXus disturb no PyMoDAQ; its browser shows the former."""

from pathlib import Path

import pytest
from corpus import load, stream
from exactness import assert_same_documents
from oracle.judge import BACKENDS, WAYS, check

from pymo_bluesky import PymodaqWriter, export, open_dataset, replay, verify

pytestmark = pytest.mark.oracle

RUNS = ("p01", "p05", "p08", "p11", "p13", "p32")
"""A series, a grid, points on a plane, spectra and frames, streams, odd dtypes."""


def written(folder: Path, layout: str, *names: str) -> Path:
    documents = [item for name in names for item in load(stream(name))]
    (path,) = export(documents, folder, layout, layout=layout, nexus=True)["pymodaq"]
    return Path(path)


@pytest.mark.slow
def test_pymodaq_5_reads_all_scans_beside_their_plots(pymodaq5, tmp_path):
    path = written(tmp_path, "pymodaq5", *RUNS)
    for backend in BACKENDS:
        for how in WAYS:
            verdict = check(pymodaq5, path, backend, how)
            paths = [node["path"] for node in verdict["nodes"]]
            assert any(name.startswith("/entry/") for name in paths)
            assert any(name.startswith("/RawData/Scan005/") for name in paths)


def test_pymodaq_36_reads_all_scans_beside_their_plots(pymodaq36, tmp_path):
    verdict = pymodaq36.check(written(tmp_path, "pymodaq3", *RUNS))
    assert any("/Scan005/" in node["path"] for node in verdict["nodes"])


def test_the_browser_shows_thumbnails_at_scans_and_detectors(h5browser, tmp_path):
    path = written(tmp_path, "pymodaq5", "p11")
    expected: dict[str, int] = {}
    for scan in open_dataset(path).scans:
        for name in scan.pictures:
            node = name.rpartition("/")[0]
            expected[node] = expected.get(node, 0) + 1
    assert len(expected) == 2
    verdict = h5browser.check(path)
    shown = {n["path"]: n["pictures"] for n in verdict["nodes"] if n["pictures"]}
    assert {name: len(sizes) for name, sizes in shown.items()} == expected
    assert all(max(size) == 100 for sizes in shown.values() for size in sizes)


@pytest.mark.parametrize(
    "saver",
    ["default", *(pytest.param(s, marks=pytest.mark.slow) for s in ("h5py", "tables"))],
)
def test_pymodaq_goes_on_with_it_and_so_do_we(
    saver, pymodaq5_saver, pymodaq5, tmp_path
):
    path = written(tmp_path, "pymodaq5", "p05")
    verdict = pymodaq5_saver.check(path, "--saver", saver)
    assert verdict["scan"] == "/RawData/Scan001"
    with PymodaqWriter(tmp_path / "other", nexus=True, append_to=path) as writer:
        for document in load(stream("p08")):
            writer(*document)
    assert list(writer.scans.values()) == ["Scan002"]
    assert [p for p in verify(path) if p.severity == "error"] == []
    assert_same_documents(load(stream("p05")), replay(path, scan="Scan000"))
    assert_same_documents(load(stream("p08")), replay(path, scan="Scan002"))
    for backend in BACKENDS:
        check(pymodaq5, path, backend)
    verdict = pymodaq5_saver.check(path, "--saver", saver)
    assert verdict["scan"] == "/RawData/Scan003"
    assert [p for p in verify(path) if p.severity == "error"] == []
