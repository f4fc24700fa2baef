"""What the reader gives of real files equals what was fed to the programs that wrote
them: every array, axis, unit, position, ROI, setting and log line that was noted.

Each specimen has a truth beside it, noted while the real program ran. Its form depends
on the program, so there is a function for each form that gives checks: what, found,
expected.
"""

import re
import xml.etree.ElementTree as ET

import h5py
import numpy as np
import pytest
from specimens import SPECIMENS, truth, unpacked

from pymo_bluesky import open_dataset, validate
from pymo_bluesky.layouts.attributes import decode
from pymo_bluesky.settings import from_xml

EVERY = pytest.mark.parametrize("specimen", SPECIMENS)
# Modules of the simulated dashboards; DAQ_Viewer calls its one module otherwise.
MODULES = {"Det 0D", "Det 1D", "Det 2D"}


def arrays_of(scan):
    """All arrays of a scan by module and label."""
    streams = [scan.trunk, *scan.streams.values()]
    return {
        (module.title, label): array
        for stream in streams
        for module in stream.modules
        for label, array in module.arrays.items()
    }


def channels_of(scan):
    return {
        (module.title, channel.title, channel.dimension): channel
        for stream in [scan.trunk, *scan.streams.values()]
        for module in stream.modules
        for channel in module.channels
    }


def find(scan, place):
    """The channel of ``Det 1D/data1D/CH000``; None when it was not saved."""
    module, dimension, title = place.split("/", 2)
    for (owner, name, kind), channel in channels_of(scan).items():
        known = owner == module or owner not in MODULES
        if name == title and kind.lower() == dimension.lower() and known:
            return channel
    return None


# ------------------------------------------------------- PyMoDAQ 1.x to 3.x: det_done


def fed_to_det_done(dataset, noted):
    """Scans of 1.x to 3.x: what each detector sent at each point."""
    for scan, about in zip(dataset.scans, noted["scans"], strict=True):
        yield f"{scan.name} type", scan.attributes["scan_type"], about["scan_type"]
        moved = [axis.label for axis in scan.axes]
        yield f"{scan.name} actuators", moved, about["actuators"]
        for actuator in about["actuators"]:
            names = [module.title for module in scan.actuators]
            yield f"{scan.name} {actuator}", actuator in names, True
        for n, values in enumerate(about.get("axes_unique", ())):
            if not scan.trunk.spread:
                yield f"{scan.name} axis {n}", scan.axes[n].values, values
        yield from settings_fed(scan, about.get("settings", {}))
        visited = []
        for point in about["points"]:
            index = (point["ind_scan"],) if scan.trunk.spread else index_of(point)
            if index not in visited:
                visited.append(index)
            yield from point_fed(scan, point, index)
        flat = [int(np.ravel_multi_index(i, scan.shape)) for i in visited]
        yield f"{scan.name} order", scan.visits[: len(flat)].tolist(), flat
        yield from positions_fed(scan, about, visited)


def index_of(point):
    indexes = point["indexes"]
    if isinstance(indexes, dict):  # 1.x: indx, indy
        return tuple(indexes[key] for key in sorted(indexes))
    return tuple(indexes)


def positions_fed(scan, about, visited):
    for n, positions in enumerate(about.get("positions", ())[: len(visited)]):
        place = visited[n]
        for axis, position in zip(scan.axes, positions, strict=True):
            at = place[0] if scan.trunk.spread else place[axis.index]
            yield f"{scan.name} position {n}", axis.values[at], position


def settings_fed(scan, settings):
    """``scan1D_settings__start_1D``: what the scan's own settings were set to."""
    lines = {p.name: p.value for _, p in scan.settings.walk()}
    for path, value in settings.items():
        yield f"{scan.name} setting {path}", lines[path.split("__")[-1]], value


def point_fed(scan, point, index):
    for place, fed in point["fed"].items():
        channel = find(scan, place)
        if channel is None:
            # ROI data are left out where "save raw only" is on, its default since 1.5.
            yield f"{place} left out", "ROI" in place or fed.get("type") == "roi", True
            continue
        found = channel.arrays[0].data[index]
        yield f"{scan.name} {place} at {index}", found, np.squeeze(fed["data"])
        yield from axes_fed(channel, fed, f"{scan.name} {place}")


def axes_fed(channel, fed, where):
    depth = len(channel.axes)
    for key, index in (("x", depth - 1), ("y", 0)):
        if fed.get(key) is not None:
            (axis,) = [a for a in channel.axes if a.index == index]
            yield f"{where} {key}", axis.values, fed[key]


def fed_to_viewer(dataset, noted):
    """Snapshots and continuous saves of a DAQ_Viewer of 1.x to 3.x."""
    (scan,) = dataset.scans
    rows = noted["fed"]
    single = not scan.shape
    for row, fed in enumerate(rows):
        if "acq_time_s" in fed:  # the data logger of 3.x
            (channel,) = channels_of(scan).values()
            yield f"row {row}", channel.arrays[0].data[row], fed["data"]
            yield f"time {row}", scan.axes[0].values[row], fed["acq_time_s"]
            continue
        for place, sent in fed.items():
            channel = find(scan, place)
            if channel is None:
                yield f"{place} left out", "0D" in place or "ROI" in place, True
                continue
            data = channel.arrays[0].data
            found = data[()] if single else data[row]
            yield f"{place} row {row}", found, np.squeeze(sent["data"])
            yield from axes_fed(channel, sent, place)
    if not single:
        yield "rows", scan.shape, (len(rows),)


# ------------------------------------------------------------- PyMoDAQ 4.x and 5.x


def fed_to_daq_scan(dataset, noted):
    """Scans of 4.x and 5.x: what each detector sent at each point."""
    for key in ("author", "sample"):
        yield key, dataset.attributes[key], noted[key]
    for scan, about in zip(dataset.scans, noted["scans"], strict=True):
        measured = any(module.channels for module in scan.detectors)
        if not measured:  # a run that failed before its first point
            yield f"{scan.name} shape", scan.shape, ()
            continue
        yield f"{scan.name} shape", scan.shape, tuple(about["scan_shape"])
        for key in ("scan_type", "scan_sub_type"):
            yield f"{scan.name} {key}", scan.attributes[key], about[key]
        yield (
            f"{scan.name} spread",
            scan.trunk.spread,
            about["distribution"] == "spread",
        )
        for axis, fed in zip(scan.axes, about["nav_axes"], strict=True):
            yield from axis_equals(f"{scan.name} {fed['label']}", axis, fed, 0)
            order = (axis.index, axis.spread_order)
            yield f"{fed['label']}", order, (fed["index"], fed["spread_order"])
        for point in about["points"]:
            for fed in point["data"]:
                yield from data_fed(scan, tuple(point["indexes"]), fed)
        yield from rois_drawn(scan, noted["rois"])


def axis_equals(where, axis, fed, before):
    yield f"{where} values", axis.values, fed["data"]
    yield f"{where} label", axis.label, fed["label"]
    yield f"{where} units", axis.units, fed["units"]
    if "index" in fed and not before:
        yield f"{where} index", axis.index, fed["index"]


def data_fed(scan, index, fed):
    channel = channels_of(scan).get((fed["origin"], fed["name"], fed["dim"]))
    if channel is None:
        # What is computed from a ROI is saved only when "save raw only" is off.
        yield f"{fed['name']} left out", fed["source"], "calculated"
        return
    for label, values in zip(fed["labels"], fed["arrays"], strict=True):
        (array,) = [a for a in channel.arrays if a.label == label]
        where = f"{scan.name} {fed['origin']}/{label} at {index}"
        yield where, array.data[index], np.squeeze(values)
    for axis in fed["axes"]:
        (found,) = [a for a in channel.axes if a.index == axis["index"]]
        yield from axis_equals(f"{fed['name']} {axis['label']}", found, axis, 0)


def rois_drawn(scan, drawn):
    for title, rois in drawn.items():
        for module in scan.detectors:
            if module.title == title:
                found = {roi.name: roi for roi in module.rois}
                yield f"{title} ROIs", sorted(found), sorted(rois)
                for name, about in rois.items():
                    roi = found[name]
                    yield f"{title} {name}", roi.roi_type, about["cls"]
                    yield f"{title} {name} corner", roi.corner, about["pos"]
                    yield f"{title} {name} size", roi.size, about["size"]


def snapshot(dataset, noted):
    """A snapshot of a DAQ_Viewer, with its background."""
    (scan,) = dataset.scans
    (channel,) = channels_of(scan).values()
    yield "data", channel.arrays[0].data[()], noted["data"]
    if "bkg" in noted:
        yield "units", channel.arrays[0].units, "count"
        yield "background", channel.backgrounds[0].data[()], noted["bkg"]
    for axis, fed in zip(channel.axes, noted.get("axes", ()), strict=False):
        yield from axis_equals(fed["label"], axis, fed, 0)
    yield from rois_drawn(scan, noted.get("rois", {}))


def continuous(dataset, noted):
    (scan,) = dataset.scans
    (channel,) = channels_of(scan).values()
    yield "rows", scan.shape, (len(noted["calls"]),)
    yield "data", channel.arrays[0].data[()], noted["data"]
    yield "time", (scan.axes[0].label, scan.axes[0].units), ("time", "s")
    yield "order", bool(np.all(np.diff(scan.axes[0].values) > 0)), True


def logged(dataset, noted):
    """A data logger: each module has its own times."""
    (scan,) = dataset.scans
    arrays = arrays_of(scan)
    point = np.asarray(noted["d0"])[:, :, 0]
    for n, label in enumerate(("PD1", "PD2")):
        (found,) = [a for (_, name), a in arrays.items() if name == label]
        yield label, found.data[()], point[:, n]
    (spectrum,) = [a for (_, name), a in arrays.items() if name == "spec"]
    yield "spec", spectrum.data[()], np.squeeze(noted["d1"])
    yield "streams", len(scan.streams) >= 2, True
    for name, stream in scan.streams.items():
        yield f"{name} axis", [a.label for a in stream.axes], ["time"]


def adaptive(dataset, noted):
    (scan,) = dataset.scans
    points = np.asarray(noted["points"])
    for n, axis in enumerate(scan.axes):
        yield axis.label, axis.values, points[:, n]
        yield f"{axis.label} place", (axis.index, axis.spread_order), (0, n)
    yield "units", [axis.units for axis in scan.axes], ["um", "mm"]
    dimensions = ("Data0D", "Data1D", "Data2D")
    for (_, _, dimension), channel in channels_of(scan).items():
        column = [row[dimensions.index(dimension)] for row in noted["data"]]
        found = channel.arrays[0].data[()]
        yield dimension, found, np.asarray(column).reshape(found.shape)


def custom(dataset, noted):
    """Saved by a script: error bars, three dimensions, attributes, log lines."""
    (scan,) = dataset.scans
    channels = {title: c for (_, title, _), c in channels_of(scan).items()}
    erring = channels["withErr"]
    for n in range(2):
        yield f"array {n}", erring.arrays[n].data[()], noted["withErr"][n]
        yield f"errors {n}", erring.errors[n].data[()], noted["errors"][n]
        yield f"units {n}", erring.arrays[n].units, "V"
    yield "axis", erring.axes[0].values, noted["axis"]
    yield "axis units", erring.axes[0].units, "nm"
    yield "cube", channels["cube"].arrays[0].data[()], noted["cube"]
    yield "mean", channels["mean"].arrays[0].data[()], noted["mean"]
    yield "source", channels["mean"].source, "calculated"
    yield "log", dataset.log, noted["log"]
    for key, value in noted["extra"].items():
        yield key, erring.arrays[0].attributes[key], value


def compressed(dataset, noted):
    """PyMoDAQ 5.3 had replaced this axis before it saved it (steps below 1e-8)."""
    (scan,) = dataset.scans
    yield "data", arrays_of(scan)[("Det", "CH00")].data[()], noted["data"]
    yield "ends", scan.axes[0].values[[0, -1]], np.take(noted["axis_fed_in"], [0, -1])


def nothing(dataset, noted):
    """A continuous save that saved no row (a fault of 1.6.4)."""
    yield "rows", dataset.scans[0].shape, (0,)


FORMS = {
    "n_fed": nothing,
    "axis_fed_in": compressed,
    "withErr": custom,
    "before": logged,
    "calls": continuous,
    "fed": fed_to_viewer,
    "bkg": snapshot,
    "snap_n": snapshot,
}


def checks(dataset, noted):
    if "scans" in noted:
        old = "generator" in noted
        return (fed_to_det_done if old else fed_to_daq_scan)(dataset, noted)
    if "points" in noted:
        return adaptive(dataset, noted)
    return next(form for key, form in FORMS.items() if key in noted)(dataset, noted)


# ------------------------------------------------------------------------- the tests


@EVERY
def test_a_file_holds_what_was_fed(specimen, tmp_path):
    done = 0
    with open_dataset(unpacked(specimen, tmp_path)) as dataset:
        for what, found, expected in checks(dataset, truth(specimen)):
            assert np.array_equal(found, expected), f"{what}: {found!r} != {expected!r}"
            done += 1
    assert done, "nothing was checked"


@EVERY
def test_nothing_of_a_real_file_is_unknown(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    with open_dataset(path) as dataset:
        assert not dataset.extras
        assert not [path for scan in dataset.scans for path in scan.extras]
    # 1.4 gave axes no names; what is assumed for them is told, and nothing else is.
    assert {problem.kind for problem in validate(path)} <= {"guessed"}


def stored_settings(path):
    """Settings of a file by plain h5py: (path of the node, XML)."""
    found = []

    def visit(name, node):
        for key in ("settings", "scan_settings"):
            raw = node.attrs.get(key)
            value = decode(raw.tobytes() if isinstance(raw, np.void) else raw)
            xml = value if isinstance(value, bytes) else str(value or "").encode()
            if xml.startswith(b"<"):
                found.append((f"{name}@{key}", xml))

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return found


def leaves(element):
    """(tag, type, text) of all parameters of a tree, in order."""
    for child in element:
        yield child.tag, child.get("type"), (child.text or "").strip()
        yield from leaves(child)


READS = {
    "float": float,
    "int": lambda text: int(float(text)),
    "bool": lambda text: text == "1",
    "led": lambda text: text == "1",
    "str": str,
}


@EVERY
def test_every_setting_is_what_the_xml_says(specimen, tmp_path):
    done = 0
    for where, xml in stored_settings(unpacked(specimen, tmp_path)):
        mended = re.sub(rb"(</?)Calculate positions", rb"\1Calculate_positions", xml)
        expected = list(leaves(ET.fromstring(mended)))
        found = [parameter for _, parameter in from_xml(xml).walk()][1:]
        assert len(found) == len(expected), where
        for parameter, (tag, kind, text) in zip(found, expected, strict=True):
            assert parameter.name.replace(" ", "_") == tag
            if kind in READS and text:
                assert parameter.value == READS[kind](text), (where, tag)
                done += 1
    bare = ("custom_errors_nd", "adaptive_enl", "compressed_scan", "h5logger")
    assert done or specimen.endswith(bare)
