"""IOCs on this machine alone: free ports, the loopback, ended with the tests."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from extras import needs

collect_ignore = ["ioc.py"]  # it runs in a process of its own

HERE = Path(__file__).parent
LOOPBACK = {
    "EPICS_CA_AUTO_ADDR_LIST": "NO",
    "EPICS_CA_MAX_ARRAY_BYTES": "10000000",
    "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
    "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
    "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
}
PREFIX = "PYMO:TEST:"


def free_port() -> int:
    """A port that nobody has, of TCP and of UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def running(command: list[str], port: int, sign: str) -> Iterator[subprocess.Popen]:
    """A process that has said `sign`, and is ended in any case."""
    ports = {"EPICS_CA_SERVER_PORT": str(port), "EPICS_CAS_SERVER_PORT": str(port)}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **LOOPBACK, **ports},
    )
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if sign in line:
                break
        else:
            pytest.fail(f"{command} ended: {''.join(said)[-2000:]}", pytrace=False)
        # Its pipe must not fill up.
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield process
        process.kill()
        drain.join(30)
    finally:
        process.kill()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()


@pytest.fixture(scope="session")
def iocs() -> Iterator[dict[str, subprocess.Popen]]:
    """A caproto motor record, a softioc camera, and another one that may be killed."""
    needs("caproto", "test-hardware")
    needs("softioc", "test-hardware")
    needs("epics", "epics")
    motors = "caproto.ioc_examples.fake_motor_record"
    softioc = [sys.executable, str(HERE / "ioc.py")]
    commands = {
        "motors": (
            [
                *(sys.executable, "-u", "-m", motors, "--prefix", PREFIX),
                *("--interfaces", "127.0.0.1", "-v"),
            ],
            "Server startup complete",
        ),
        "camera": ([*softioc, PREFIX.rstrip(":")], "ready"),
        "doomed": ([*softioc, "PYMO:DOOMED"], "ready"),
    }
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        ports = {name: free_port() for name in commands}
        made = {
            name: stack.enter_context(running(command, ports[name], sign))
            for name, (command, sign) in commands.items()
        }
        addresses = " ".join(f"127.0.0.1:{port}" for port in ports.values())
        environment.setenv("EPICS_CA_ADDR_LIST", addresses)
        environment.setenv("EPICS_CA_REPEATER_PORT", str(free_port()))
        for name, value in LOOPBACK.items():
            environment.setenv(name, value)
        yield made
