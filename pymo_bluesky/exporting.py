"""Documents into a dataset of their own, as bluesky's suitcases do it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .building import make_dataset
from .errors import PymoError, WriteError
from .layouts import layout_named
from .names import file_prefix as filled_prefix
from .publishing import publish
from .writer import PymodaqWriter
from .writer.landing import Landing

__all__ = ["export"]

_OPTIONS = (
    *("layout", "assets", "lock_timeout", "compression", "compression_level"),
    *("thumbnails", "nexus"),
)


def export(
    documents: Iterable[tuple[str, Mapping[str, Any]]],
    directory: str | os.PathLike[str],
    file_prefix: str = "{uid}",
    **options: Any,
) -> dict[str, list[str]]:
    """Write documents into a PyMoDAQ dataset.

    Parameters
    ----------
    documents
        ``(name, document)`` of one or more runs, in order.
    directory
        Where the file goes; made if missing.
    file_prefix
        Name of the file without ``.h5``: plain text with ``{uid}`` and ``{start[key]}``
        of the first run.
    **options
        `layout`, `assets`, `lock_timeout`, `compression`, `compression_level`,
        `thumbnails` and `nexus` of `PymodaqWriter`.

    Returns
    -------
    dict
        ``{"pymodaq": [path]}``; empty when there were no documents.

    Raises
    ------
    WriteError
        When the file exists or the folder cannot be written. Nothing is replaced, and
        nothing half-written is left.

    Examples
    --------
    >>> import tempfile
    >>> from event_model import compose_run
    >>> run = compose_run(uid="4b1d", time=0.0, metadata={"plan_name": "by hand"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = export([("start", run.start_doc)], folder)
    ...     [Path(path).name for path in files["pymodaq"]]
    ['4b1d.h5']
    """
    unknown = options.keys() - set(_OPTIONS)
    if unknown:
        raise TypeError(
            f"export takes {', '.join(_OPTIONS)}, not {', '.join(sorted(unknown))}"
        )
    layout = layout_named(options.pop("layout", "pymodaq5"))
    stream = iter(documents)
    first = next(stream, None)
    if first is None:
        return {}
    if first[0] != "start":
        raise PymoError(
            f"the first document is a {first[0]}; a run begins with its start document"
        )
    final = Path(directory).expanduser().absolute() / _file_name(file_prefix, first[1])
    _require_free(final)
    work = Path(tempfile.mkdtemp(prefix=".export-", dir=final.parent))
    try:
        draft = work / final.name
        make_dataset(draft, layout, first[1])
        with _DraftWriter(draft, final.parent, **options) as writer:
            writer(*first)
            for name, doc in stream:
                writer(name, doc)
        _require_whole(writer, draft)
        publish(draft, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"pymodaq": [str(final)]}


class _DraftWriter(PymodaqWriter):
    """Writes a dataset that will be in another folder when it is finished."""

    def __init__(self, draft: Path, folder: Path, **options: Any) -> None:
        self._folder = folder
        super().__init__(draft.parent, append_to=draft, renew="never", **options)

    def _made_landing(self, lock_timeout: float, folder: Path | None = None) -> Landing:
        return super()._made_landing(lock_timeout, folder or self._folder)


def _file_name(template: str, start: Mapping[str, Any]) -> str:
    return f"{filled_prefix(template, start)}.h5"


def _require_free(final: Path) -> None:
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            error.errno,
            f"the folder {final.parent} cannot be made: {error.strerror}. Nothing was "
            "written; give a folder that can be made",
        ) from error
    if os.path.lexists(final):
        raise WriteError(
            f"{final} exists already and is not replaced; move it away or give another "
            "file_prefix"
        )
    if not os.access(final.parent, os.W_OK | os.X_OK):
        raise WriteError(
            f"the folder {final.parent} cannot be written; nothing was written"
        )


def _require_whole(writer: PymodaqWriter, draft: Path) -> None:
    """Refuse an export of which a run went elsewhere, because the draft was held."""
    if set(writer.paths.values()) != {draft}:
        raise WriteError(
            f"another program (a backup, an indexer?) had {draft} open while it was "
            "written; nothing was written. Export again"
        )
