"""External data of a run while it is recorded: plans, arrays, and notes of both; pure.

The notes are lines of the document store: which files the documents tell of and how
they are named from the dataset's folder, and which arrays of the tree show what.
`filling` and `relocating` read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..assets import AssetSurvey, External, Key
from ..assets.cutting import ExternalFiles
from ..assets.resources import path_of
from ..columns import ColumnPlan
from ..errors import Problem
from ..navigation.points import Navigation, stretches
from ..operations import MakeArray, MakeVirtual, Operation
from .external import Shown, show
from .storing import DocumentStore

__all__ = ["Deposit"]


@dataclass(slots=True)
class Deposit:
    """The external data of one run.

    Parameters
    ----------
    survey
        What the documents say.
    files
        Looks into the files; None: external data are not shown.
    late
        What went wrong only when values were copied.

    Examples
    --------
    >>> deposit = Deposit(AssetSurvey(), None)
    >>> deposit.plans(0)
    {}
    """

    survey: AssetSurvey
    files: ExternalFiles | None
    late: list[Problem] = field(default_factory=list[Problem])
    _external: list[External] = field(init=False)
    _shown: dict[Key, tuple[Shown, Navigation]] = field(
        default_factory=dict[Key, tuple[Shown, Navigation]]
    )

    def __post_init__(self) -> None:
        idle = self.files is None or self.files.mode == "ignore"
        self._external = [] if idle else list(self.survey.external())

    def seq_nums(self, stream: int) -> np.ndarray:
        """What stream datums count in a stream, shape (n,); ascending, each once."""
        told = [
            external.ranges.each_row()[0]
            for external in self._external
            if external.streamed and external.key.stream == stream
        ]
        return np.unique(np.concatenate(told)) if told else np.zeros(0, np.int64)

    def plan(
        self,
        stream: int,
        seq_nums: np.ndarray,
        navigation: Navigation,
        held: Set[str],
    ) -> list[Problem]:
        """Plan what a stream shows; gives what it cannot show.

        Parameters
        ----------
        seq_nums, navigation
            Of the rows of the stream.
        held
            Data keys whose events hold arrays after all.
        """
        problems: list[Problem] = []
        for external in self._external:
            if external.key.stream != stream or external.key.name in held:
                continue
            assert self.files is not None
            shown, found = show(external, seq_nums, navigation, self.files, self.survey)
            problems.extend(found)
            if shown is not None:
                self._shown[external.key] = shown, navigation
        return problems

    def plans(self, stream: int) -> dict[str, ColumnPlan]:
        """A plan for each external data key of a stream that is shown."""
        return {
            key.name: shown.plan
            for key, (shown, _) in self._shown.items()
            if key.stream == stream
        }

    def placed(
        self, stream: int, name: str, made: MakeArray
    ) -> MakeArray | MakeVirtual | None:
        """What makes the array of a data key; None when it is no external one."""
        shown = self._shown.get(Key(stream, name))
        return None if shown is None else shown[0].placed(made)

    def operations(self, store: DocumentStore) -> Iterator[Operation]:
        """Copy what is to be copied, and note what was shown where."""
        if self.files is None:
            return
        for path in self._paths():
            yield from store.note(["file", path, self.files.name(path)])
        for key, (shown, navigation) in self._shown.items():
            if not shown.path:
                continue
            note: dict[str, Any] = {
                "tree": shown.path.removeprefix(f"{store.scan}/"),
                "mode": shown.mode,
                "value": list(shown.cut.value),
            }
            if shown.mode == "embed":
                yield from self._copied(store, shown, navigation, note)
            yield from store.note(["array", key.stream, key.name, note])

    def _paths(self) -> list[str]:
        told = [path_of(doc) for doc in self.survey.resources.values()]
        linked = [
            source.path
            for shown, _ in self._shown.values()
            if shown.mode == "link"
            for source in shown.external.sources
        ]
        return [path for path in dict.fromkeys([*told, *linked]) if path]

    def _copied(
        self,
        store: DocumentStore,
        shown: Shown,
        navigation: Navigation,
        note: dict[str, Any],
    ) -> Iterator[Operation]:
        assert self.files is not None
        beside = ""
        if (shown.points >= navigation.size).any():
            made = store.beside(
                shown.external.key.stream,
                f"Frames{list(self._shown).index(shown.external.key):03d}",
                (navigation.overflow, *shown.cut.signal),
                shown.dtype,
            )
            yield made
            beside = made.path
            note["beside"] = beside.removeprefix(f"{store.scan}/")
        yield from shown.copied(self.survey, self.files, navigation.shape, beside)
        self._tell_missed(shown)
        rows = shown.rows[~np.isin(shown.rows, list(shown.missed))]
        note["rows"] = stretches(rows)
        note["streamed"] = shown.external.streamed

    def _tell_missed(self, shown: Shown) -> None:
        if not shown.missed:
            return
        key = shown.external.key
        where = f"stream {self.survey.stream_name(key.stream)!r}"
        message = (
            f"{len(shown.missed)} of {len(shown.rows)} values of {key.name!r} could "
            f"not be copied: {next(iter(shown.missed.values()))}"
        )
        self.late.append(Problem(where, "warning", "external", message))
