"""What was converted, a real PyMoDAQ opens: 5 with both backends, and 3.6."""

import pytest
from oracle.judge import BACKENDS, WAYS, check
from specimens import SPECIMENS, unpacked

from pymo_bluesky import convert

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
# A continuous save without a row, and a run that failed, leave nothing to be loaded.
EMPTY = {"1.6.4/viewer_continuous_Det0D"}
LOADED = [specimen for specimen in SPECIMENS if specimen not in EMPTY]


@pytest.mark.parametrize("specimen", LOADED)
def test_pymodaq_5_opens_it(pymodaq5, specimen, tmp_path):
    new = tmp_path / "new.h5"
    convert(unpacked(specimen, tmp_path), new)
    for backend in BACKENDS:
        for how in WAYS:
            check(pymodaq5, new, backend, how)


@pytest.mark.parametrize("specimen", LOADED)
def test_pymodaq_36_opens_it(pymodaq36, specimen, tmp_path):
    new = tmp_path / "new.h5"
    convert(unpacked(specimen, tmp_path), new, "pymodaq3")
    pymodaq36.check(new)
