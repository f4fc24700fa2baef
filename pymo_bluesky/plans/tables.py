"""DAQ_Scan's Tabular scan as a plan: any positions, from an array or a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bluesky.protocols import Movable, Readable

from ..errors import PlanError
from . import points as of
from .checking import Problems, name_of
from .running import Scan, relative, scan_plan, stepwise
from .trajectory import Trajectory

__all__ = ["read_table", "rel_tabular", "tabular"]


@scan_plan
def tabular(
    detectors: Sequence[Readable],
    actuators: Sequence[Movable],
    table: str | Sequence[Any] | Any,
    *,
    step: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> Scan:
    """Visit the positions of a table, row by row, as PyMoDAQ's Tabular.

    Parameters
    ----------
    detectors
        What is read at each point.
    actuators
        What moves, one for each column.
    table
        Positions, shape (rows, actuators), or the path of a file of them: ``.npy``, or
        text with a row a line, as PyMoDAQ saves it.
    step
        Go along the lines from row to row in steps of this length, as PyMoDAQ's
        SubSegmented.
    md
        Metadata of the run.

    Raises
    ------
    PlanError
        Before anything moves, with all that is wrong.

    Examples
    --------
    >>> from ophyd.sim import det, motor1, motor2
    >>> plan = tabular([det], [motor1, motor2], [[0, 0], [0, 1]], step=0.5)
    >>> [float(m.args[0]) for m in plan if m.command == "set" and m.obj is motor2]
    [0.0, 0.5, 1.0]
    """
    problems, trajectory = Problems(), None
    columns = _listed(actuators, problems)
    with problems.noted():
        if step is not None:
            of.check_distance(step)
    with problems.noted():
        positions = _positions(table, len(columns) or None)
        if step is not None and not problems.found:
            positions = of.segments(positions, step)
        trajectory = Trajectory(
            scan_type="Tabular",
            sub_type="Linear" if step is None else "SubSegmented",
            points=positions[:, : len(columns)],
        )
    return stepwise(detectors, columns, trajectory, problems, averaging=1, md=md)


def read_table(path: str | Path) -> np.ndarray:
    r"""Read positions from a file: ``.npy``, or text.

    Parameters
    ----------
    path
        In text, columns lie between tabs, commas, semicolons or blanks; lines that
        begin with ``#`` are comments.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns), float64.

    Raises
    ------
    PlanError
        When it cannot be read, or is no table of numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "points.csv"
    ...     _ = path.write_text("0,1\n2,3\n")
    ...     read_table(path).tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    file = Path(path).expanduser()
    try:
        if file.suffix == ".npy":
            return np.asarray(np.load(file, allow_pickle=False), float)
        lines = file.read_text().splitlines()
        rows = [line.split("#")[0].strip() for line in lines]
        words = [re.split(r"\s*[,;\t]\s*|\s+", row) for row in rows if row]
        return np.array([[float(word) for word in row] for row in words])
    except (OSError, ValueError) as error:
        raise _wrong(f"the table {file} cannot be read: {error}") from error


def _listed(actuators: Any, problems: Problems) -> list[Any]:
    if not isinstance(actuators, (list, tuple)):
        told = f"the actuators are to be a list, not {name_of(actuators)}"
        problems.found.append(told)
        return []
    if not actuators:
        problems.found.append("no actuator is given, expected one for each column")
    return list(actuators)


def _positions(table: Any, columns: int | None) -> np.ndarray:
    """Read and check them; without a number of columns, any number is taken."""
    if isinstance(table, (str, Path)):
        positions = read_table(table)
    else:
        try:
            positions = np.asarray(table, float)
        except (TypeError, ValueError) as error:
            raise _wrong(
                f"the table holds other things than numbers: {error}"
            ) from error
    if not positions.size:
        raise _wrong(f"the table {table!r} is empty, expected a row for each point")
    if positions.ndim == 1 and columns in (1, None):
        positions = positions[:, None]
    if positions.ndim != 2 or columns not in (positions.shape[1], None):
        raise _wrong(
            f"the table has the shape {positions.shape}, expected rows of "
            f"{columns}, one position for each actuator"
        )
    if len(positions) > of.MAX_POINTS:
        raise _wrong(f"the table has {len(positions)} rows, at most {of.MAX_POINTS}")
    return positions


def _wrong(problem: str) -> PlanError:
    return PlanError.of("the scan", [problem])


rel_tabular = relative(tabular)
