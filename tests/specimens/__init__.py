"""Files that real PyMoDAQs wrote, and how to get a copy of one to write to.

Examples
--------
>>> from specimens import of_version
>>> of_version("1.6")
['1.6.4/dataset_scans', '1.6.4/viewer_continuous_Det0D', '1.6.4/viewer_single_Det1D']
"""

import gzip
import json
from pathlib import Path

__all__ = ["SPECIMENS", "of_version", "truth", "unpacked"]

_HERE = Path(__file__).parent
SPECIMENS = tuple(
    path.relative_to(_HERE).as_posix().removesuffix(".h5.gz")
    for path in sorted(_HERE.rglob("*.h5.gz"))
)
# A glob that finds nothing would turn every test over it green.
if len(SPECIMENS) < 30:
    raise RuntimeError(f"{len(SPECIMENS)} specimens in {_HERE}, 30 expected")


def of_version(*versions: str) -> list[str]:
    """Specimens of some versions, by their first numbers: ``"5"``, ``"3.6"``."""
    found = [
        name
        for name in SPECIMENS
        if any(f"{name.partition('/')[0]}.".startswith(f"{v}.") for v in versions)
    ]
    if not found:
        raise LookupError(f"no specimen of PyMoDAQ {', '.join(versions)}")
    return found


def unpacked(specimen: str, folder: Path) -> Path:
    """A copy of a specimen in a folder."""
    path = folder / f"{specimen.replace('/', '-')}.h5"
    path.write_bytes(gzip.decompress((_HERE / f"{specimen}.h5.gz").read_bytes()))
    return path


def truth(specimen: str) -> dict:
    """What was fed to the program that wrote a specimen."""
    return json.loads(gzip.decompress((_HERE / f"{specimen}.json.gz").read_bytes()))
