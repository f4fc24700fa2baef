"""Hypothesis strategies: document streams as devices and plans emit them, and odder.

What a stream may do here, a stream somewhere does: values that contradict their
descriptor, events that lack a key, rewinds, pages among events, runs in runs. What
no RunEngine emits (an event before its descriptor, a uid twice) is left out.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

Document = tuple[str, dict[str, Any]]
Draw = Callable[[st.SearchStrategy], Any]

# ------------------------------------------------------------------------------ names

ODD_NAMES = (
    "a/b",
    "a.b",
    ".",
    "..",
    "",
    " ",
    "two words",
    "détecteur µ",
    "試料",
    "Det",
    "det",
    "DET",
    "k" * 200,
    "CLASS",
    "settings",
    "data",
    "time",
    "descriptor",
    "uid",
    "Data00",
    "Axis00",
    "NavAxes",
    "Documents",
    "12",
    "true",
    "null",
    '{"json": 1}',
    "line\nbreak",
    "nul\0inside",
    "<xml>&amp;",
    "__class__",
    "pixmap2D",
)
plain_names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
names = plain_names | st.sampled_from(ODD_NAMES) | st.text(max_size=12)

# ----------------------------------------------------------------------------- values

floats = st.floats() | st.sampled_from([-0.0, 5e-324, float("nan"), float("-inf")])
integers = st.integers(-10, 10) | st.integers(-(2**63), 2**63 - 1)
big_integers = st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40])
uuids = st.uuids().map(str)
texts = st.text(max_size=10) | st.sampled_from(
    ["x" * 300, "null", "1.0", uuid.UUID.__doc__]
)

NUMBERS = ("?", "<i1", "<u2", "<i4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
FOREIGN = (">i2", ">u8", ">f4", ">f8", ">c8")
TIMES = ("<M8[ns]", "<M8[D]", "<m8[us]", ">M8[s]")
TEXT = ("<U4", "|S3", ">U2")
STRUCTURED = (
    [("x", "<f4"), ("y", ">i2", (2,))],
    [("name", "<U3"), ("inner", [("flag", "?"), ("z", "<c8")])],
)
number_dtypes = st.sampled_from(NUMBERS + FOREIGN).map(np.dtype)
array_dtypes = st.sampled_from(NUMBERS + FOREIGN + TIMES + TEXT).map(np.dtype)
structured_dtypes = st.sampled_from(STRUCTURED).map(np.dtype)
shapes = st.sampled_from(
    [(), (0,), (1,), (3,), (2, 3), (0, 2), (2, 1, 2), (1, 2, 1, 2)]
)


def arrays(dtype: np.dtype, shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    """Arrays of one dtype and shape, of any bits."""
    if dtype.names:
        size = dtype.itemsize * int(np.prod(shape))
        texts_inside = any(dtype[name].kind == "U" for name in dtype.names)
        if texts_inside or not size:
            return st.just(np.zeros(shape, dtype))
        raw = st.binary(min_size=size, max_size=size)
        return raw.map(lambda data: np.frombuffer(data, dtype).reshape(shape).copy())
    return npst.arrays(dtype, shape)


def scalars(dtype: np.dtype) -> st.SearchStrategy[Any]:
    """Numpy scalars."""
    return arrays(dtype, (1,)).map(lambda a: a[0])


def nested_lists(
    numbers: st.SearchStrategy, shape: tuple[int, ...]
) -> st.SearchStrategy:
    """Lists of lists of numbers, of one shape."""
    for size in reversed(shape):
        numbers = st.lists(numbers, min_size=size, max_size=size)
    return numbers


odd_objects = (
    st.none()
    | st.binary(max_size=6)
    | st.lists(texts, max_size=3)
    | st.tuples(floats, integers)
    | st.dictionaries(texts, floats, max_size=2)
    | st.just(np.array([1, "a", None], dtype=object))
    | structured_dtypes.flatmap(lambda dtype: arrays(dtype, (2,)))
    | structured_dtypes.flatmap(scalars)
)


@st.composite
def steady_values(draw: Draw):
    """A strategy of values as one well-behaved data key gives them."""
    kind = draw(
        st.sampled_from(("float", "int", "bool", "text", "uuid", "array", "list"))
    )
    if kind == "array":
        return arrays(draw(array_dtypes), draw(shapes))
    if kind == "list":
        numbers = draw(st.sampled_from([floats, integers, st.booleans()]))
        return nested_lists(numbers, draw(shapes.filter(len)))
    kinds = {"float": floats, "int": integers, "bool": st.booleans()}
    return {**kinds, "text": texts, "uuid": uuids}[kind]


@st.composite
def ragged_values(draw: Draw):
    """A strategy of arrays (or lists) whose shape changes from event to event."""
    if draw(st.booleans()):
        dtype = draw(array_dtypes)
        return shapes.flatmap(lambda shape: arrays(dtype, shape))
    return shapes.flatmap(lambda shape: nested_lists(floats, shape))


any_value = (
    floats
    | integers
    | big_integers
    | st.complex_numbers()
    | texts
    | st.booleans()
    | array_dtypes.flatmap(scalars)
    | st.tuples(array_dtypes, shapes).flatmap(lambda form: arrays(*form))
    | shapes.flatmap(lambda shape: nested_lists(integers | floats, shape))
    | odd_objects
)
scalar_mixtures = st.sampled_from(
    (
        integers | floats,
        floats | st.none(),
        integers | big_integers,
        number_dtypes.flatmap(scalars),
        st.booleans() | integers,
        st.sampled_from(["open", "closed"]) | uuids,
        st.complex_numbers() | floats,
    )
)
families = steady_values() | ragged_values() | scalar_mixtures | st.just(any_value)


@dataclass(frozen=True)
class Vocabulary:
    """What the documents are made of.

    Attributes
    ----------
    names, values
        Of members and data keys; of anything.
    families
        Strategies of strategies: the values that one data key takes over a run.
    metadata
        Values and containers of them.
    columns
        What is made of the values of a page's column.
    """

    names: st.SearchStrategy[str]
    values: st.SearchStrategy[Any]
    families: st.SearchStrategy[st.SearchStrategy[Any]]
    metadata: st.SearchStrategy[Any]
    columns: Callable[[list[Any]], st.SearchStrategy[Any]]


def nested(
    values: st.SearchStrategy, keys: st.SearchStrategy[str]
) -> st.SearchStrategy:
    """Values, and containers of values."""
    return st.recursive(
        values,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=6,
    )


@st.composite
def columns(draw: Draw, values: list[Any]) -> Any:
    """A column of a page: a list, or an array where the values make a regular one."""
    kinds = {type(value) for value in values}
    if draw(st.booleans()) or len(kinds) != 1:
        return tuple(values) if draw(st.integers(0, 9)) == 0 else values
    (kind,) = kinds
    if kind is np.ndarray:
        forms = {(a.dtype, a.shape) for a in values}
        return np.stack(values) if len(forms) == 1 else values
    if kind is str:
        # Arrays of text are often wider than their longest text.
        longest = max(map(len, values)) + draw(st.integers(0, 2))
        return np.array(values, draw(st.sampled_from([f"<U{longest or 1}", object])))
    if kind in (float, int, bool) or issubclass(kind, np.generic):
        column = np.array(values)
        foreign = column.dtype.kind in "iufcmM" and draw(st.booleans())
        return column.astype(column.dtype.newbyteorder(">")) if foreign else column
    return values


ODD = Vocabulary(names, any_value, families, nested(any_value, names), columns)
plain_values = (
    st.integers(-100, 100) | st.floats(-1e6, 1e6) | st.text("abc", max_size=5)
)
PLAIN = Vocabulary(
    plain_names,
    plain_values,
    st.sampled_from(
        [st.floats(-1, 1), st.integers(0, 9), arrays(np.dtype(float), (3,))]
    ),
    nested(plain_values, plain_names),
    st.just,
)

# ------------------------------------------------------------------------ descriptors

odd_roles = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(
            ["axis", "setting", "roi", "roi_data", "error", "background", "setpoint", 3]
        ),
        "of": names,
        "roi": names,
        "index": st.integers(-2, 3) | st.none(),
        "parameter": st.sampled_from(["position/x", "angle", "color", "roi_type", "x"]),
        "label": texts,
        "type": st.sampled_from(["int", "list", "unheard of"]),
        "path": names,
        "limits": st.none() | st.lists(integers, max_size=2),
    },
)


@st.composite
def data_keys(draw: Draw, words: Vocabulary) -> dict[str, Any]:
    """What a descriptor says of one data key; it need not be true."""
    about: dict[str, Any] = {
        "source": draw(words.names),
        "dtype": draw(st.sampled_from(["number", "integer", "array", "string"])),
        "shape": draw(st.lists(st.none() | st.integers(0, 4), max_size=2)),
    }
    if draw(st.booleans()):
        about["units"] = draw(st.sampled_from(["mm", "µm", "", None, "furlong", "1"]))
    if draw(st.integers(0, 4)) == 0:
        about["pymodaq"] = draw(odd_roles)
    if draw(st.integers(0, 4)) == 0:
        about["dims"] = draw(st.lists(words.names, max_size=2))
    return about


@st.composite
def configurations(draw: Draw, words: Vocabulary) -> dict[str, Any]:
    """Configuration of one object."""
    members = draw(st.dictionaries(words.names, words.values, max_size=3))
    return {
        "data": members,
        "timestamps": {name: draw(floats) for name in members},
        "data_keys": {name: draw(data_keys(words)) for name in members},
    }


# ------------------------------------------------------------------------------- runs


@dataclass
class _Stream:
    """A stream while its documents are drawn."""

    name: str
    families: dict[str, st.SearchStrategy]
    objects: dict[str, list[str]]
    scanned: bool = False
    descriptor: str = ""
    seq_num: int = 0


@dataclass
class _Drawing:
    """A run while its documents are drawn."""

    draw: Draw
    words: Vocabulary
    uids: Iterator[str]
    streams: list[_Stream] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    clock: float = 1.7e9

    def add(self, name: str, doc: dict[str, Any]) -> None:
        self.documents.append((name, doc))

    def now(self) -> float:
        self.clock += 0.1
        return self.clock

    def metadata(self, most: int) -> dict[str, Any]:
        members = st.dictionaries(self.words.names, self.words.metadata, max_size=most)
        return self.draw(members)

    # --- kinds of documents --------------------------------------------------------

    def describe(self, stream: _Stream) -> None:
        """A first descriptor, or another one after a reconfiguration."""
        stream.descriptor = next(self.uids)
        doc = {
            "uid": stream.descriptor,
            "run_start": self.documents[0][1]["uid"],
            "time": self.now(),
            "name": stream.name,
            "data_keys": {
                key: self.draw(data_keys(self.words)) for key in stream.families
            },
            "object_keys": stream.objects,
            "configuration": {
                name: self.draw(configurations(self.words))
                for name in stream.objects
                if self.draw(st.booleans())
            },
            "hints": {name: {"fields": keys} for name, keys in stream.objects.items()},
        }
        self.add("descriptor", doc)

    def advance(self, stream: _Stream) -> int:
        """The next seq_num: mostly one more; a rewind repeats, a lost event skips."""
        step = self.draw(st.sampled_from([1] * 8 + [0, -1, 2]))
        stream.seq_num = max(1, stream.seq_num + step)
        return stream.seq_num

    def readings(self, stream: _Stream) -> dict[str, Any]:
        data = {key: self.draw(values) for key, values in stream.families.items()}
        if stream.scanned:
            data |= grid_position(self.documents[0][1], stream.seq_num)
        oddity = self.draw(st.integers(0, 19)) if self.words is ODD else -1
        if data and oddity == 0:
            del data[self.draw(st.sampled_from(sorted(data)))]
        elif oddity == 1:
            data[self.draw(self.words.names)] = self.draw(self.words.values)
        return data

    def event(self, stream: _Stream) -> None:
        seq_num = self.advance(stream)
        data = self.readings(stream)
        doc = {
            "uid": next(self.uids),
            "descriptor": stream.descriptor,
            "seq_num": seq_num,
            "time": self.now(),
            "data": data,
            "timestamps": {key: self.now() for key in data},
            "filled": {key: False for key in data if self.draw(st.booleans())},
        }
        if self.draw(st.integers(0, 9)) == 0:
            del doc["filled"]
        self.add("event", doc)

    def page(self, stream: _Stream) -> None:
        rows = self.draw(st.integers(1, 4))

        def column(values: list[Any]) -> Any:
            return self.draw(self.words.columns(values))

        keys = [*stream.families]
        doc = {
            "uid": [next(self.uids) for _ in range(rows)],
            "descriptor": stream.descriptor,
            "seq_num": column([self.advance(stream) for _ in range(rows)]),
            "time": column([self.now() for _ in range(rows)]),
            "data": {
                key: column([self.draw(stream.families[key]) for _ in range(rows)])
                for key in keys
            },
            "timestamps": {
                key: column([self.now() for _ in range(rows)]) for key in keys
            },
            "filled": {
                key: [self.draw(st.booleans()) for _ in range(rows)]
                for key in keys
                if self.draw(st.booleans())
            },
        }
        self.add("event_page", doc)

    def files(self) -> None:
        """A file beside the run, and data in it: one by one or as a page."""
        uid = next(self.uids)
        resource = {
            "uid": uid,
            "run_start": self.documents[0][1]["uid"],
            "spec": self.draw(self.words.names),
            "root": "/",
            "resource_path": self.draw(self.words.names),
            "resource_kwargs": self.metadata(2),
            "path_semantics": "posix",
        }
        self.add("resource", resource)
        ids = [f"{uid}/{n}" for n in range(self.draw(st.integers(0, 3)))]
        for datum_id in ids[:1]:
            doc = {"datum_id": datum_id, "resource": uid, "datum_kwargs": {"n": 0}}
            self.add("datum", doc)
        if ids[1:]:
            kwargs = {"n": list(range(len(ids) - 1))}
            page = {"datum_id": ids[1:], "resource": uid, "datum_kwargs": kwargs}
            self.add("datum_page", page)

    def streamed_files(self) -> None:
        """A file that grows with the run, and what was written to it."""
        uid = next(self.uids)
        described = [stream for stream in self.streams if stream.descriptor]
        resource = {
            "uid": uid,
            "run_start": self.documents[0][1]["uid"],
            "data_key": self.draw(self.words.names),
            "mimetype": "application/x-hdf5",
            "uri": "file://localhost/a%20b.h5",
            "parameters": self.metadata(2),
        }
        self.add("stream_resource", resource)
        for n in range(self.draw(st.integers(0, 2)) if described else 0):
            datum = {
                "uid": f"{uid}/{n}",
                "stream_resource": uid,
                "descriptor": self.draw(st.sampled_from(described)).descriptor,
                "indices": {"start": n, "stop": n + 1},
                "seq_nums": {"start": n + 1, "stop": n + 2},
            }
            self.add("stream_datum", datum)

    def stop(self) -> None:
        status = self.draw(st.sampled_from(["success", "abort", "fail"]))
        doc = {
            "uid": next(self.uids),
            "run_start": self.documents[0][1]["uid"],
            "time": self.now(),
            "exit_status": status,
            "reason": self.draw(texts),
            "num_events": {stream.name: stream.seq_num for stream in self.streams},
        }
        self.add("stop", {**self.metadata(1), **doc})


# ------------------------------------------------------------------------------ plans


def grid_start(draw: Draw, motors: list[str]) -> dict[str, Any]:
    """What a grid scan announces; now and then more, or other, than what comes."""
    shape = [draw(st.integers(1, 3)) for _ in motors]
    snaking = [False, *(draw(st.booleans()) for _ in motors[1:])]
    return {
        "plan_name": "grid_scan",
        "motors": motors,
        "shape": tuple(shape),
        "snaking": tuple(snaking),
        "extents": tuple([0, n - 1] for n in shape),
        "num_points": int(np.prod(shape)),
        "hints": {
            "gridding": "rectilinear",
            "dimensions": [([motor], "primary") for motor in motors],
        },
    }


def line_start(draw: Draw, motors: list[str]) -> dict[str, Any]:
    """What a scan of one dimension announces."""
    return {
        "plan_name": draw(st.sampled_from(["scan", "list_scan", "rel_spiral", "x"])),
        "motors": tuple(motors),
        "num_points": draw(st.integers(0, 6) | st.none()),
        "hints": {"dimensions": [[motors, "primary"]]},
    }


def odd_start(draw: Draw, motors: list[str]) -> dict[str, Any]:
    """Members that the writer looks at, of any type."""
    keys = ("plan_name", "motors", "shape", "snaking", "extents", "num_points", "hints")
    keys += ("pymodaq", "author", "sample", "plan_pattern", "plan_pattern_args")
    chosen = draw(st.lists(st.sampled_from(keys), max_size=3, unique=True))
    return {key: draw(ODD.metadata) for key in chosen}


def grid_position(start: dict[str, Any], seq_num: int) -> dict[str, float]:
    """Setpoints and readbacks of a grid scan at a seq_num."""
    shape = start["shape"]
    flat = (seq_num - 1) % int(np.prod(shape))
    places = list(np.unravel_index(flat, shape))
    for axis, turns in enumerate(start["snaking"]):
        if turns and flat // int(np.prod(shape[axis:])) % 2:
            places[axis] = shape[axis] - 1 - places[axis]
    position: dict[str, float] = {}
    for motor, place in zip(start["motors"], places, strict=True):
        position |= {motor: place + 0.01, f"{motor}_setpoint": float(place)}
    return position


@st.composite
def runs(
    draw: Draw, uids: Iterator[str], words: Vocabulary = ODD, most_actions: int = 8
) -> list[Document]:
    """The documents of one run."""
    drawing = _Drawing(draw, words, uids)
    motors = draw(st.lists(plain_names, min_size=1, max_size=3, unique=True))
    plans = [grid_start, line_start, odd_start]
    plan = draw(st.sampled_from(plans if words is ODD else plans[:1]))
    start = {"uid": next(uids), "time": drawing.now(), **plan(draw, motors)}
    drawing.add("start", start)
    drawing.documents[0] = "start", {**drawing.metadata(2), **start}
    drawing.streams = draw_streams(draw, words, motors)
    drawing.streams[0].scanned = plan is grid_start and draw(st.booleans())
    for _ in range(draw(st.integers(0, most_actions))):
        act(drawing)
    if draw(st.integers(0, 3)):
        drawing.stop()
    return drawing.documents


def draw_streams(draw: Draw, words: Vocabulary, motors: list[str]) -> list[_Stream]:
    """One to three streams; the plan's motors are in the first, or in none."""
    found = []
    for name in draw(st.lists(words.names, max_size=2, unique=True)):
        keys = draw(st.dictionaries(words.names, words.families, max_size=3))
        objects = {f"dev {key}": [key] for key in keys if draw(st.booleans())}
        found.append(_Stream(name, keys, objects))
    keys = draw(st.dictionaries(words.names, words.families, max_size=2))
    primary = _Stream("primary", keys, {})
    if draw(st.booleans()):
        for motor in motors:
            moved = [motor, f"{motor}_setpoint"]
            primary.families |= dict.fromkeys(moved, floats)
            primary.objects[motor] = moved
    return [primary, *(stream for stream in found if stream.name != "primary")]


def act(drawing: _Drawing) -> None:
    """One more step of a run."""
    draw = drawing.draw
    stream = draw(st.sampled_from(drawing.streams))
    action = draw(st.sampled_from(["event"] * 4 + ["page", "describe", "files"]))
    if action == "files":
        (drawing.files if draw(st.booleans()) else drawing.streamed_files)()
    elif action == "describe" or not stream.descriptor:
        drawing.describe(stream)
    elif action == "page":
        drawing.page(stream)
    else:
        drawing.event(stream)


@st.composite
def document_streams(
    draw: Draw, most_runs: int = 2, words: Vocabulary = ODD
) -> list[Document]:
    """One or two runs, one after the other or interleaved."""
    uids = uid_source(draw(st.booleans()))
    streams = [draw(runs(uids, words)) for _ in range(draw(st.integers(1, most_runs)))]
    if len(streams) == 1 or draw(st.booleans()):
        return [document for stream in streams for document in stream]
    merged: list[Document] = []
    while any(streams):
        stream = draw(st.sampled_from([stream for stream in streams if stream]))
        merged.append(stream.pop(0))
    return merged


def uid_source(as_uuid: bool) -> Iterator[str]:
    """Uids that are never the same, and the same at each replay of an example."""
    for number in count():
        yield (
            str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number}"))
            if as_uuid
            else f"u{number}"
        )
