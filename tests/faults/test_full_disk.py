"""A disk that is really full: a file system of 2 MB, filled up by the run itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from event_model import compose_run
from pymo_bluesky import PymodaqWriter, recover, replay

disk, elsewhere, on_error = sys.argv[1:]
run = compose_run()
keys = {"image": {"dtype": "array", "shape": [100, 100], "source": "lab"}}
keys["image"]["dtype_numpy"] = "<i4"
primary = run.compose_descriptor(name="primary", data_keys=keys)
writer = PymodaqWriter(disk, on_error=on_error, rescue=[elsewhere])
writer("start", run.start_doc)
writer("descriptor", primary.descriptor_doc)
acked, errors = 0, []

def send(name, doc):
    try:
        writer(name, doc)
    except OSError as error:
        errors.append(str(error))
    return not errors

for n in range(100):
    image = np.random.default_rng(n).integers(1, 2**31, (100, 100), "i4")
    acked += send("event", primary.compose_event(data={"image": image},
                                                 timestamps={"image": 0.0}))
    if errors:
        break
send("stop", run.compose_stop(exit_status="fail" if errors else "success"))
found = [p for results in [recover(disk)] for p in Path(disk).rglob("*.h5")]
for path in [*writer.paths.values(), *found]:
    events = [d for name, d in replay(path) if name == "event"]
    if events:
        break
right = all((d["data"]["image"] == np.random.default_rng(n).integers(
    1, 2**31, (100, 100), "i4")).all() for n, d in enumerate(events))
problems = [problem.kind for problem in writer.status.problems]
print(json.dumps({"acked": acked, "events": len(events), "right": bool(right),
    "errors": errors, "problems": problems, "path": str(path),
    "journals": [str(p) for p in Path(disk).rglob("*.journal")]}))
"""


@pytest.fixture
def small_disk(tmp_path):
    """Run a program to which a folder is a disk of its own, of so many bytes."""
    program = shutil.which("unshare")
    disk = tmp_path / "disk"
    disk.mkdir()

    def run(size, on_error):
        mounts = f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@"'
        python = [sys.executable, "-c", PROGRAM, disk, tmp_path / "elsewhere", on_error]
        return subprocess.run(
            [program, "-rm", "sh", "-c", mounts, "sh", disk, *python],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=600,
            check=False,
        )

    probe = [program, "-rm", "mount", "-t", "tmpfs", "tmpfs", disk]
    if program is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here (unshare -rm)")
    return run


def test_a_run_that_fills_the_disk_keeps_all_that_was_acknowledged(small_disk):
    done = small_disk(2_000_000, "raise")
    assert done.returncode == 0, done.stderr  # no crash at the interpreter's exit
    said = json.loads(done.stdout.splitlines()[-1])
    assert "No space left" in said["errors"][0]
    assert 10 < said["acked"] < 60
    # There is no room for the scan beside the journal, which stays.
    assert said["journals"]
    assert "low-disk-space" in said["problems"]


def test_a_run_that_fills_the_disk_goes_on_elsewhere(small_disk, tmp_path):
    done = small_disk(2_000_000, "continue")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["errors"] == []
    assert (said["acked"], said["events"], said["right"]) == (100, 100, True)
    assert said["journals"] == []
    assert Path(said["path"]).parent == tmp_path / "elsewhere"
    assert "THE DISK OF THE RUN" in done.stderr
    assert "WRITING FAILED" in done.stderr
