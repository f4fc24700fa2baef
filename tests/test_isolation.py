"""What runs in a process of its own may die there, and only there."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pymo_bluesky.errors import CrashError, FormatError, NotFoundError, PymoError
from pymo_bluesky.isolation import Limits, Worker, run_each, run_isolated


def twice(values):
    return {"twice": 2 * values, "by": os.getpid()}


def die(number):
    os.kill(os.getpid(), number)


def leave(code):
    os._exit(code)


def refuse(path):
    raise NotFoundError(f"there is no {path}")


def fail():
    raise ZeroDivisionError("\x1b[31mnothing")


def fill(size):
    return np.ones(size, np.uint8)


def sleep(seconds):
    time.sleep(seconds)


def die_of_odd(number):
    if number % 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


@pytest.fixture
def worker():
    with Worker(Limits(seconds=60)) as worker:
        yield worker


def test_arrays_go_there_and_come_back(worker):
    values = np.arange(2**20, dtype=">i4").reshape(4, -1)
    answer = worker.call(twice, values)
    np.testing.assert_array_equal(answer["twice"], 2 * values)
    assert answer["by"] != os.getpid()


def test_one_process_answers_call_after_call(worker):
    first, second = (worker.call(twice, 1)["by"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_death_names_its_signal_and_the_next_call_works(number, worker):
    with pytest.raises(CrashError, match=number.name):
        worker.call(die, int(number))
    assert worker.call(twice, 2)["twice"] == 4


def test_leaving_is_told_too(worker):
    with pytest.raises(CrashError, match="exit code 3"):
        worker.call(leave, 3)


def test_an_error_comes_back_as_itself(worker):
    with pytest.raises(NotFoundError, match=r"^there is no a\.h5$"):
        worker.call(refuse, "a.h5")
    with pytest.raises(PymoError, match="nothing") as told:
        worker.call(fail)
    assert "\x1b" not in str(told.value)
    assert "test_isolation.py" in "".join(told.value.__notes__)


def test_memory_is_bounded():
    with Worker(Limits(memory=2**30)) as worker:
        assert worker.call(fill, 2**20).size == 2**20
        with pytest.raises(CrashError, match="memory"):
            worker.call(fill, 2**31)


def test_a_worker_may_have_workers_with_no_more_memory_than_it_has():
    with Worker(Limits(memory=2 * 2**30)) as worker:
        assert worker.call(filled_by_another, 2**20) == 2**20
        with pytest.raises(CrashError, match="memory"):
            worker.call(filled_by_another, 3 * 2**30)


def filled_by_another(size):
    return run_isolated(fill, size, limits=Limits(memory=8 * 2**30)).size


def test_time_is_bounded_and_a_late_answer_is_nobodys():
    with Worker(Limits(seconds=60)) as worker:
        before = worker.call(twice, 1)["by"]
        worker.limits = Limits(seconds=0.2)
        with pytest.raises(CrashError, match=r"within 0.2 s"):
            worker.call(sleep, 3600)
        worker.limits = Limits(seconds=60)
        assert worker.call(twice, 3)["twice"] == 6
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_a_caller_that_is_interrupted_ends_the_process(worker, monkeypatch):
    worker.call(twice, 1)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(worker, "_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.call(twice, 5)
    assert worker.call(twice, 2)["twice"] == 4


def test_threads_share_a_worker(worker):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: worker.call(twice, n)["twice"], range(20)))
    assert answers == [2 * n for n in range(20)]


def test_closing_ends_the_call_of_another_thread(worker):
    pid = worker.call(twice, 1)["by"]
    caught = []

    def wait():
        try:
            worker.call(sleep, 3600)
        except CrashError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not worker._lock.locked():
        time.sleep(0.01)
    worker.close()
    thread.join(60)
    assert not thread.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_each_thing_has_its_own_outcome():
    jobs = [(n,) for n in range(6)]
    found = dict(run_each(die_of_odd, jobs, workers=2))
    assert set(found) == set(jobs)
    for (number,), outcome in found.items():
        if number % 2:
            assert isinstance(outcome, FormatError)
            assert "SIGSEGV" in str(outcome)
        else:
            assert outcome == number


def test_a_pool_that_is_given_up_leaves_no_process():
    jobs = [(3600,)] * 3
    found = run_each(sleep, [*jobs, (0,)], workers=4)
    assert next(found) == ((0,), None)
    found.close()


def test_its_caller_killed_it_ends():
    """Otherwise each `kill -9` would leave a process behind."""
    status = Path(f"/proc/{run_isolated(begin_another)}/stat")
    deadline = time.monotonic() + 60
    while status.exists() and ") Z " not in status.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def begin_another():
    global kept
    kept = Worker()
    return kept.call(twice, 1)["by"]
