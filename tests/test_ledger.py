"""Digests from operations are those of what a reader gets, or they are left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pymo_bluesky.checksums import checksum
from pymo_bluesky.filed import Filed, Handle
from pymo_bluesky.integrity import Ledger, take
from pymo_bluesky.operations import (
    Append,
    MakeArray,
    MakeGroup,
    Operation,
    SetAttributes,
    WriteSlab,
)
from pymo_bluesky.store import create, open_tree

F8, U1 = np.dtype("<f8"), np.dtype("u1")
PLAIN: dict[str, Any] = {
    "CLASS": "CARRAY",
    "TITLE": "",
    "units": "µm",
    "odd": "\udc80",
    "shape": '{"type": "tuple", "data": "(3, 2)"}',
    "flag": np.True_,
    "count": 3,
    "step": 0.1,
    "list": np.array([1, 2], np.int16),
}


def array(path: str, shape: tuple[int, ...], dtype: Any = F8, **more: Any) -> MakeArray:
    return MakeArray(path=path, shape=shape, dtype=np.dtype(dtype), **more)


def rows(n: int, dtype: Any = F8) -> np.ndarray:
    return np.arange(n * 2).reshape(n, 2).astype(dtype)


CERTAIN: dict[str, list[Operation]] = {
    "a group": [MakeGroup("/s/x", PLAIN)],
    "values at once": [array("/s/x", (3, 2), attributes=PLAIN, data=rows(3))],
    "values in steps": [
        array("/s/x", (3, 2), growing=True),
        WriteSlab("/s/x", (0, 0), rows(2)),
        WriteSlab("/s/x", (2,), rows(1)),
    ],
    "a row in parts": [
        array("/s/x", (1, 4)),
        WriteSlab("/s/x", (0, 0), np.arange(2.0)),
        WriteSlab("/s/x", (0, 2), np.arange(2.0)),
    ],
    "not contiguous": [array("/s/x", (2, 3), data=rows(3).T)],
    "appended": [
        array("/s/x", (0,), U1, growing=True, packed=True),
        Append("/s/x", np.arange(5, dtype=U1)),
        Append("/s/x", np.arange(7, dtype=U1)),
    ],
    "of other dtypes": [
        array("/s/x", (3, 2), ">i2", data=rows(3, ">i2")),
        array("/s/y", (3, 2), bool, data=rows(3, bool)),
        array("/s/z", (3, 2), "<c8", data=rows(3, "<c8")),
        array("/s/w", (3, 2), "<f2", data=rows(3, "<f2")),
    ],
    "nothing": [array("/s/x", (0, 2), growing=True)],
    "attributes that are set later": [
        MakeGroup("/s/x", PLAIN),
        array("/s/y", (3, 2), attributes=PLAIN),
        SetAttributes("/s/x", {"pixmap2D": "p" * 5_000, "units": "mm"}),
        SetAttributes("/s/x", {"units": "m"}),
        SetAttributes("/s/y", {"pixmap1D": "p" * 5_000}),
        WriteSlab("/s/y", (0, 0), rows(3)),
    ],
}
READ: dict[str, list[Operation]] = {
    "a long text": [MakeGroup("/s/x", {"a": "a" * 70_000})],
    "a part": [array("/s/x", (3,), fill=np.nan), WriteSlab("/s/x", (0,), np.ones(2))],
    "behind a gap": [array("/s/x", (3,)), WriteSlab("/s/x", (1,), np.ones(2))],
    "twice": [
        array("/s/x", (3,), data=np.ones(3)),
        WriteSlab("/s/x", (0,), np.zeros(3)),
    ],
    "backwards": [
        array("/s/x", (2,)),
        WriteSlab("/s/x", (1,), np.ones(1)),
        WriteSlab("/s/x", (0,), np.zeros(1)),
    ],
    "columns": [
        array("/s/x", (3, 2)),
        WriteSlab("/s/x", (0, 0), rows(3)[:, :1]),
        WriteSlab("/s/x", (0, 1), rows(3)[:, 1:]),
    ],
    "other values": [array("/s/x", (3,), "<i4", data=np.ones(3, "<i8"))],
    "changed later": [
        MakeGroup("/s/x", PLAIN),
        SetAttributes("/s/x", {"TITLE": "a" * 70_000}),
    ],
}


def spectra(folder: Path, n: int) -> tuple[Filed, np.ndarray]:
    """Rows that lie in a file, as those of a journal do."""
    values = np.arange(n * 300.0).reshape(n, 300)
    (folder / "rows").write_bytes(values.tobytes())
    checks = [checksum(row.tobytes()) for row in values]
    with (folder / "rows").open("rb") as file:
        places = np.arange(n) * values[0].nbytes
        handle = Handle(file.fileno())
        return Filed(handle, places, checks, (300,), values.dtype), values


def noted(path: Path, operations: list[Operation]) -> Ledger:
    ledger = Ledger()
    create(path, [MakeGroup("/s"), *ledger.noting(operations)])
    return ledger


@pytest.mark.parametrize("case", CERTAIN)
def test_what_is_written_tells_the_digest_of_what_is_read(
    case: str, tmp_path: Path
) -> None:
    ledger = noted(tmp_path / "a.h5", CERTAIN[case])
    with open_tree(tmp_path / "a.h5") as tree:
        found = take(tree.node("/s"))
    assert {name: ledger.digest(f"/s/{name}") for name in found if name} == {
        name: digest for name, digest in found.items() if name
    }
    assert len(found) == 1 + len(ledger.paths("/s"))


@pytest.mark.parametrize("case", READ)
def test_what_is_not_certain_has_to_be_read(case: str, tmp_path: Path) -> None:
    ledger = noted(tmp_path / "a.h5", READ[case])
    assert ledger.digest("/s/x") is None
    assert ledger.paths("/s/x") == ["/s/x"]


def test_rows_of_a_file_are_not_summed_up_again(tmp_path: Path) -> None:
    filed, values = spectra(tmp_path, 7)
    made = array("/s/x", (7, 300))
    steps = [
        made,
        WriteSlab("/s/x", (0,), filed[:4]),
        WriteSlab("/s/x", (4,), filed[4:]),
    ]
    ledger = noted(tmp_path / "a.h5", steps)
    with open_tree(tmp_path / "a.h5") as tree:
        np.testing.assert_array_equal(tree.node("/s/x")[()], values)
        assert take(tree.node("/s"))["x"] == ledger.digest("/s/x")


def test_rows_of_a_file_that_come_in_another_order_have_to_be_read(
    tmp_path: Path,
) -> None:
    filed, values = spectra(tmp_path, 7)
    made = array("/s/x", (7, 300))
    steps = [
        made,
        WriteSlab("/s/x", (4,), filed[4:]),
        WriteSlab("/s/x", (0,), filed[:4]),
    ]
    assert noted(tmp_path / "a.h5", steps).digest("/s/x") is None
    with open_tree(tmp_path / "a.h5") as tree:
        np.testing.assert_array_equal(tree.node("/s/x")[()], values)
