"""What can go wrong, in words a user can act on; knows no files, no documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AppendError",
    "CrashError",
    "DatasetBusyError",
    "FormatError",
    "JournalError",
    "LayoutError",
    "MissingExtraError",
    "NotFoundError",
    "PlanError",
    "Problem",
    "PymoError",
    "SilentRunError",
    "WriteError",
    "listed",
    "printable",
]

Severity = Literal["error", "warning"]


class PymoError(Exception):
    """Base of every error this package raises on purpose.

    The message says what was found, where, what was expected and what to do.

    Examples
    --------
    >>> raise PymoError("nothing to do")
    Traceback (most recent call last):
    ...
    pymo_bluesky.errors.PymoError: nothing to do
    """


class FormatError(PymoError, ValueError):
    """A file is not what it claims to be (not HDF5, not PyMoDAQ, damaged)."""


class CrashError(FormatError):
    """A file makes the process that reads it die, hang, or fill its memory."""


class LayoutError(PymoError, ValueError):
    """A layout was asked for that does not exist, or a node has no place in it."""


class NotFoundError(PymoError, LookupError):
    """A scan, detector, device or run was asked for that is not there."""


class PlanError(PymoError, ValueError):
    """A plan was refused before anything moved; `problems` tells all that is wrong.

    Examples
    --------
    >>> print(PlanError.of("scan_1d", ["num is 0, expected 1 or more"]))
    scan_1d is refused, nothing has moved: num is 0, expected 1 or more
    """

    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, what: str, problems: Iterable[str]) -> PlanError:
        """Build the error for the plan `what`: one problem a line."""
        found = tuple(problems)
        lines = (
            f" {found[0]}" if len(found) == 1 else "".join(f"\n  - {p}" for p in found)
        )
        error = cls(f"{what} is refused, nothing has moved:{lines}")
        error.problems = found
        return error


class WriteError(PymoError, OSError):
    """Data could not be written (folder, disk, permission); says what is safe."""

    def __str__(self) -> str:
        # OSError puts the number before the words; `errno` still holds it.
        return str(self.args[-1]) if self.args else ""


class AppendError(WriteError):
    """A scan could not be added to a dataset; the dataset is as it was."""


class DatasetBusyError(AppendError):
    """Another program holds the dataset; nothing was changed, trying later may do."""


class JournalError(PymoError, ValueError):
    """A journal is damaged, foreign, or still being written by a living process."""


class SilentRunError(PymoError, TimeoutError):
    """A run that is followed goes on, but nothing came of it for too long."""


class MissingExtraError(PymoError, ImportError):
    """An optional dependency is missing; names the extra that brings it.

    Examples
    --------
    >>> str(MissingExtraError.of("guarneri", "devices"))[:44]
    'guarneri is not installed; it comes with the'
    """

    @classmethod
    def of(cls, module: str, extra: str) -> MissingExtraError:
        """Build the error for `module`, which the extra `extra` brings."""
        return cls(
            f"{module} is not installed; it comes with the extra {extra!r}: "
            f'pip install "pymo-bluesky[{extra}]"'
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file or a stream of documents.

    Attributes
    ----------
    loc
        Where: an HDF5 path or the uid of a document.
    severity
        ``"error"``: data cannot be read or are wrong; ``"warning"``: the rest holds.
    kind
        A short word to sort by, e.g. ``"missing-attribute"``.
    message
        What was found and what was expected.

    Examples
    --------
    >>> print(Problem("/RawData/Scan000", "warning", "no-stop", "the run never ended"))
    warning: /RawData/Scan000: the run never ended (no-stop)
    """

    loc: str
    severity: Severity
    kind: str
    message: str

    def __str__(self) -> str:
        # Some texts come out of files.
        return printable(f"{self.severity}: {self.loc}: {self.message} ({self.kind})")


def listed(problems: Iterable[Problem]) -> str:
    """Problems as the lines of one message, so that all are told at once."""
    return "\n".join(f"  - {problem}" for problem in problems)


def printable(text: str) -> str:
    r"""Text out of a file as a terminal can show it: control characters are escaped.

    Examples
    --------
    >>> printable("/RawData/\x1b[31mScan000")
    '/RawData/\\x1b[31mScan000'
    """
    if text.isprintable():
        return text
    escaped = (c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return "".join(
        c if c.isprintable() else e for c, e in zip(text, escaped, strict=True)
    )
