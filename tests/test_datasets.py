"""Which file a run goes to, how files are named, and files that go on with others."""

import datetime
import doctest
import json
import os
import re
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import h5py
import pytest
from corpus import load, stream
from exactness import assert_same_documents
from specimens import of_version, unpacked
from unchanged import SEALED, changes, contents

from pymo_bluesky import PymodaqWriter, export, replay, verify
from pymo_bluesky.errors import FormatError, PymoError, WriteError

HERE = Path(__file__).parent
HOSTILE = json.loads((HERE / "names.json").read_text())["plan_name"] + [
    "\u2066evil\u2069",  # isolates, which turn the reading direction as well
    "\ud800",  # half a surrogate pair
    "\U0001d53b" * 300,  # four bytes each
    "x" * 10**5,
    "{sample}",
    "{start[uid]}",
    "../" * 50 + "etc",
    {"name": "../../x"},
    {"name": None},
    ["../x"],
    None,
]
NOON = datetime.datetime(2026, 3, 14, 12).timestamp()
A_RUN = stream("p02")


def run(uid="4b1d", time=NOON, **metadata):
    """The documents of a run that measures nothing."""
    start = {"uid": uid, "time": time, **metadata}
    stop = {"uid": f"end of {uid}", "run_start": uid, "time": time + 1}
    return [("start", start), ("stop", {**stop, "exit_status": "success"})]


def write(writer, *runs):
    for documents in runs:
        for name, doc in documents:
            writer(name, doc)


def written(writer) -> list[str]:
    """Dataset and scan of each run, in their order."""
    return [f"{path.name} {writer.scans[u]}" for u, path in writer.paths.items()]


def datasets(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*.h5") if path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in files)


@pytest.fixture(params=["Pacific/Auckland", "America/Los_Angeles"])
def zone(request, monkeypatch):
    """A place far from Greenwich, where days begin at other times."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# ------------------------------------------------------------- when a dataset begins


def test_a_day_of_runs_is_one_dataset(tmp_path):
    with PymodaqWriter(tmp_path) as writer:
        write(writer, run("a"), run("b", NOON + 60), run("c", NOON + 3600))
    assert datasets(tmp_path) == ["2026/20260314/Dataset_20260314_000.h5"]
    assert list(writer.scans.values()) == ["Scan000", "Scan001", "Scan002"]


def test_a_day_begins_at_local_midnight(zone, tmp_path):
    midnight = datetime.datetime(2026, 3, 15).timestamp()
    last, next_, first = (
        run("last", midnight - 2),
        run("next", midnight - 1),
        run("first", midnight + 1),
    )
    with PymodaqWriter(tmp_path) as writer:
        write(writer, last, next_[:1], first, next_[1:])
    assert written(writer) == [
        "Dataset_20260314_000.h5 Scan000",
        "Dataset_20260314_000.h5 Scan001",  # it began before midnight, and stays
        "Dataset_20260315_000.h5 Scan000",
    ]
    assert datasets(tmp_path)[1] == "2026/20260315/Dataset_20260315_000.h5"


def test_never_means_that_days_do_not_matter(tmp_path):
    with PymodaqWriter(tmp_path, renew="never") as writer:
        write(writer, run("a"), run("b", NOON + 10 * 86400))
    assert datasets(tmp_path) == ["2026/20260314/Dataset_20260314_000.h5"]


def test_each_run_has_a_dataset_of_its_own(tmp_path):
    outer, inner = run("outer"), run("inner")
    with PymodaqWriter(tmp_path, renew="run") as writer:
        write(writer, outer[:1], inner, outer[1:])
    assert written(writer) == [
        "Dataset_20260314_000.h5 Scan000",
        "Dataset_20260314_001.h5 Scan000",
    ]


def test_a_dataset_that_is_large_gets_no_more_scans(tmp_path):
    with PymodaqWriter(tmp_path) as writer:
        write(writer, run("a"))
    # Twice the same run is some bytes more or less: when it was written is packed, too.
    size = writer.path.stat().st_size * 1.25
    with PymodaqWriter(tmp_path / "b", max_bytes=int(size)) as writer:
        write(writer, run("a"), run("b"), run("c"))
    assert written(writer) == [
        "Dataset_20260314_000.h5 Scan000",
        "Dataset_20260314_000.h5 Scan001",
        "Dataset_20260314_001.h5 Scan000",
    ]


def test_a_user_begins_a_new_dataset(tmp_path):
    outer = run("outer")
    with PymodaqWriter(tmp_path) as writer:
        write(writer, run("a"), outer[:1])
        writer.new_dataset()
        write(writer, run("b"), outer[1:])
    assert written(writer) == [
        "Dataset_20260314_000.h5 Scan000",
        "Dataset_20260314_000.h5 Scan001",  # it was under way, and stays
        "Dataset_20260314_001.h5 Scan000",
    ]


def test_numbers_go_on_behind_the_last_as_in_pymodaq(tmp_path):
    (tmp_path / "Scans_002.h5").write_bytes(b"somebody's")
    (tmp_path / "Scans_999999999999.h5").write_bytes(b"not a number of ours")
    with PymodaqWriter(tmp_path, template="Scans", renew="run") as writer:
        write(writer, run("a"), run("b"))
    assert [path.name for path in writer.paths.values()] == [
        "Scans_003.h5",
        "Scans_004.h5",
    ]
    assert (tmp_path / "Scans_002.h5").read_bytes() == b"somebody's"


def test_programs_that_begin_at_once_get_numbers_of_their_own(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from pymo_bluesky import PymodaqWriter
writer = PymodaqWriter({str(tmp_path)!r}, renew="run", template="all")
Path({str(tmp_path)!r}, f"{{sys.argv[1]}}.ready").touch()
while not Path({str(tmp_path)!r}, "go").exists():
    time.sleep(0.001)
for number in range(8):
    uid = f"{{sys.argv[1]}}-{{number}}"
    writer("start", {{"uid": uid, "time": {NOON}}})
    writer("stop", {{"uid": "end", "run_start": uid, "time": {NOON}}})
"""
    programs = [
        subprocess.Popen([sys.executable, "-c", code, name], cwd=HERE.parent)
        for name in ("one", "two", "three")
    ]
    while len(list(tmp_path.glob("*.ready"))) < len(programs):
        assert all(program.poll() is None for program in programs)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    assert [program.wait(60) for program in programs] == [0, 0, 0]
    assert datasets(tmp_path) == [f"all_{n:03d}.h5" for n in range(24)]
    uids = {next(replay(tmp_path / name))[1]["uid"] for name in datasets(tmp_path)}
    assert len(uids) == 24


def test_a_dataset_that_vanished_is_begun_anew(tmp_path):
    with PymodaqWriter(tmp_path) as writer:
        write(writer, run("a"))
        writer.path.unlink()
        write(writer, run("b"))
    assert datasets(tmp_path) == ["2026/20260314/Dataset_20260314_000.h5"]


# ------------------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{year}/{date}/Dataset_{date}", "2026/20260314/Dataset_20260314"),
        ("{time}", "12_00_00"),
        ("{plan_name}_{scan_id}", "grid_scan_7"),
        ("{sample}/{uid}", "Si wafer/4b1d"),
        ("{start[sample]}-{start[operator]}", "Si wafer-Ada"),
        ("{start[date]}", "Tuesday"),
        ("{proposal}_{nothing}", "none_none"),
    ],
)
def test_a_template_names_the_dataset(template, name, tmp_path):
    documents = run(
        plan_name="grid_scan",
        scan_id=7,
        sample={"name": "Si wafer", "thickness": 0.5},
        operator="Ada",
        date="Tuesday",
        proposal=None,
    )
    with PymodaqWriter(tmp_path, template=template) as writer:
        write(writer, documents)
    assert datasets(tmp_path) == [f"{name}_000.h5"]


@pytest.mark.parametrize(
    "template",
    [
        "/tmp/{date}",
        "../{date}",
        "{date}/..",
        "",
        "{date",
        "{0.__init__}",
        "{date!r}",
        "{date:>10}",
        "{uid[0]}",
        "{start[a][b]}",
    ],
)
def test_a_template_that_is_none_is_told_at_once(template, tmp_path):
    with pytest.raises(PymoError, match=re.escape(repr(template))):
        PymodaqWriter(tmp_path, template=template)
    with pytest.raises(PymoError, match="renew='hour'"):
        PymodaqWriter(tmp_path, renew="hour")


FIELDS = ("uid", "plan_name", "sample", "scan_id", "note")


def assert_harmless(folder: Path) -> None:
    """Whatever lies below a folder has a name that every program can bear."""
    for path in folder.rglob("*"):
        name = path.name
        assert len(os.fsencode(name)) <= 255 - len(".undo.draft")
        assert all(c.isprintable() and c not in '/\\:*?"<>|' for c in name)
        classes = {unicodedata.bidirectional(c) for c in name}
        assert not classes & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "PDI"}
        assert name[0] not in " .-~"
        assert name == name.rstrip(" .")
        assert name.split(".")[0].upper() not in {"CON", "NUL"}


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:20])
def test_what_a_document_says_leads_nowhere(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("untouched")
    folder = tmp_path / "data"
    template = "/".join(f"{{{field}}}" for field in FIELDS) + "/{start[note]}_{date}"
    for number in range(2):
        documents = run(str(value), number=number, **dict.fromkeys(FIELDS[1:], value))
        with PymodaqWriter(folder, template=template) as writer:
            write(writer, documents)
        assert_same_documents(documents, replay(writer.path))
        prefix = f"{{start[{FIELDS[number]}]}}-{{start[number]}}"
        (path,) = export(documents, folder, prefix)["pymodaq"]
        assert_same_documents(documents, replay(path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "secret"]
    assert (tmp_path / "secret").read_text() == "untouched"
    assert len(datasets(folder)) == 4
    assert_harmless(folder)


def test_a_file_prefix_is_plain_text_with_fields(tmp_path):
    documents = run(plan_name="count", scan_id=7)
    for prefix, name in [
        ("{uid}", "4b1d"),
        ("{start[plan_name]}-{start[scan_id]}-", "count-7"),
        ("../a/b", "a_b"),
    ]:
        assert export(documents, tmp_path, prefix) == {
            "pymodaq": [str(tmp_path / f"{name}.h5")]
        }


@pytest.mark.parametrize(
    "prefix", ["{start[sample]}", "{uid.__class__}", "{uid!r}", "{}", "..", ""]
)
def test_a_file_prefix_that_says_nothing_is_refused(prefix, tmp_path):
    with pytest.raises(PymoError, match=re.escape(repr(prefix))):
        export(run(), tmp_path, prefix)
    assert not list(tmp_path.iterdir())


def test_an_export_replaces_no_file(tmp_path):
    (tmp_path / "4b1d.h5").write_bytes(b"somebody's")
    with pytest.raises(WriteError, match="not replaced"):
        export(run(), tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"somebody's"]


# ------------------------------------------------------------------ going on with one


def raw_of(found: Iterable[str]) -> str:
    """The group of all scans, which older PyMoDAQs name another way."""
    (name,) = {"/RawData", "/Raw_datas"} & {*found}
    return name


@pytest.mark.parametrize("layout", ["pymodaq5", "pymodaq3"])
def test_a_dataset_of_ours_goes_on_in_its_own_layout(layout, tmp_path):
    documents = load(stream("p05"))
    (path,) = export(documents, tmp_path, "first", layout=layout)["pymodaq"]
    before = contents(Path(path))
    with PymodaqWriter(tmp_path / "others", append_to=path) as writer:
        write(writer, load(A_RUN))
    assert writer.layout.name == layout
    assert written(writer) == ["first.h5 Scan001"]
    (listed,) = changes(before, contents(writer.path))
    assert listed == f"{raw_of(before)}@{SEALED}"
    assert not verify(path)
    assert_same_documents([*documents, *load(A_RUN)], replay(path))
    assert not (tmp_path / "others").exists()


@pytest.mark.parametrize("specimen", of_version("2", "3", "4", "5"))
def test_a_dataset_of_pymodaq_goes_on(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    before, replayed = contents(path), list(replay(path))
    scans = [name for name in before if re.fullmatch(r"/Raw_?[Dd]atas?/Scan\d+", name)]
    first = load(A_RUN)
    second = run(time=first[0][1]["time"])
    with PymodaqWriter(tmp_path / "others", append_to=path) as writer:
        write(writer, first, second)
    assert written(writer) == [
        f"{path.name} Scan{len(scans):03d}",
        f"{path.name} Scan{len(scans) + 1:03d}",
    ]
    expected = {f"{raw_of(before)}@{SEALED}"}
    if specimen.startswith(("4", "5")):
        root = before["/"].attributes
        expected |= {"/@swmr_compatible"} - {f"/@{name}" for name in root}
        expected |= {"/@swmr_active"} & {f"/@{name}" for name in root}
    assert set(changes(before, contents(path))) == expected
    # A viewer's run lies where our scans come in; neither their digest nor their
    # thumbnails are of it.
    assert_same_documents(replayed, list(replay(path))[: len(replayed)])
    for scan, documents in ((-2, first), (-1, second)):
        assert_same_documents(documents, replay(path, scan=scan))


def test_the_bool_that_crashes_pytables_is_rewritten(tmp_path):
    path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
    before = contents(path)["/"].attributes
    assert before["swmr_active"].text == "True"
    with PymodaqWriter(tmp_path, append_to=path) as writer:
        write(writer, load(A_RUN))
    after = contents(path)["/"].attributes
    assert after["swmr_active"].text == "False"
    assert after["swmr_compatible"] == before["swmr_compatible"]


@pytest.mark.parametrize(
    ("specimen", "warned"),
    [
        ("4.4.11/scan2d", True),
        ("5.3.8/tables/scan_multi", True),
        ("5.3.8/h5py/scan2d", True),
        ("5.3.8/h5py_swmr/scan1d", False),
        ("3.6.13/tabular", False),  # no PyMoDAQ 5 adds scans to that
    ],
)
def test_where_pymodaqs_default_saver_will_refuse_is_told(
    specimen, warned, tmp_path, caplog
):
    path = unpacked(specimen, tmp_path)
    PymodaqWriter(tmp_path, append_to=path)
    assert ("'Enable SWMR' is off" in caplog.text) is warned
    # Our own append does not make the warning go away, as it does not cure the cause.
    with PymodaqWriter(tmp_path, append_to=path) as writer:
        write(writer, run())
    caplog.clear()
    PymodaqWriter(tmp_path, append_to=path)
    assert ("'Enable SWMR' is off" in caplog.text) is warned


@pytest.mark.parametrize("specimen", of_version("1"))
def test_a_dataset_before_json_attributes_is_refused(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    before = path.read_bytes()
    with pytest.raises(FormatError, match="Begin a new dataset"):
        PymodaqWriter(tmp_path, append_to=path)
    assert path.read_bytes() == before


def test_what_is_no_dataset_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["RawDatas"] = 1.0
    for name, expected in [
        ("text.h5", "cannot be opened as HDF5"),
        ("other.h5", "no PyMoDAQ dataset"),
        ("absent.h5", "no file"),
    ]:
        with pytest.raises(PymoError, match=expected):
            PymodaqWriter(tmp_path, append_to=tmp_path / name)
    with pytest.raises(PymoError, match="leave one of them away"):
        PymodaqWriter(tmp_path, append_to=tmp_path / "x.h5", renew="run")


@pytest.mark.parametrize("swmr", [False, True], ids=["locked", "SWMR"])
def test_a_dataset_that_pymodaq_has_open_is_left_alone(swmr, tmp_path, caplog):
    (path,) = export(load(stream("p05")), tmp_path, "first")["pymodaq"]
    options = {"lock_timeout": 0.1, "template": "next"}
    with PymodaqWriter(tmp_path, append_to=path, **options) as writer:
        start, *others = load(A_RUN)
        write(writer, [start])
        with h5py.File(path, "r+", libver="latest") as file:
            # SWMR gives up HDF5's lock: only the mark in the superblock tells of it.
            if swmr:
                file.swmr_mode = True
            before = Path(path).read_bytes()
            write(writer, others)
            assert Path(path).read_bytes() == before
        assert written(writer) == ["next_000.h5 Scan000"]
        assert "goes to a new dataset" in caplog.text
        write(writer, run("later", start[1]["time"]))
    assert written(writer)[1] == "next_000.h5 Scan001"


def test_one_run_per_dataset_holds_when_a_dataset_is_busy(tmp_path):
    documents = load(A_RUN)
    options = {"renew": "run", "template": "all", "lock_timeout": 0.0}
    with PymodaqWriter(tmp_path, **options) as writer:
        write(writer, documents[:1], run("inner")[:1])
        with h5py.File(tmp_path / "all_000.h5", "r"):
            write(writer, documents[1:])
            assert len(writer.scans) == 1  # which waits until it is in a dataset
        write(writer, run("inner")[1:])
    assert written(writer) == ["all_002.h5 Scan000", "all_001.h5 Scan000"]


def test_a_long_name_that_a_user_chose_is_no_obstacle(tmp_path):
    (path,) = export(run("first"), tmp_path)["pymodaq"]
    long = Path(path).rename(tmp_path / f"{'é' * 115}.h5")
    with PymodaqWriter(tmp_path, append_to=long) as writer:
        write(writer, run("x" * 300))
    assert list(writer.scans.values()) == ["Scan001"]


def test_an_export_that_another_program_holds_says_so(tmp_path):
    def documents():
        yield from run()[:1]
        (draft,) = tmp_path.rglob("*.h5")
        with h5py.File(draft, "r"):
            yield from run()[1:]

    with pytest.raises(WriteError, match="Export again"):
        export(documents(), tmp_path, lock_timeout=0.0)
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------- page


def test_the_page_on_datasets_does_what_it_says(tmp_path, monkeypatch):
    page = HERE.parent / "docs" / "how-to" / "datasets.md"
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```\w*$", "", page.read_text(), flags=re.M)
    parsed = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(parsed.examples) > 15
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(parsed).failed == 0
