"""One byte of a file is flipped, and what a reader and `verify` make of it.

Judged in processes of their own: HDF5 itself dies of some damage.
"""

import random
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from faults.reading import digest

from pymo_bluesky import PymoError, verify
from pymo_bluesky.isolation import Limits, run_each

LIMITS = Limits(memory=4 * 2**30, seconds=120)


def flips(size: int, count: int, seed: int) -> list[tuple[int, int]]:
    """Places and masks: bits, and whole bytes."""
    chance = random.Random(seed)
    masks = [*(1 << bit for bit in range(8)), 0xFF, 0x80, *range(1, 256)]
    return [(chance.randrange(size), chance.choice(masks)) for _ in range(count)]


def everywhere(size: int, step: int = 1) -> list[tuple[int, int]]:
    """Each byte of a file, by one bit that depends on the place."""
    return [(place, 1 << (place % 8)) for place in range(0, size, step)]


def judged(path: str, place: int, mask: int, before: list[str]) -> str:
    """What becomes of a file with a flipped byte.

    ``seen``: `verify` tells an error; ``same``: it does not, and all that is read is as
    it was; ``refused``: it does not, but reading raises; ``silent``: neither.
    """
    warnings.simplefilter("ignore")
    copy = Path(f"{path}.{place}.{mask}.h5")
    data = bytearray(Path(path).read_bytes())
    data[place] ^= mask
    copy.write_bytes(data)
    try:
        if any(problem.severity == "error" for problem in verify(copy, isolated=False)):
            return "seen"
        try:
            now = digest(copy)
        except PymoError:
            return "refused"
        now = [
            text.replace(str(copy), path).replace(copy.name, Path(path).name)
            for text in now
        ]
        changed = [text for text in before if text not in now]
        return f"silent: {changed[:2]}" if now != before else "same"
    finally:
        copy.unlink()


def outcomes(
    path: Path, places: list[tuple[int, int]]
) -> Iterator[tuple[str, int, int]]:
    """Outcome, place and mask of each flip; ``died`` when HDF5 ended the process."""
    before = digest(path)
    jobs = [(str(path), place, mask, before) for place, mask in places]
    for (_, place, mask, _), result in run_each(judged, jobs, limits=LIMITS):
        outcome = f"died: {result}" if isinstance(result, PymoError) else result
        yield outcome, place, mask


def counted(found: list[tuple[str, int, int]]) -> Counter[str]:
    """How often each kind of outcome came."""
    return Counter(outcome.partition(":")[0] for outcome, _, _ in found)
