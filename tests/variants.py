"""Files as laboratories have them: real ones, changed as people and years change them.

Each variant is a function that changes a copy of a specimen with plain h5py. They keep
the file a PyMoDAQ file, so it must open, replay and convert.
"""

import pickle

import h5py
import numpy as np

__all__ = ["VARIANTS"]

KEPT = {"CLASS", "VERSION", "type", "data_type", "subdtype", "EXTDIM"}


def nodes(file):
    """All nodes of a file, the root first."""
    found = [file]
    file.visititems(lambda _, node: found.append(node))
    return found


def raw_of(file):
    return file.get("RawData") or file.get("Raw_datas") or file


def scans_of(file):
    raw = raw_of(file)
    return [raw[name] for name in raw if name.lower().startswith("scan0")]


def modules_of(file):
    starts = ("det", "move", "actuator")
    return [
        node
        for node in nodes(file)
        if isinstance(node, h5py.Group)
        and node.name.rpartition("/")[2].lower().startswith(starts)
        and node.name.rpartition("/")[2][-3:].isdigit()
    ]


def text(file, value):
    """A text as this file has its attributes."""
    raw = raw_of(file)
    wrapped = any(
        (v if isinstance(v, str) else bytes(v).decode("latin-1")).startswith(
            '{"module"'
        )
        for v in raw.attrs.values()
        if isinstance(v, (str, bytes))
    )
    if wrapped:
        return f'{{"module": "builtins", "type": "str", "data": "{value!r}"}}'
    return value


def drop(file, *names):
    for node in nodes(file):
        for name in names:
            if name in node.attrs:
                del node.attrs[name]


def without_who_and_when(file):
    drop(file, "author", "date_time", "date", "time", "sample", "file")


def without_settings(file):
    drop(file, "settings", "scan_settings")


def without_titles(file):
    drop(file, "TITLE", "name", "Move_name", "Detector_name", "Channel_name")


def without_labels_and_units(file):
    drop(file, "label", "units")


def without_scan_type(file):
    drop(file, "scan_type", "scan_sub_type", "scan_subtype", "distribution")


def with_hardly_any_attribute(file):
    for node in nodes(file):
        for name in list(node.attrs):
            if name not in KEPT:
                del node.attrs[name]


def with_odd_names(file):
    names = ["Détecteur à µ", "a/b.c d", "", "1", "null", "Élan", "x" * 300]
    for n, node in enumerate(modules_of(file)):
        for key in ("TITLE", "name", "Move_name", "Detector_name"):
            if key in node.attrs:
                name = names[n % len(names)]
                node.attrs[key] = name if key == "TITLE" else text(file, name)


def with_equal_names(file):
    for node in modules_of(file):
        for key in ("TITLE", "name", "Move_name", "Detector_name"):
            if key in node.attrs:
                node.attrs[key] = "Mock" if key == "TITLE" else text(file, "Mock")


def with_french_units(file):
    units = ["µm", "°C", "Å", "", "coups/s", "1e3", "mm²"]
    for n, node in enumerate(nodes(file)):
        if "units" in node.attrs:
            node.attrs["units"] = text(file, units[n % len(units)])


def with_latin_1(file):
    raw = raw_of(file)
    for node in (raw, *scans_of(file)):
        node.attrs["author"] = np.bytes_("Frédéric à l'École".encode("latin-1"))


def with_one_detector(file):
    for parent in (raw_of(file), *scans_of(file)):
        found = sorted(name for name in parent if name.lower().startswith("det0"))
        found += sorted(name for name in parent if name.startswith("Detector0"))
        for name in found[1:]:
            del parent[name]


def without_scans(file):
    for scan in scans_of(file):
        del file[scan.name]


def without_log(file):
    raw = raw_of(file)
    for name in ("Logger", "logging"):
        if name in raw:
            del raw[name]


def with_a_gap_in_the_numbers(file):
    for scan in scans_of(file):
        number = int(scan.name[-3:])
        file.move(scan.name, f"{scan.name[:-3]}{2 * number + 7:03d}")


def with_empty_groups(file):
    raw = raw_of(file)
    kind = {"CLASS": "GROUP", "TITLE": "", "VERSION": "1.0"}
    for path in ("Scan997", "Scan998/Detector000", "Scan999/Detector000/Data0D"):
        made = raw
        for name in path.split("/"):
            made = made.require_group(name)
            made.attrs.update(kind)
            types = {"Sc": "scan", "De": "detector"}
            if name[:2] in types:
                made.attrs["type"] = text(file, types[name[:2]])


def with_zero_points(file):
    for node in nodes(file):
        growing = isinstance(node, h5py.Dataset) and node.maxshape[:1] == (None,)
        if growing and node.dtype.kind in "fiu":
            node.resize(0, axis=0)


def with_integers(file):
    replace_data(file, lambda values: np.nan_to_num(values).astype("<i4"))


def with_big_endian(file):
    replace_data(file, lambda values: values.astype(values.dtype.newbyteorder(">")))


def with_nan(file):
    def spoil(values):
        if values.dtype.kind == "f" and values.size:
            values.reshape(-1)[::3] = np.nan
        return values

    replace_data(file, spoil)


def replace_data(file, change):
    for node in nodes(file):
        name = node.name.rpartition("/")[2]
        if isinstance(node, h5py.Dataset) and name.startswith(("Data", "CH0")):
            attributes, values = dict(node.attrs), change(node[()])
            path, parent = node.name, node.parent
            del file[path]
            made = parent.create_dataset(name, data=values)
            made.attrs.update(attributes)


def with_own_nodes(file):
    """What people add by hand, and other programs."""
    for parent in (file, raw_of(file), *scans_of(file)):
        mine = parent.create_group("My notes")
        mine.attrs["why"] = "because"
        mine.attrs["numbers"] = np.arange(5)
        mine["spectrum"] = np.linspace(0, 1, 7)
        mine["complex"] = np.array([1j, 2])
        mine["flags"] = np.array([True, False])
        mine["scalar"] = 3.5
        mine["words"] = np.array(["é", "b"], dtype=h5py.string_dtype())
        mine["fixed"] = np.array([b"ab", b"c"])
        mine["table"] = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
        mine["empty"] = np.zeros((0, 3))
        rows = mine.create_dataset("rows", (2,), h5py.vlen_dtype(np.uint8))
        rows[0] = np.arange(3, dtype=np.uint8)
        parent.attrs["comment"] = "checked by hand, mïrror 3"
        parent.attrs["temperature"] = 295.5


def with_own_attributes(file):
    for node in nodes(file):
        if isinstance(node, h5py.Dataset):
            node.attrs["gain"] = 3
            node.attrs["operator"] = "Zoé"


def with_hostile_text(file):
    """Nothing of this may run, load anything, or grow."""
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    code = '{"module": "os", "type": "x", "data": "__import__(\'os\').abort()"}'
    for n, node in enumerate(nodes(file)):
        if "settings" in node.attrs:
            node.attrs["settings"] = laughs if n % 2 else code
        if "description" in node.attrs:
            node.attrs["description"] = code
    raw_of(file).attrs["experiment_type"] = np.bytes_(b"cos\nabort\n(tR.")


def with_a_hostile_log(file):
    raw = raw_of(file)
    for name in ("Logger", "logging"):
        if name in raw:
            rows = (b"cos\nabort\n(tR.", b"", b"\x80\x04N.", pickle.dumps("a line"))
            log = raw[name]
            before = log.shape[0]
            log.resize(before + len(rows), axis=0)
            for n, row in enumerate(rows):
                log[before + n] = np.frombuffer(row, np.uint8)


def with_axes_that_do_not_fit(file):
    for node in nodes(file):
        name = node.name.rpartition("/")[2].lower()
        if isinstance(node, h5py.Dataset) and "axis" in name and node.ndim == 1:
            attributes, values = dict(node.attrs), node[()]
            path, parent = node.name, node.parent
            del file[path]
            made = parent.create_dataset(path.rpartition("/")[2], data=values[:-1])
            made.attrs.update(attributes)


def without_axes(file):
    for node in nodes(file):
        name = node.name.rpartition("/")[2].lower()
        if ("axis" in name or name == "navaxes") and node.name in file:
            del file[node.name]


VARIANTS = {
    name: made
    for name, made in list(globals().items())
    if name.startswith(("with_", "without_"))
}
