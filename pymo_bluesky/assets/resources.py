"""Resource and stream resource documents to arrays in files; opens no file.

One table says for each known spec or mimetype which file, which dataset in it, and
which part of that is one value. What is not in the table is left to handlers.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeGuard, cast
from urllib.parse import unquote

__all__ = ["Form", "Source", "numbered", "path_of", "source_of"]

Form = Literal["hdf5", "npy", "files", "other"]
WHOLE = 0
"""In place of a number of frames: the whole dataset is one value."""


class Source(NamedTuple):
    """One array in files, as the documents tell it.

    Attributes
    ----------
    form
        ``hdf5``: a dataset of an HDF5 file, values one after another along its first
        axis; ``npy``: the same in one ``.npy`` file; ``files``: a file for each value;
        ``other``: only a handler of this spec knows.
    path
        Of the file, or of the folder of the files.
    dataset
        In an HDF5 file; for ``files``, the template of their names.
    frames
        How many along the first axis make one value: then a value keeps that axis.
        0: the whole dataset. None: to be told from the shapes.
    spec
        Spec or mimetype.
    resource
        Uid of the document.
    """

    form: Form
    path: str
    dataset: str = ""
    frames: int | None = None
    spec: str = ""
    resource: str = ""


def source_of(
    doc: Mapping[str, Any], arguments: Mapping[str, Any] | None = None
) -> tuple[Source, int]:
    """The array that a (stream) resource tells of, and the number of a value in it.

    Parameters
    ----------
    doc
        Resource or stream resource.
    arguments
        ``datum_kwargs`` of a datum; None for a stream resource.

    Returns
    -------
    Source
        Of form ``other`` when it is not in the table.
    int
        Counts values, not frames; 0 for ``other`` and for a stream resource.

    Examples
    --------
    >>> doc = {"spec": "AD_HDF5", "root": "/data", "resource_path": "a.h5"}
    >>> source_of({**doc, "resource_kwargs": {}}, {"point_number": 3})[1]
    3
    """
    uid, path = str(doc.get("uid")), path_of(doc)
    if arguments is None:
        return _streamed(doc, uid, path), 0
    spec = str(doc.get("spec"))
    other = Source("other", path, spec=spec, resource=uid)
    known = _SPECS.get(spec)
    told = (
        known(path, _mapping(doc.get("resource_kwargs")), arguments) if known else None
    )
    if told is None:
        return other, 0
    form, path, dataset, frames, number = told
    return Source(form, path, dataset, frames, spec, uid), number


def path_of(doc: Mapping[str, Any]) -> str:
    """Path of the file of a resource; empty when it is not a local file.

    Examples
    --------
    >>> path_of({"uri": "file://localhost/data/a%20b.h5"})
    '/data/a b.h5'
    >>> path_of({"uri": "s3://bucket/a.h5"})
    ''
    """
    uri = doc.get("uri")
    if isinstance(uri, str):
        match = re.fullmatch(r"file:(?://(?:localhost|127\.0\.0\.1)?)?(/.*)", uri, re.S)
        return unquote(match[1]) if match else ""
    root, path = doc.get("root") or "", doc.get("resource_path")
    if not isinstance(root, str) or not isinstance(path, str):
        return ""
    return posixpath.join(root, path)


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


# --------------------------------------------------------------------- datums by specs

Told = tuple[Form, str, str, int, int]
_Spec = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Told | None]


def _stack(dataset: str) -> _Spec:
    """Frames in one dataset, so many for each point (areaDetector's HDF5 plugin)."""

    def told(path: str, about: Mapping[str, Any], of: Mapping[str, Any]) -> Told | None:
        number, frames = of.get("point_number"), about.get("frame_per_point", 1)
        if about.keys() - {"frame_per_point"} or of.keys() != {"point_number"}:
            return None
        if not _counts(number, 0) or not _counts(frames, 1):
            return None
        return "hdf5", path, dataset, frames, number

    return told


def _single(path: str, about: Mapping[str, Any], of: Mapping[str, Any]) -> Told | None:
    """A file for each point, of one frame (areaDetector's single mode)."""
    number, template = of.get("point_number"), about.get("template")
    known = {"template", "filename", "frame_per_point"}
    if about.keys() - known or about.get("frame_per_point", 1) != 1:
        return None
    if not _counts(number, 0) or not isinstance(template, str):
        return None
    words = (posixpath.join(path, ""), str(about.get("filename", "")))
    file = numbered(template, words, number)
    return None if file is None else ("hdf5", file, _AREA_DETECTOR, WHOLE, 0)


def _counts(number: Any, least: int) -> TypeGuard[int]:
    return type(number) is int and number >= least


_AREA_DETECTOR = "/entry/data/data"
_SPECS: Mapping[str, _Spec] = {
    "AD_HDF5": _stack(_AREA_DETECTOR),
    "AD_HDF5_SWMR": _stack(_AREA_DETECTOR),
    "AD_HDF5_SINGLE": _single,
    "TPX_HDF5": _stack("/entry/instrument/detector/data"),
}

# ------------------------------------------------------------------------------ streams

_FORMS: Mapping[str, Form] = {
    "application/x-hdf5": "hdf5",
    "application/hdf5": "hdf5",
    "application/x-npy": "npy",
    "multipart/related;type=application/x-npy": "files",
    "multipart/related;type=image/tiff": "files",
    # Stream resources from before event-model 1.21 had a spec in place of a mimetype.
    "AD_HDF5_SWMR_STREAM": "hdf5",
    "AD_HDF5_SWMR_SLICE": "hdf5",
}
_UNTOLD = frozenset({"slice", "squeeze"})
"""Parameters that change what a value is, in ways that no document defines."""


def _streamed(doc: Mapping[str, Any], uid: str, path: str) -> Source:
    kind = str(doc.get("mimetype") or doc.get("spec"))
    about = _mapping(doc.get("parameters") or doc.get("resource_kwargs"))
    form = _FORMS.get(kind.replace(" ", ""), "other")
    dataset = about.get("dataset", about.get("path", ""))
    if isinstance(dataset, (list, tuple)):
        dataset = "/".join(str(part) for part in cast(Sequence[Any], dataset))
    if form == "files":
        dataset = _template(about)
    needs = form in ("hdf5", "files")
    if form == "other" or not path or any(about.get(name) for name in _UNTOLD):
        return Source("other", path, spec=kind, resource=uid)
    if not isinstance(dataset, str) or (needs and not dataset):
        return Source("other", path, spec=kind, resource=uid)
    return Source(form, path, dataset, _frames(about), kind, uid)


def _frames(about: Mapping[str, Any]) -> int | None:
    frames = about.get("multiplier")
    return frames if type(frames) is int and frames > 1 else None


def _template(about: Mapping[str, Any]) -> str | None:
    template = about.get("template", "%s_%d.npy")
    name = str(about.get("filename", ""))
    if not isinstance(template, str) or numbered(template, (name,), 0) is None:
        return None
    # What is told of the files is one text: the name stands in it already.
    return template.replace("%s", name.replace("%", "%%").replace("{", "{{"), 1)


_FIELD = re.compile(
    r"%(?P<literal>%)|%(?P<word>s)|%(?P<old>[-+ 0]?\d{0,2}(?:\.\d{1,2})?)d"
    r"|\{:?(?P<new>0?\d{0,2})d?\}|(?P<brace>\{\{|\}\})|(?P<stray>[%{}])"
)


def numbered(template: str, words: Sequence[str], number: int) -> str | None:
    """The name of a file from areaDetector's or bluesky's template; nothing is run.

    Parameters
    ----------
    template
        With ``%s`` for the words in their order and one ``%d`` or ``{:d}``, with up to
        two digits of width, for the number.

    Returns
    -------
    str or None
        None for any other template.

    Examples
    --------
    >>> numbered("%s%s_%6.6d.h5", ("/data/", "scan"), 12)
    '/data/scan_000012.h5'
    >>> numbered("{:05d}.npy", (), 12)
    '00012.npy'
    >>> numbered("%999999999d", (), 12) is None
    True
    """
    left = list(words)
    parts: list[str] = []
    end = 0
    for field in _FIELD.finditer(template):
        parts.append(template[end : field.start()])
        end = field.end()
        found = field.groupdict()
        if found["stray"]:
            return None
        if found["literal"] or found["brace"]:
            parts.append(field[0][0])
        elif found["word"]:
            parts.append(left.pop(0) if left else "")
        elif found["old"] is not None:
            parts.append(f"%{found['old']}d" % number)
        else:
            parts.append(format(number, f"{found['new']}d"))
    return "".join([*parts, template[end:]])
