"""Fixtures for the whole suite: the corpus of document streams, and the judges."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from corpus import STREAMS
from hypothesis import settings
from oracle.environments import OracleMissingError
from oracle.judge import (
    BROWSER5,
    LOADER5,
    LOADER36,
    SAVER5,
    Judge,
    Script,
    judging,
)

# The same examples every time: a test that fails by chance is no test. `PYMO_HUNT=1`
# looks for others, and keeps those that fail.
settings.register_profile("steady", derandomize=True, database=None)
settings.register_profile("hunt", print_blob=True)
settings.load_profile("hunt" if os.environ.get("PYMO_HUNT") else "steady")

REQUIRED = "PYMO_REQUIRE_ORACLES"
SHARED = "PYMO_SHARED"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Catalogs keep their indexes in the user's cache, but for those of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYMO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _garbage_is_collected_where_it_was_made() -> Iterator[None]:
    """What a module leaves open fails that module, not whichever comes later.

    A warning of an unclosed socket comes when the garbage is collected, which may be
    in the next module, that knows nothing of it and does not expect it.
    """
    yield
    gc.collect()


@pytest.fixture(scope="session")
def pymodaq5() -> Iterator[Judge]:
    """PyMoDAQ 5's own loader (pymodaq-data 5.3.0)."""
    with _judge_or_skip(LOADER5) as judge:
        yield judge


@pytest.fixture(scope="session")
def pymodaq36() -> Iterator[Judge]:
    """PyMoDAQ 3.6.13's own reader, for the layout ``pymodaq3``."""
    with _judge_or_skip(LOADER36) as judge:
        yield judge


@pytest.fixture(scope="session")
def h5browser() -> Iterator[Judge]:
    """PyMoDAQ 5's H5Browser, offscreen."""
    with _judge_or_skip(BROWSER5) as judge:
        yield judge


@pytest.fixture(scope="session")
def pymodaq5_saver() -> Iterator[Judge]:
    """PyMoDAQ 5's own savers, which add a scan to a file."""
    with _judge_or_skip(SAVER5) as judge:
        yield judge


@contextmanager
def _judge_or_skip(script: Script) -> Iterator[Judge]:
    with _missing_is_told(script.environment.name), judging(script) as judge:
        yield judge


@contextmanager
def _missing_is_told(name: str) -> Iterator[None]:
    """Skip by name for a user; fail where the judges are demanded (`.ci/run`)."""
    try:
        yield
    except OracleMissingError as error:
        if os.environ.get(REQUIRED):
            pytest.fail(f"oracle demanded by {REQUIRED}, but: {error}", pytrace=False)
        pytest.skip(f"no oracle: {error}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``corpus_stream`` runs on every stream of the corpus."""
    if "corpus_stream" in metafunc.fixturenames:
        metafunc.parametrize("corpus_stream", STREAMS, ids=lambda path: path.stem)


@pytest.fixture
def permissions_hold(tmp_path: Path) -> None:
    """Skip where permissions stop nobody: root, unless it gave up that power."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("permissions do not hold for this user (root)")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of material beside a developer's checkout; never in a clone."""
    folder = Path(os.environ.get(SHARED) or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} ({SHARED} names another)")
    return folder
