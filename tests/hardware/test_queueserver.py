"""Our plans can be queued; one that is runs in our profile, and its dataset appears."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from extras import needs, needs_program
from hardware.conftest import free_port

from pymo_bluesky import load_devices, open_dataset, plans
from pymo_bluesky.cli import main
from pymo_bluesky.devices.flyer import Flyer

pytestmark = pytest.mark.extras

PATIENCE = 240.0


@contextmanager
def server(command, log, env=None):
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    """A queue over the startup files that `init` makes; gives a way to ask it."""
    needs("bluesky_queueserver", "queueserver")
    redis = needs_program("redis-server", "redis-server")
    folder = tmp_path_factory.mktemp("queue")
    assert main(["init", str(folder / "lab")]) == 0
    startup = folder / "lab" / "profiles" / "profile_lab_queue" / "startup"
    port = str(free_port())
    control, info = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    manager = [
        str(Path(sys.executable).parent / "start-re-manager"),
        *("--startup-dir", str(startup), "--redis-addr", f"127.0.0.1:{port}"),
        *("--zmq-control-addr", control, "--zmq-info-addr", info),
    ]
    env = {
        **{"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "MPLBACKEND": "agg"},
        **{"HOME": str(folder), "PYMO_DATA": str(folder / "data")},
    }
    store = [redis, *("--port", port, "--bind", "127.0.0.1", "--save", "")]
    with (
        server([*store, "--dir", str(folder)], folder / "redis.log"),
        server(manager, folder / "manager.log", env) as process,
    ):
        yield Asking(control, folder, process, env)


ONE = [["photodiode"]]
QUEUED = {  # what a queue is given: names in place of devices
    "scan_1d": ([*ONE, "x", 0, 1], {"num": 3, "order": "random", "seed": 1}),
    "scan_2d": ([*ONE, "y", 0, 1, "x", 0, 1], {"num": [2, 3]}),
    "sequential": ([*ONE, "y", 0, 1, "x", 0, 1], {"num": [2, 3]}),
    "tabular": ([*ONE, ["y", "x"], [[0, 1], [1, 2]]], {"step": 0.5}),
    "adaptive": ([*ONE, "x", 0, 1], {"signal": "photodiode_signal", "min_loss": 0.1}),
    "snapshot": ([["camera"]], {"background": True, "md": {"sample": "gold"}}),
    "continuous": ([["camera"]], {"num": 3, "duration": 2.5}),
    "timelapse": ([["camera"], 3, 0.1], {}),
    "log": ([["camera", "photodiode"]], {"period": {"camera": 0.1}, "num": 2}),
    "take_background": ([["camera"]], {"shutter": "power"}),
    "drop_background": ([["camera"]], {}),
    "move": (["x", 1.5, "y", 2], {}),
    "rel_move": (["x", 1.5], {}),
    "fly_1d": (["flyer", 0, 1], {"num": 4}),
    "fly_async": ([["camera"], "x", 0, 1], {"num": 4}),
}
QUEUED |= {
    f"rel_{name}": QUEUED[name]
    for name in ("scan_1d", "scan_2d", "sequential", "tabular", "adaptive")
}


@pytest.fixture(scope="module")
def offered():
    """Our plans and the simulated lab, as a worker of the queue describes them."""
    ops = needs("bluesky_queueserver.manager.profile_ops", "queueserver")
    lab = dict(load_devices("simulated_lab"))
    lab["flyer"] = Flyer(name="flyer", actuator=lab["x"], detector=lab["camera"])
    ours = {name: getattr(plans, name) for name in plans.__all__}
    found = ops.existing_plans_and_devices_from_nspace(nspace={**lab, **ours})
    return ops, *found


@pytest.mark.parametrize("name", QUEUED)
def test_each_plan_is_taken_with_names_of_devices(offered, name):
    ops, known, devices, functions, objects = offered
    args, kwargs = QUEUED[name]
    plan = {"name": name, "args": args, "kwargs": kwargs, "item_type": "plan"}
    assert ops.validate_plan(plan, allowed_plans=known, allowed_devices=devices) == (
        True,
        "",
    )
    made = ops.prepare_plan(
        {**plan, "user_group": "primary"},
        plans_in_nspace=functions,
        devices_in_nspace=objects,
        allowed_plans={"primary": known},
        allowed_devices={"primary": devices},
    )
    given = [*flat(made["args"]), made["kwargs"].get("shutter")]
    assert not [value for value in given if isinstance(value, str)]
    assert [about for about in known[name]["parameters"] if "annotation" in about]


def flat(values):
    """The values of lists in lists."""
    for value in values:
        yield from flat(value) if isinstance(value, (list, tuple)) else [value]


def test_every_plan_is_offered_and_a_wrong_call_refused(offered):
    ops, known, devices, *_ = offered
    assert set(known) == set(QUEUED)
    wrong = {
        "continuous": ([["camera"]], {"num": "ten"}),
        "snapshot": ([3], {}),
        "scan_1d": ([*ONE, "x", 0, 1], {"num": 3, "order": "zigzag"}),
    }
    for name, (args, kwargs) in wrong.items():
        plan = {"name": name, "args": args, "kwargs": kwargs, "item_type": "plan"}
        taken, why = ops.validate_plan(
            plan, allowed_plans=known, allowed_devices=devices
        )
        assert not taken
        assert "Input should be" in why


class Asking:
    """The queue, as its users see it."""

    def __init__(self, control, folder, process, env):
        self.control, self.folder = control, folder
        self.process, self.env = process, env

    def log(self):
        return (self.folder / "manager.log").read_text()[-4000:]

    def wait(self, condition):
        """Wait until the status of the manager is as told."""
        until = time.monotonic() + PATIENCE
        status = {}
        while time.monotonic() < until and self.process.poll() is None:
            status = self.ask("status")
            if status and condition(status):
                return status
            time.sleep(0.2)
        pytest.fail(f"{status}\n{self.log()}", pytrace=False)

    def ask(self, method, **params):
        """Ask as a program would."""
        import zmq

        with zmq.Context() as context, context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.connect(self.control)
            socket.send_json({"method": method, "params": params})
            return socket.recv_json() if socket.poll(5000) else None

    def qserver(self, *words):
        """Run the command line tool `qserver`."""
        tool = Path(sys.executable).parent / "qserver"
        done = subprocess.run(
            [tool, "--zmq-control-addr", self.control, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=self.env,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout


@pytest.fixture(scope="module")
def opened(queue):
    queue.wait(lambda status: status.get("manager_state") == "idle")
    queue.qserver("environment", "open")
    queue.wait(
        lambda status: (
            status.get("worker_environment_exists")
            and status["manager_state"] == "idle"
        )
    )
    return queue


def test_plans_and_devices_are_listed(opened):
    allowed = opened.ask("plans_allowed", user_group="primary")["plans_allowed"]
    assert {"count", "scan", "grid_scan", "mv", *QUEUED} <= set(allowed)
    devices = opened.ask("devices_allowed", user_group="primary")
    names = set(devices["devices_allowed"])
    assert {"x", "y", "power", "camera", "photodiode", "thermometer"} <= names


def test_a_plan_submitted_with_qserver_makes_a_dataset(opened):
    plan = {
        "name": "scan",
        "args": [["photodiode", "thermometer"], "x", -1, 1, 3],
        "kwargs": {"md": {"sample": "queued"}},
    }
    opened.qserver("queue", "add", "plan", json.dumps(plan))
    opened.qserver("queue", "start")
    opened.wait(
        lambda status: (
            status["items_in_history"] == 1 and status["manager_state"] == "idle"
        )
    )
    history = opened.ask("history_get")["items"]
    assert history[0]["result"]["exit_status"] == "completed", opened.log()
    (path,) = (opened.folder / "data").rglob("*.h5")
    scan = open_dataset(path).scans[0]
    assert scan.uid == history[0]["result"]["run_uids"][0]
    assert scan.shape == (3,)
    assert [module.title for module in scan.actuators] == ["x"]
