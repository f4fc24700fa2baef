"""One damaged file, and what reading all of it comes to; run in workers."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from faults.reading import digest

from pymo_bluesky import PymoError
from pymo_bluesky.isolation import Limits, run_each

__all__ = ["outcomes", "read_damaged"]

LIMITS = Limits(memory=3 * 2**30, seconds=60)


def read_damaged(path: str, place: int, mask: int) -> str:
    """``read`` or ``refused``; of anything else than our errors the worker tells.

    Parameters
    ----------
    path
        The file, which stays as it is.
    place, mask
        Which byte of a copy is damaged, and what it is combined with; mask 0 cuts the
        copy off there.
    """
    warnings.simplefilter("ignore")
    data = bytearray(Path(path).read_bytes())
    if mask:
        data[place] ^= mask
    else:
        del data[place:]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, Path(path).name)
        copy.write_bytes(data)
        try:
            digest(copy)
        except PymoError:
            outcome = "refused"
        else:
            outcome = "read"
        assert copy.read_bytes() == data, "the file was written to"
        assert [found.name for found in Path(folder).iterdir()] == [copy.name]
    return outcome


def outcomes(
    path: Path, damage: list[tuple[int, int]]
) -> Iterator[tuple[str, int, int]]:
    """Outcome, place and mask of each; an outcome of more than a word is an error."""
    jobs = [(str(path), place, mask) for place, mask in damage]
    for (_, place, mask), result in run_each(read_damaged, jobs, limits=LIMITS):
        yield str(result), place, mask
