"""Which file a converted file was made of, and whether that is still the same.

The new file itself tells: there is no list beside the files that could be lost.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NotFoundError, PymoError, WriteError
from ..layouts import Layout
from ..layouts.attributes import decode
from ..reader import Dataset, identify
from ..store.opening import Source
from .original import GROUP

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """A source as it was when the conversion began.

    Attributes
    ----------
    path
        Of the file.
    size, modified
        In bytes, and in nanoseconds since 1970.
    """

    path: Path
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Provenance:
        """Look at a file.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        if not path.is_file():
            raise NotFoundError(f"there is no file {path}")
        about = path.stat()
        return cls(path, about.st_size, about.st_mtime_ns)

    def fields(
        self, dataset: Dataset, unreadable: Sequence[str], changed: Sequence[str]
    ) -> dict[str, Any]:
        """What the new file tells of its source, and what of that is damaged."""
        told = {"source_unreadable": unreadable, "source_changed": changed}
        lost = {name: list(paths) for name, paths in told.items() if paths}
        return {
            "source": self.path.name,
            "source_bytes": self.size,
            "source_modified": self.modified,
            "source_sha256": _digest(self.path),
            "source_layout": dataset.layout,
            "source_version": dataset.pymodaq_version,
            **lost,
        }

    def copy_to(self, draft: Path) -> None:
        """Copy the source: it is as it would be made."""
        try:
            shutil.copyfile(self.path, draft)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise WriteError(
                error.errno, f"{draft} cannot be written: {error.strerror}"
            ) from error

    def require_unchanged(self) -> None:
        """Refuse what another program changed while it was read."""
        if Provenance.of(self.path) != self:
            raise WriteError(
                f"{self.path} was changed by another program while it was converted; "
                "nothing was written. Convert again when it has finished"
            )

    def made(self, target: Path, layout: Layout) -> str:
        """Why a target that is there needs not be made in a layout.

        Raises
        ------
        WriteError
            When it was not made of this source as it is now.
        """
        try:
            known = self._known(target, layout)
        except PymoError as error:
            raise WriteError(f"{self._there(target)}: {error}") from error
        if known:
            return f"{target} was made of it before{_but(target)}"
        raise WriteError(
            f"{self._there(target)}: it was not made of {self.path} as it is now, in "
            f"the layout {layout.name}; move it away to convert again"
        )

    def _there(self, target: Path) -> str:
        return f"{target} exists already and is not replaced"

    def _known(self, target: Path, layout: Layout) -> bool:
        with Source(target).opened() as tree:
            if identify(tree, target).name != layout.name:
                return False
            ours = _OURS in tree.root.attributes
            node = tree.root.get(GROUP)
            about: Mapping[str, Any] = node.attributes if node else {}
            told = {name: decode(about.get(f"source_{name}")) for name in _TOLD}
        if target.stat().st_size == self.size and ours and _equal(target, self.path):
            return not target.samefile(self.path)  # there was nothing to convert
        if node is None or told["bytes"] != self.size:
            return False
        if told["modified"] == self.modified:
            return True
        return told["sha256"] == _digest(self.path)


def _but(target: Path) -> str:
    with Source(target).opened() as tree:
        node = tree.root.get(GROUP)
        lost = decode(node.attributes.get("source_unreadable")) if node else None
    return f", without {len(lost)} arrays that are damaged" if lost else ""


_OURS = "pymo_bluesky_version"
_TOLD = ("bytes", "modified", "sha256")


def _equal(one: Path, other: Path) -> bool:
    return _digest(one) == _digest(other)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}") from error
