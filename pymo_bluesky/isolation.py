"""Functions run in a process of their own, which may die; knows no files, no HDF5.

No reader of HDF5 can promise to outlive what it reads: of some thousand damaged files
one ends the process by a signal. A `Worker` is such a process, with bounds on its
memory and time. What passes between it and us is plain data (`values.pack`), never a
pickle: what a file did to the worker it cannot do to the process that asked.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from typing import Any, Self

import msgpack

from . import errors
from .errors import CrashError, PymoError, printable

__all__ = ["Limits", "Worker", "run_each", "run_isolated", "serve"]

_MOST_TEXT = 2000
_GRACE = 10.0
"""Seconds after which a worker whose caller died too ends itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use.

    Attributes
    ----------
    memory
        Bytes of address space; numpy and HDF5 take some 300 MiB of it before they do
        anything. 0: no limit.
    seconds
        Of one call.
    """

    memory: int = 4 * 2**30
    seconds: float = 600.0


_ERRORS: dict[str, type[PymoError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, PymoError)
}


class Worker:
    """A process that runs functions, one after another; started when it is needed.

    When it dies, the call that it died of raises `CrashError`, and the next call starts
    another. Several threads may share one.

    Parameters
    ----------
    limits
        What it may use.

    Examples
    --------
    >>> with Worker() as worker:
    ...     worker.call(os.path.join, "data", "a.h5")
    'data/a.h5'
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run a function there.

        Parameters
        ----------
        function
            One that can be imported by its name.
        *args, **options
            Numbers, texts, paths (which become texts), containers and numpy arrays;
            and so is what it gives back.

        Raises
        ------
        CrashError
            When the process dies, or needs more memory or time than it may.
        PymoError
            The function's own; any other error that it raises becomes one.
        """
        name = f"{function.__module__}:{function.__qualname__}"
        plain = [_plain(a) for a in args], {k: _plain(a) for k, a in options.items()}
        with self._lock:
            pipe = self._started()
            try:
                _send(pipe, [name, *plain])
                answer = self._answer(pipe, name)
            except (EOFError, ConnectionError) as error:
                raise CrashError(f"{name} {self._death()}") from error
            except BaseException:
                self._end()  # its answer would be taken for that of the next call
                raise
        return _given(answer, name)

    def close(self) -> None:
        """End the process; a call that another thread waits for fails."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _started(self) -> Connection:
        if self._pipe is None:
            self._pipe, there = Pipe()
            with there:
                limits = f"{self.limits.memory!r}, {self.limits.seconds!r}"
                begin = f"serve({there.fileno()}, {limits})"
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-P", "-c"),
                        f"from {__name__} import serve; {begin}",
                    ],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[there.fileno()],
                    env={
                        **os.environ,
                        "PYTHONPATH": os.pathsep.join(p or "." for p in sys.path),
                        "OPENBLAS_NUM_THREADS": "1",  # each reserves memory
                    },
                )
        return self._pipe

    def _answer(self, pipe: Connection, name: str) -> Any:
        if not pipe.poll(self.limits.seconds):
            raise CrashError(
                f"{name} did not end within {self.limits.seconds:g} s; the process was "
                "ended. The file may be damaged so that reading it never ends"
            )
        return _receive(pipe)

    def _death(self) -> str:
        """What the process died of."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        code = self._process.poll()
        self._end()
        if code is not None and code < 0:
            how = f"was ended by the signal {signal.Signals(-code).name}"
        else:
            how = f"ended its process (exit code {code})"
        return f"{how}; what it read is damaged so that HDF5 itself fails"

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._pipe = self._process = None


def run_isolated(
    function: Callable[..., Any],
    *args: Any,
    limits: Limits | None = None,
    **options: Any,
) -> Any:
    """Run a function in a process of its own, and end that; see `Worker.call`.

    Examples
    --------
    >>> run_isolated(os.path.basename, "/data/a.h5")
    'a.h5'
    """
    with Worker(limits) as worker:
        return worker.call(function, *args, **options)


def run_each(
    function: Callable[..., Any],
    jobs: Iterable[tuple[Any, ...]],
    *,
    workers: int = 0,
    limits: Limits | None = None,
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Run a function on many things, several at a time, each of which may kill it.

    Parameters
    ----------
    function, limits
        As for `Worker`.
    jobs
        The arguments of each call.
    workers
        How many processes; by default as many as there are processors.

    Yields
    ------
    tuple
        ``(arguments, result)`` as they are done; the result is a `PymoError` when
        there is none.

    Examples
    --------
    >>> jobs = [("/data/a.h5",), ("/data/b.h5",)]
    >>> sorted(run_each(os.path.basename, jobs, workers=1))
    [(('/data/a.h5',), 'a.h5'), (('/data/b.h5',), 'b.h5')]
    """
    count = workers or len(os.sched_getaffinity(0))
    idle = queue.SimpleQueue[Worker]()
    made = [Worker(limits) for _ in range(count)]
    for worker in made:
        idle.put(worker)

    def run(job: tuple[Any, ...]) -> Any:
        worker = idle.get()
        try:
            return worker.call(function, *job)
        except PymoError as error:
            return error
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(count, "isolation")
    try:
        waiting = {pool.submit(run, job): job for job in jobs}
        for done in as_completed(waiting):
            yield waiting.pop(done), done.result()  # results are not collected here
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in made:
            worker.close()
        pool.shutdown()


# ------------------------------------------------------------------- in the worker


def serve(handle: int, memory: int, seconds: float) -> None:
    """Answer calls until the pipe ends: what a worker process does.

    Parameters
    ----------
    handle
        File descriptor of the pipe.
    memory, seconds
        As in `Limits`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked decides what ends
    # numpy, before there is a limit: where its import fails for want of memory, it
    # tells of a bad install.
    import_module(f"{__package__}.values")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        _, hardest = resource.getrlimit(resource.RLIMIT_AS)
        if hardest != resource.RLIM_INFINITY:  # of a user's shell, or another worker
            memory = min(memory, hardest)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    warnings.simplefilter("ignore")  # nobody would read them in their place
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with Connection(handle) as pipe, contextlib.suppress(EOFError, ConnectionError):
        while True:
            name, args, options = _receive(pipe)
            # Who asked ends a call that takes too long, unless it was killed itself.
            faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=nowhere)
            answer = _answered(name, args, options)
            faulthandler.cancel_dump_traceback_later()
            _send(pipe, answer)


def _answered(name: str, args: list[Any], options: dict[str, Any]) -> list[Any]:
    """Kind of the answer, and the answer: a result, or what an error says."""
    module, _, path = name.partition(":")
    try:
        function: Any = import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
        return ["result", function(*args, **options)]
    except MemoryError:
        return ["memory", "", ""]
    except PymoError as error:
        return ["told", type(error).__name__, str(error)]
    except Exception as error:  # noqa: BLE001 - raised again where it was asked for
        return ["raised", repr(error), traceback.format_exc()]


def _given(answer: Any, name: str) -> Any:
    """The result, or the error that it stands for."""
    match answer:
        case ["result", result]:
            return result
        case ["told", str(kind), str(text)]:
            raise _ERRORS.get(kind, PymoError)(text)
        case ["memory", *_]:
            raise CrashError(
                f"{name} needs more memory than it may use; the file may be made to "
                "fill it"
            )
        case ["raised", str(text), str(trace)]:
            error = PymoError(f"{name} failed: {printable(text[:_MOST_TEXT])}")
            error.add_note(printable(trace))
            raise error
        case _:
            raise CrashError(f"{name} gave an answer that is not understood")


# ------------------------------------------------------------------------- messages


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _send(pipe: Connection, message: Any) -> None:
    body, blobs = _packed(message)
    pipe.send_bytes(msgpack.packb([len(blob) for blob in blobs]))
    for part in (body, *blobs):
        pipe.send_bytes(part)


def _receive(pipe: Connection) -> Any:
    sizes = _unpacked(pipe.recv_bytes(), [])
    body = pipe.recv_bytes()
    return _unpacked(body, [pipe.recv_bytes() for _ in sizes])


# `values` brings numpy, a tenth of a second that who only lists files can do without.
# What it packs of texts, numbers and lists is what msgpack makes of them.


def _packed(message: Any) -> tuple[bytes, list[memoryview]]:
    try:
        packed = msgpack.packb(
            message, strict_types=True, unicode_errors="surrogatepass"
        )
    except (TypeError, ValueError, OverflowError):
        from .values import pack

        blobs: list[memoryview] = []
        return pack(message, blobs), blobs
    return packed, []


def _unpacked(data: bytes, blobs: list[bytes]) -> Any:
    try:
        return msgpack.unpackb(
            data,
            ext_hook=_not_plain,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
    except (ValueError, TypeError, msgpack.UnpackException):
        from .values import unpack

        return unpack(data, blobs)


def _not_plain(code: int, payload: bytes) -> Any:
    raise ValueError("a value that is not of msgpack's own kinds")
