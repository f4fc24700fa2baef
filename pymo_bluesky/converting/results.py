"""What became of the files that were to be converted; knows no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ..errors import Problem

__all__ = ["CHANGED", "Conversion", "Report", "Status"]

CHANGED = "not-as-written"
"""Kind of the problems that tell what digests do not vouch for."""

Status = Literal["converted", "skipped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What became of one file.

    Attributes
    ----------
    source, target
        The file, and the new one.
    status
        ``"converted"``; ``"skipped"``: that was done before, and the source has not
        changed since; ``"failed"``: nothing was written.
    scans
        How many scans were converted.
    kept
        What has no place in the new layout and lies in its group ``Original``: paths
        of unknown nodes, and of unknown attributes (``/Raw_datas/Scan000@comment``).
    problems
        What is remarkable about the source, or could not be shown as it was.
    unreadable
        Arrays that are damaged and not in the new file (only with ``partial=True``).
    reason
        Why it failed, or was skipped.

    Examples
    --------
    >>> print(Conversion(source=Path("a.h5"), target=Path("b.h5"), scans=2))
    a.h5: converted, 2 scans
    """

    source: Path
    target: Path
    status: Status = "converted"
    scans: int = 0
    kept: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    unreadable: tuple[str, ...] = ()
    reason: str = ""

    @property
    def changed(self) -> tuple[str, ...]:
        """What of a file of ours was not as it was written (only with `partial`)."""
        found = (p.loc for p in self.problems if p.kind == CHANGED)
        return tuple(dict.fromkeys(found))

    @classmethod
    def of(cls, source: Path, target: Path, about: Mapping[str, Any]) -> Self:
        """Make it of plain data, as `plain` gives them."""
        return cls(
            source=source,
            target=target,
            status=about["status"],
            scans=about["scans"],
            kept=tuple(about["kept"]),
            unreadable=tuple(about["unreadable"]),
            problems=tuple(Problem(*problem) for problem in about["problems"]),
            reason=about["reason"],
        )

    def plain(self) -> dict[str, Any]:
        """The same as plain data: what JSON can say."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "status": self.status,
            "scans": self.scans,
            "kept": list(self.kept),
            "unreadable": list(self.unreadable),
            "problems": [[p.loc, p.severity, p.kind, p.message] for p in self.problems],
            "reason": self.reason,
        }

    def __str__(self) -> str:
        if self.status != "converted":
            return f"{self.source}: {self.status}: {self.reason}"
        plural = "" if self.scans == 1 else "s"
        line = f"{self.source}: converted, {self.scans} scan{plural}"
        if self.kept:
            line += f"; kept in the group Original: {_some(self.kept)}"
        if self.unreadable:
            line += f"; WITHOUT what cannot be read: {_some(self.unreadable)}"
        if self.changed:
            line += f"; NOT AS IT WAS WRITTEN: {_some(self.changed)}"
        return line


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all files.

    Attributes
    ----------
    results
        One for each file, in the order of their names.

    Examples
    --------
    >>> one = Conversion(source=Path("a.h5"), target=Path("b/a.h5"))
    >>> report = Report((one,))
    >>> print(report)
    1 converted, 0 skipped, 0 failed
    """

    results: tuple[Conversion, ...]

    @property
    def converted(self) -> tuple[Conversion, ...]:
        """What was converted now."""
        return self._of("converted")

    @property
    def partial(self) -> tuple[Conversion, ...]:
        """What was converted now, but for what is damaged."""
        return tuple(r for r in self.results if r.unreadable or r.changed)

    @property
    def skipped(self) -> tuple[Conversion, ...]:
        """What was done before."""
        return self._of("skipped")

    @property
    def failed(self) -> tuple[Conversion, ...]:
        """What could not be converted."""
        return self._of("failed")

    def _of(self, status: Status) -> tuple[Conversion, ...]:
        return tuple(result for result in self.results if result.status == status)

    def __iter__(self) -> Iterator[Conversion]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __str__(self) -> str:
        return (
            f"{len(self.converted)} converted, {len(self.skipped)} skipped, "
            f"{len(self.failed)} failed"
        )


def _some(names: tuple[str, ...], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
