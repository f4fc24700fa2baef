"""What stands between a RunEngine and a remote writer: processes, and a bad network."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 120.0  # seconds; a loaded machine is slow, and nothing waits so long else
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def proxy() -> Iterator[tuple[str, str]]:
    """bluesky's own proxy, as a program; where it takes and where it gives."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    program = Path(sys.executable).with_name("bluesky-0MQ-proxy")
    with subprocess.Popen(
        [program, "--in-address", addresses[0], "--out-address", addresses[1]],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            for address in addresses:
                _wait_for_port(address, process)
            yield addresses[0], addresses[1]
        finally:
            process.kill()


def _wait_for_port(address: str, process: subprocess.Popen) -> None:
    host, port = address.split(":")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the proxy does not listen at {address}")


@contextmanager
def relay(address: str, drops: Callable[[bytes], bool]) -> Iterator[str]:
    """A network that drops some messages for good; gives where it gives the others."""
    import zmq

    context, ended = zmq.Context(), threading.Event()
    source, target = context.socket(zmq.SUB), context.socket(zmq.PUB)
    source.subscribe(b"")
    source.connect(f"tcp://{address}")
    there = f"127.0.0.1:{target.bind_to_random_port('tcp://127.0.0.1')}"

    def run() -> None:
        while not ended.is_set():
            if source.poll(50):
                data = source.recv()
                if not drops(data):
                    target.send(data)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield there
    finally:
        ended.set()
        thread.join()
        source.close(0)
        target.close(0)
        context.term()


class Writer:
    """``pymo-bluesky write`` as a user starts it."""

    def __init__(self, address: str, folder: Path, *words: object) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-u", "-m", "pymo_bluesky", "write"),
                *("--zmq", address, str(folder), *map(str, words)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        self.says("listening at")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                self.lines.append(line)
                self._new.put(line)

    def says(self, pattern: str, seconds: float = PATIENCE) -> str:
        """Wait until it says something; what was said before does not count."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._new.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not said: {pattern}; {self.lines}") from None
            if re.search(pattern, line):
                return line

    def hears(self, send: Callable[[], None]) -> None:
        """Send something until it says that it heard it."""
        for _ in range(int(PATIENCE / 0.2)):
            send()
            try:
                self.says("refused|begins", 0.2)
            except AssertionError:
                continue
            return
        raise AssertionError(f"the writer does not hear: {self.lines}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; gives its exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self._process.wait(PATIENCE)
        self._thread.join()
        return code

    def kill(self) -> None:
        self._process.kill()
        self.wait()


@contextmanager
def writing(address: str, folder: Path, *words: object) -> Iterator[Writer]:
    writer = Writer(address, folder, *words)
    try:
        yield writer
    finally:
        writer.kill()
