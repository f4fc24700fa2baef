"""What is copied from a mould is what would have been made anew."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pymo_bluesky.operations import Append, MakeArray, MakeGroup, Operation, WriteSlab
from pymo_bluesky.store import create, moulds

TEXTS = [
    {"CLASS": "EARRAY", "label": "a", "units": "", "time": "1.5"},
    {"CLASS": "EARRAY", "label": "b", "units": "", "time": "1.5"},
    {"CLASS": "EARRAY", "label": "ccc", "units": "mm", "time": "2.25"},
    {"CLASS": "EARRAY", "label": "", "units": "µm", "time": "2.5"},
    {"CLASS": "EARRAY", "label": "b", "units": "", "time": "1.5"},
]
FORMS: dict[str, dict[str, Any]] = {
    "plain": {"shape": (3, 2), "dtype": np.dtype("<f8")},
    "filled": {"shape": (3, 2), "dtype": np.dtype("<c16"), "fill": np.nan},
    "growing": {"shape": (3, 2), "dtype": np.dtype(">i2"), "growing": True},
    "packed": {"shape": (300,), "dtype": np.dtype("u1"), "packed": True},
    "empty": {
        "shape": (0,),
        "dtype": np.dtype("u1"),
        "packed": True,
        "growing": True,
    },
}


def about(node: Any) -> Any:
    """All that a node is, but for its values."""
    attributes = {}
    for name in node.attrs:
        handle = h5py.h5a.open(node.id, name.encode())
        kind = handle.get_type()
        attributes[name] = kind.get_size(), kind.get_cset(), node.attrs[name]
    if isinstance(node, h5py.Group):
        return attributes
    fill = node.fillvalue
    form = node.shape, node.maxshape, node.dtype, node.chunks, node.compression
    more = node.compression_opts, node.shuffle, node.fletcher32, np.isnan(fill), fill
    times = node.id.get_create_plist().get_fill_time()
    return attributes, form, str(more), times


def written(path: Path, form: dict[str, Any] | None, *, oldest: bool) -> list[Any]:
    operations: list[Operation] = []
    for n, texts in enumerate(TEXTS):
        if form is None:
            operations.append(MakeGroup(f"/n{n}", texts))
            continue
        made = MakeArray(path=f"/n{n}", attributes=texts, **form)
        operations.append(made)
        if 0 in made.shape:
            operations.append(Append(made.path, np.full(7, n, made.dtype)))
        else:
            values = np.full(made.shape, n, made.dtype)
            operations.append(WriteSlab(made.path, (0,) * len(made.shape), values))
    create(path, operations, oldest=oldest)
    with h5py.File(path) as file:
        for n in range(len(TEXTS) if form else 0):
            values = file[f"n{n}"][()]
            assert values.size
            assert (values == n).all()
        return [about(file[f"n{n}"]) for n in range(len(TEXTS))]


@pytest.mark.parametrize("oldest", [False, True], ids=["v110", "oldest"])
@pytest.mark.parametrize("form", [None, *FORMS.values()], ids=["group", *FORMS])
def test_a_node_from_a_mould_is_as_one_made_anew(
    form: dict[str, Any] | None,
    oldest: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [written(tmp_path / f"{n}.h5", form, oldest=oldest) for n in range(2)]
    monkeypatch.setattr(
        moulds.Moulds,
        "make",
        lambda _self, file, path, _kind, attributes, make: moulds.set_attributes(
            make(file, path), attributes, new=True
        ),
    )
    anew = written(tmp_path / "anew.h5", form, oldest=oldest)
    assert found == [anew, anew]


def test_moulds_that_are_many_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moulds, "_MOST_KINDS", 2)
    operations = [
        MakeGroup(f"/n{n}{a}", {name: a})
        for n in range(9)
        for name in "xyz"
        for a in name
    ]
    create(tmp_path / "a.h5", operations)
    with h5py.File(tmp_path / "a.h5") as file:
        assert {name: dict(node.attrs) for name, node in file.items()} == {
            f"n{n}{a}": {a: np.bytes_(a)} for n in range(9) for a in "xyz"
        }


def test_each_thread_has_moulds_of_its_own(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def many(n: int) -> None:
        try:
            for k in range(20):
                operations = [MakeGroup(f"/n{k}", {"a": "b" * k}) for k in range(9)]
                create(tmp_path / f"{n}-{k}.h5", operations)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=many, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
