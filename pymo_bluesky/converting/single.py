"""One old file to a new one: written aside, compared with the old one, then published.

The documents of each scan are recorded in the new layout, exactly as a run would be;
what they do not carry goes to the group ``Original``.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import store
from ..compression import Compression, compression_named
from ..errors import FormatError, Problem, WriteError, listed
from ..integrity import seal_all
from ..layouts import Layout, layout_named
from ..publishing import publish
from ..reader import Dataset, open_dataset
from ..replaying.comparing import differences
from ..store.opening import Source
from ..verifying import verify
from ..viewing import view_all
from .bounding import require_bounded
from .drafting import drafting
from .keeping import same_values
from .original import original
from .provenance import Provenance
from .rebuilding import Rebuilding
from .results import CHANGED, Conversion
from .salvaging import unreadable

__all__ = ["convert_file"]

_SHOWN = 5


def convert_file(
    source: str,
    target: str,
    layout: str,
    library: str | None = None,
    level: int | None = None,
    nexus: bool = False,
    partial: bool = False,
) -> dict[str, Any]:
    """Convert one file; a function of plain data, so that any process can do it.

    Parameters
    ----------
    source, target
        The file, and the new one.
    layout, library, level
        Of the new one: its layout, and how it is compressed.
    nexus
        Whether it gets plots for viewers of NeXus.
    partial
        Whether arrays that cannot be read are left out.

    Returns
    -------
    dict
        A `Conversion` as plain data.

    Raises
    ------
    NotFoundError, FormatError
        When the source is not there, or no dataset that can be read whole, or claims
        far more values than can lie in it.
    WriteError
        When the target is there and is not what would be made, or cannot be written,
        or another program makes it now (`DatasetBusyError`).
    """
    old, new = Path(source), Path(target)
    made = layout_named(layout)
    wanted = _Wanted(
        compression_named(library, level),
        nexus,
        anew=library is not None or level is not None,
    )
    origin = Provenance.of(old)
    if os.path.lexists(new):
        return _skipped(origin, new, made)
    _make_folder(new.parent)
    with drafting(new) as draft:
        if os.path.lexists(new):  # another program made it meanwhile
            return _skipped(origin, new, made)
        convert = functools.partial(_converted, origin, draft, wanted)
        try:
            result = _whole(old, made, new, convert, partial)
        except FormatError:
            draft.unlink(missing_ok=True)
            found = _salvaged(old, made, new, convert) if partial else None
            if found is None:
                raise
            result = found
        origin.require_unchanged()
        publish(draft, new)
    return result.plain()


def _whole(
    old: Path,
    made: Layout,
    new: Path,
    convert: Callable[..., Conversion],
    partial: bool,
) -> Conversion:
    with open_dataset(old) as dataset:
        changed = _changed(dataset, partial)
        return convert(Rebuilding(dataset, Source(old), made, new), changed)


def _salvaged(
    old: Path, made: Layout, new: Path, convert: Callable[..., Conversion]
) -> Conversion | None:
    """Convert what can be read of a file; None where nothing is left out of it."""
    left_out = _damaged(old)
    rest = Source(old, left_out=left_out)
    with Dataset(old, left_out=left_out) as dataset:
        given_up = dataset.give_up()
        if not left_out and not given_up:
            return None
        changed = _changed(dataset, partial=True)
        result = convert(
            Rebuilding(dataset, rest, made, new),
            changed,
            (*left_out, *(problem.loc for problem in given_up)),
        )
    return replace(result, problems=(*given_up, *result.problems))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How the new file is to be, beside its layout; `anew`: never a mere copy."""

    packed: Compression | None
    nexus: bool
    anew: bool


def _skipped(origin: Provenance, target: Path, layout: Layout) -> dict[str, Any]:
    reason = origin.made(target, layout)
    return Conversion(
        source=origin.path, target=target, status="skipped", reason=reason
    ).plain()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            error.errno,
            f"the folder {folder} cannot be made: {error.strerror}. Nothing was "
            "written; give a folder that can be made",
        ) from error


def _changed(dataset: Dataset, partial: bool) -> tuple[Problem, ...]:
    """What in a dataset of ours is not as it was written; refused unless `partial`.

    The new file has digests of its own, which would hide it.
    """
    if "written_by" not in dataset.attributes:
        return ()
    found = verify(dataset.path, isolated=False)
    wrong = tuple(problem for problem in found if problem.severity == "error")
    if wrong and not partial:
        raise FormatError(
            f"{dataset.path} is not as it was written, which a new file would hide; "
            "nothing was written. `partial=True` (--partial) converts it as it is, and "
            f"tells what changed:\n{listed(wrong[:_SHOWN])}"
        )
    return tuple(replace(problem, kind=CHANGED) for problem in wrong)


def _damaged(path: Path) -> dict[str, str]:
    with Source(path).opened() as tree:
        require_bounded(tree.root, path)
        return unreadable(tree)


def _converted(
    origin: Provenance,
    draft: Path,
    wanted: _Wanted,
    rebuilding: Rebuilding,
    changed: tuple[Problem, ...],
    lost: tuple[str, ...] = (),
) -> Conversion:
    dataset, source = rebuilding.dataset, rebuilding.source
    # Plots that are there may be of some scans only, or of one that was taken away.
    anew = wanted.anew or wanted.nexus or changed or lost
    if rebuilding.nothing_to_do and not anew:
        origin.copy_to(draft)
        kept, problems = (), ()
    else:
        with source.opened() as tree:
            require_bounded(tree.root, dataset.path)
        layout = rebuilding.layout
        told = origin.fields(dataset, lost, [problem.loc for problem in changed])
        operations = rebuilding.operations(told)
        store.create(
            draft,
            operations,
            oldest=layout.oldest_format,
            compression=wanted.packed,
        )
        if wanted.nexus:
            view_all(draft, layout)
        seal_all(draft, layout)
        _require_equal(dataset, source, draft)
        kept, problems = rebuilding.kept, rebuilding.problems
    return Conversion(
        source=dataset.path,
        target=rebuilding.target,
        scans=len(dataset.scans),
        kept=tuple(kept),
        problems=tuple(dict.fromkeys([*changed, *dataset.problems, *problems])),
        unreadable=lost,
    )


def _require_equal(dataset: Dataset, source: Source, draft: Path) -> None:
    """Refuse a new file that does not give back what the old one holds."""
    wrong: list[Problem] = []
    for where, text in _unequal(dataset, source, draft):
        wrong.append(Problem(where, "error", "differs", text))
        if len(wrong) >= _SHOWN:
            break
    if wrong:
        raise WriteError(
            f"{dataset.path} cannot be converted without a difference; nothing was "
            f"written. Please report this:\n{listed(wrong)}"
        )


def _unequal(
    dataset: Dataset, source: Source, draft: Path
) -> Iterator[tuple[str, str]]:
    with open_dataset(draft) as made:
        if len(made.scans) != len(dataset.scans):
            yield "scans", f"{len(dataset.scans)} were, {len(made.scans)} are there"
        for old, new in zip(dataset.scans, made.scans, strict=False):
            for text in differences(old.documents(), new.documents()):
                yield old.path, text
    with source.opened() as tree:
        for node in original(draft):
            if not node.where.startswith("Array"):
                continue
            found = tree.node(node.path)
            if not same_values(found, node.values):
                yield node.path, "its values are not as they were"
