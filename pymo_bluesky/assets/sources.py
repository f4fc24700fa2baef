"""External files: looked into, read and named. The edge of `cutting.ExternalFiles`.

Within the folders that are allowed, what documents name is followed wherever it leads:
detectors write master files that point to others.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from ..allowed import ANYWHERE, Allowed
from ..errors import FormatError, MissingExtraError, NotFoundError, printable
from .cutting import Cut, Found, Mode
from .following import check_way
from .handlers import DatumReader, Recent, regular_file
from .references import Wanted
from .resources import Source, numbered, path_of

__all__ = ["AssetFiles", "relative_name"]

_MOST_OPEN = 32


def relative_name(path: str | os.PathLike[str], folder: Path) -> str:
    """Name of a file from a folder, right whatever links lead to either.

    Examples
    --------
    >>> relative_name("/data/images/a.h5", Path("/data/2026"))
    '../images/a.h5'
    """
    given = Path(path)
    real = Path(os.path.realpath(given.parent), given.name)
    return os.path.relpath(real, os.path.realpath(folder))


class AssetFiles:
    """The external files of a run or of a dataset, opened as they are needed.

    Parameters
    ----------
    folder
        Where the dataset is, or will be.
    mode
        What becomes of external data.
    locate
        Where a file is now, by the path that the documents tell; itself by default.
    allowed
        Where files may be that are opened. Anywhere by default: who records documents
        trusts who emits them. Documents in a dataset may come from anybody.
    """

    def __init__(
        self,
        folder: Path,
        mode: Mode = "link",
        locate: Callable[[str], str] = str,
        allowed: Allowed = ANYWHERE,
    ) -> None:
        self.mode: Mode = mode
        self._folder = folder
        self._locate = locate
        self._allowed = allowed
        self._open = Recent[h5py.File](_MOST_OPEN, lambda file: file.close())
        self._datums = DatumReader(allowed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        self._open.clear()
        self._datums.close()

    def name(self, path: str) -> str:
        """Name of a file, relative to the folder of the dataset."""
        return relative_name(path, self._folder)

    def find(self, source: Source) -> Found:
        """Shape and dtype of an array.

        Raises
        ------
        NotFoundError
            When there is no such file, or no such array in it.
        FormatError
            When it is not what the documents say.
        """
        array = self._array(source)
        return Found(tuple(array.shape), array.dtype)

    def read(self, wanted: Wanted, cut: Cut | None) -> np.ndarray:
        """One value, of the shape that its documents mean.

        Parameters
        ----------
        wanted
            Which one.
        cut
            How it is cut out of its array; None where a file or a handler gives it.

        Raises
        ------
        PymoError
            When it cannot be read.
        """
        source = wanted.source
        if source.form == "other":
            if not wanted.resource:
                raise NotFoundError(f"{source.spec} cannot be read")
            path = self._locate(path_of(wanted.resource))
            return self._datums.read(path, wanted.resource, wanted.datum)
        if source.form == "files":
            return self._one_file(source, wanted.number)
        array = self._array(source)
        assert cut is not None
        if not cut.frames:
            return np.asarray(_read(array, (), source)).reshape(cut.value)
        start = wanted.number * cut.step
        if start + cut.frames > array.shape[0]:
            raise NotFoundError(
                f"{printable(source.path)} ends before value {wanted.number}: it holds "
                f"{array.shape[0]} frames"
            )
        part = _read(array, slice(start, start + cut.frames), source)
        return np.asarray(part).reshape(cut.value)

    def _array(self, source: Source) -> Any:
        path = self._file(self._locate(source.path))
        if source.form == "npy":
            return _numpy_file(path)
        if source.form != "hdf5":
            raise NotFoundError(f"{printable(str(path))} is not one array")
        file = self._open.get(path, lambda: _opened(path))
        check_way(file, source.dataset, self._allowed)
        try:
            found = file[source.dataset]
        except (KeyError, ValueError, OSError, RuntimeError) as error:
            raise NotFoundError(
                f"{printable(str(path))} holds no {printable(source.dataset)}"
            ) from error
        if not isinstance(found, h5py.Dataset) or found.shape is None:
            raise FormatError(
                f"{printable(source.dataset)} in {printable(str(path))} is no array"
            )
        return found

    def _file(self, path: str | Path) -> Path:
        self._allowed.check(path)
        return regular_file(path)

    def _one_file(self, source: Source, number: int) -> np.ndarray:
        name = numbered(source.dataset, (), number) or ""
        path = self._file(Path(self._locate(source.path), name))
        if path.suffix == ".npy":
            return _numpy_file(path)
        if path.suffix in (".tif", ".tiff"):
            return _tiff_file(path)
        raise FormatError(f"{printable(str(path))}: only .npy and .tif files are read")


def _read(array: Any, part: Any, source: Source) -> Any:
    try:
        return array[part]
    except MemoryError as error:
        raise FormatError(f"{printable(source.path)} fills the memory") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise FormatError(
            f"{printable(source.path)} cannot be read: {error}. It is damaged, or "
            "compressed by a filter that is not installed (the extra 'assets' brings "
            "hdf5plugin)"
        ) from error


@functools.cache
def _register_filters() -> None:
    """Detectors compress with filters that HDF5 itself does not have."""
    if find_spec("hdf5plugin") is not None:
        import_module("hdf5plugin")


def _opened(path: Path) -> h5py.File:
    _register_filters()
    try:
        return h5py.File(path, "r")
    except OSError as first:
        try:
            # A detector closes its file when it is unstaged: after the run stopped.
            return h5py.File(path, "r", swmr=True)
        except OSError:
            raise FormatError(
                f"{printable(str(path))} cannot be opened as HDF5: {first}"
            ) from first


def _numpy_file(path: Path) -> np.ndarray:
    try:
        # Mapped, a file can give no more than it holds.
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(
            f"{printable(str(path))} is no array of numpy: {error}"
        ) from error


def _tiff_file(path: Path) -> np.ndarray:
    try:
        tifffile: Any = import_module("tifffile")
    except ImportError as error:
        raise MissingExtraError.of("tifffile", "assets") from error
    try:
        return np.asarray(tifffile.imread(path))
    except MemoryError as error:
        raise FormatError(f"{printable(str(path))} fills the memory") from error
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise FormatError(f"{printable(str(path))} is no TIFF: {error}") from error
