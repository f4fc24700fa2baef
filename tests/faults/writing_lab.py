"""The writer under fault injection; run as a program, with ``shim.c`` preloaded.

As in ``append_lab.py``, a child is forked per fault, and another one judges what it
left. A document counts as acknowledged when the call returned: the child then tells its
number, through a pipe that the shim leaves alone.

    writing_lab.py <task> <folder> <settings as JSON>     -> one JSON line per fault
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from append_lab import forked, shim_variables, tell
from event_model import compose_run

from pymo_bluesky import PymodaqWriter, export, open_dataset, recover, replay

sys.path.insert(0, str(Path(__file__).parents[1]))
from exactness import differences

EVENTS = 4
Document = tuple[str, dict]


# --- what is fed ----------------------------------------------------------------------


def run_of(
    number: int,
    events: int = EVENTS,
    shape: tuple[int, int] = (40, 50),
    **metadata: object,
) -> list[Document]:
    """A run of two streams: scalars with an image, and a baseline before and after."""
    run = compose_run(metadata={"plan_name": "lab", "number": number, **metadata})
    keys = {
        "x": {"dtype": "number", "shape": [], "source": "lab"},
        "image": {
            "dtype": "array",
            "shape": list(shape),
            "source": "lab",
            "dtype_numpy": "<i4",
        },
    }
    primary = run.compose_descriptor(name="primary", data_keys=keys)
    baseline = run.compose_descriptor(name="baseline", data_keys={"t": keys["x"]})
    documents = [("start", run.start_doc), ("descriptor", baseline.descriptor_doc)]
    documents.append(("event", baseline.compose_event(data={"t": 1}, timestamps=STAMP)))
    documents.append(("descriptor", primary.descriptor_doc))
    for n in range(1, events + 1):
        data = {"x": n + 0.5, "image": np.full(shape, 100 * number + n, "<i4")}
        event = primary.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
        documents.append(("event", event))
    documents.append(("event", baseline.compose_event(data={"t": 2}, timestamps=STAMP)))
    return [*documents, ("stop", run.compose_stop())]


STAMP = {"t": 0.0}


def interleaved() -> list[Document]:
    """Two runs that take turns; the first stops while the second goes on."""
    first, second = run_of(1, EVENTS - 2), run_of(2)
    pairs = itertools.zip_longest(first, second)
    return [document for pair in pairs for document in pair if document]


def once(number: int = 1, events: int = EVENTS) -> list[Document]:
    """A run that tells how much will come, so that its frames go to the dataset."""
    return run_of(number, events, (600, 500), num_points=EVENTS)


def twice() -> list[Document]:
    """Such runs that take turns; of the second, one point is measured again."""
    second = once(2)
    again = dict(second[5][1], uid=f"{0:036d}", seq_num=second[4][1]["seq_num"])
    second.insert(6, ("event", again))
    pairs = itertools.zip_longest(once(1, EVENTS - 1), second)
    return [document for pair in pairs for document in pair if document]


SCRIPTS: dict[str, Callable[[], list[Document]]] = {
    "one run": lambda: run_of(1),
    "interleaved runs": interleaved,
    "appending": lambda: run_of(1),
    # Large enough to go from the journal to the dataset past HDF5.
    "frames": lambda: run_of(1, shape=(200, 250)),
    "frames in place": once,
    "frames in place, twice": twice,
    "frames appended": once,
}


_APPENDING = ("appending", "frames appended")


def uid_of(document: Document, known: dict[str, str]) -> str:
    """The run of a document."""
    name, doc = document
    if name == "start":
        return doc["uid"]
    if name == "descriptor":
        known[doc["uid"]] = doc["run_start"]
    return doc.get("run_start") or known[doc["descriptor"]]


def by_run(script: list[Document]) -> dict[str, list[int]]:
    """Numbers of the documents of each run."""
    runs: dict[str, list[int]] = {}
    known: dict[str, str] = {}
    for n, document in enumerate(script):
        runs.setdefault(uid_of(document, known), []).append(n)
    return runs


# --- who feeds it ---------------------------------------------------------------------


def feeding(
    script: list[Document], folder: Path, options: dict, shim: dict[str, int]
) -> Callable[[int], dict]:
    """Feed a writer with the shim on; go on after an error, and exit as usual."""

    def work(report: int) -> dict:
        set_shim(report, shim)
        os.write(report, b"\n")
        errors: dict[int, str] = {}
        writer = PymodaqWriter(folder, **options)
        for n, (name, doc) in enumerate(script):
            try:
                writer(name, doc)
            except Exception as error:  # noqa: BLE001 - it is what is looked at
                errors[n] = f"{type(error).__name__}: {error}"
            else:
                os.write(report, f"{n}\n".encode())
        try:
            writer.close()
        except Exception as error:  # noqa: BLE001
            errors[-1] = f"{type(error).__name__}: {error}"
        return {
            "errors": errors,
            "failed": list(writer.status.failed),
            "pending": writer.status.pending.documents,
            "calls": shim_variables()["shim_count"].value,
        }

    return work


def recovering(folder: Path, shim: dict[str, int]) -> Callable[[int], dict]:
    """Recover with the shim on."""

    def work(report: int) -> dict:
        set_shim(report, shim)
        os.write(report, b"\n")
        told = [str(result) for result in recover(folder)]
        return {"told": told, "calls": shim_variables()["shim_count"].value}

    return work


def set_shim(report: int, settings: dict[str, int]) -> None:
    warnings.simplefilter("ignore")
    variables = shim_variables()
    for name, value in {**settings, "shim_skip_fd": report}.items():
        variables[name].value = value
    variables["shim_on"].value = 1


def trials(
    make: Callable[[Path, dict[str, int]], Callable[[int], dict]],
    prepare: Callable[[Path], None],
    folder: Path,
    how: dict,
) -> Iterator[tuple[Path, dict]]:
    """Let the first state-changing call go wrong, the one `every` later, ..."""
    every, first = how.get("every", 1), how.get("first", 1)
    shim = {name: value for name, value in how.items() if name.startswith("shim_")}
    for n in itertools.count(first, every):
        here = folder / "trial"
        here.mkdir()
        prepare(here)
        rc, said = forked(make(here, {**shim, "shim_at": n}), finalize=True)
        acked, result = parsed(said)
        if result.get("calls", n) < n:
            shutil.rmtree(here)
            return
        yield here, {"n": n, "rc": rc, "acked": acked, **result}
        shutil.rmtree(here)


def parsed(said: str) -> tuple[list[int], dict]:
    """Numbers of acknowledged documents, and what the child said at its end."""
    lines = [line for line in said.split("\n") if line]
    numbers = [int(line) for line in lines if line.isdigit()]
    last = lines[-1] if lines and not lines[-1].isdigit() else "{}"
    return numbers, json.loads(last)


# --- who judges -----------------------------------------------------------------------


def judged(
    folder: Path, script: list[Document], acked: list[int], before: list[Document]
) -> dict:
    """Recover what was left, and say, from a child, what became of each run."""

    def work(_: int) -> object:
        warnings.simplefilter("ignore")
        told = [str(result) for result in recover(folder)]
        found = scans_below(folder)
        runs = {uid: found.pop(uid, []) for uid in by_run(script)}
        earlier = found == {uid: [docs] for uid, docs in whole_runs(before).items()}
        states = [
            state_of(script, numbers, set(acked), runs[uid])
            for uid, numbers in by_run(script).items()
        ]
        return {
            "told": told,
            "again": [str(result) for result in recover(folder)],
            "earlier": earlier,
            "lost": sum(state["lost"] for state in states),
            "wrong": [state["wrong"] for state in states if state["wrong"]],
            "kept": sum(state["kept"] for state in states),
            "goes_on": goes_on(folder),  # which takes the draft of a dataset away
            "left_over": left_in(folder),
        }

    rc, said = forked(work)
    return json.loads(said) if rc == 0 else {"check": f"rc {rc}"}


class _Same:
    """A list of documents that equals another when nothing differs."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and not list(
            differences(self.documents, other.documents)
        )

    __hash__ = None


def whole_runs(documents: list[Document]) -> dict[str, _Same]:
    return {
        uid: _Same([documents[n] for n in numbers])
        for uid, numbers in by_run(documents).items()
    }


def scans_below(folder: Path) -> dict[str, list[_Same]]:
    """The documents of every scan of every dataset, by the uid of its run."""
    found: dict[str, list[_Same]] = {}
    for path in sorted(folder.rglob("*.h5")):
        if path.stat().st_size == 0:
            continue  # the name was claimed, where there are no hard links
        with open_dataset(path) as dataset:
            uids = [scan.uid for scan in dataset.scans]
        for uid in uids:
            found.setdefault(uid, []).append(_Same(list(replay(path, scan=uid))))
    return found


def state_of(
    script: list[Document], numbers: list[int], acked: set[int], scans: list[_Same]
) -> dict:
    """What of a run is there, and whether anything there is wrong."""
    fed = {script[n][1]["uid"]: n for n in numbers}
    wanted = [n for n in numbers if n in acked]
    if not scans:
        return {"lost": len(wanted), "kept": 0, "wrong": ""}
    documents = scans[0].documents
    if documents[-1][1].get("pymodaq") == {"synthesised": True}:
        documents = documents[:-1]
    order = [fed.get(doc["uid"], -1) for _, doc in documents]
    wrong = ""
    if len(scans) > 1:
        wrong = f"{len(scans)} scans of one run"
    elif -1 in order or order != sorted(set(order)):
        wrong = f"documents {order}"
    elif list(differences([script[n] for n in order], documents)):
        wrong = "values differ"
    return {"lost": len(set(wanted) - set(order)), "kept": len(order), "wrong": wrong}


def left_in(folder: Path) -> list[str]:
    return sorted(
        p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".h5"
    )


def goes_on(folder: Path) -> bool:
    """Whether the next run is recorded."""
    documents = run_of(9, 1)
    with PymodaqWriter(folder) as writer:
        for name, doc in documents:
            writer(name, doc)
    back = list(replay(writer.path, scan=documents[0][1]["uid"]))
    return not list(differences(documents, back))


# --- tasks ----------------------------------------------------------------------------


def prepared(folder: Path, how: dict) -> tuple[list[Document], list[Document], Path]:
    """The script, and a folder to begin with: empty, or with a dataset of two scans."""
    script, before = SCRIPTS[how["script"]](), []
    seed = folder / "seed"
    seed.mkdir()
    if how["script"] in _APPENDING:
        before = [*run_of(7, 2), *run_of(8, 2)]
        export(before, seed, "earlier")
    return script, before, seed


def write_task(folder: Path, how: dict) -> None:
    """Let the recording of runs go wrong at every call."""
    script, before, seed = prepared(folder, how)
    for here, result in writings(folder, how, script, seed):
        tell(result | judged(here, script, result["acked"], before))


def writings(
    folder: Path, how: dict, script: list[Document], seed: Path
) -> Iterator[tuple[Path, dict]]:
    def make(here: Path, shim: dict[str, int]) -> Callable[[int], dict]:
        options = dict(how.get("options", {}))
        if how["script"] in _APPENDING:
            options["append_to"] = here / "earlier.h5"
        if "rescue" in options:
            options["rescue"] = [here / "rescue"]
        return feeding(script, here, options, shim)

    def prepare(here: Path) -> None:
        shutil.copytree(seed, here, dirs_exist_ok=True)

    return trials(make, prepare, folder, how)


def recover_task(folder: Path, how: dict) -> None:
    """Let the recovery of what a kill left go wrong at every call."""
    script, before, seed = prepared(folder, how)
    states: list[tuple[Path, list[int]]] = []
    for at in how["states"]:
        kill = {"script": how["script"], "shim_kill": 1, "shim_half": 1}
        only = {**kill, "first": at, "every": 10**6}
        for here, result in writings(folder, only, script, seed):
            assert any(here.rglob("*.journal"))
            states.append((folder / f"state{at}", result["acked"]))
            shutil.copytree(here, states[-1][0])
    for state, acked in states:

        def prepare(here: Path, state: Path = state) -> None:
            shutil.copytree(state, here, dirs_exist_ok=True)

        for here, result in trials(recovering, prepare, folder, how):
            result |= judged(here, script, acked, before)
            tell({**result, "acked": acked, "state": state.name})


def kill_task(folder: Path, how: dict) -> None:
    """Kill the writer at a random moment, from outside."""
    random = np.random.default_rng(how["seed"])
    for n in range(how["trials"]):
        here = folder / "trial"
        here.mkdir()
        script = [d for number in range(30) for d in run_of(number, 40)]
        rc, acked = killed_while_feeding(script, here, random.uniform(0, how["most"]))
        result = {"n": n, "rc": rc, "acked": acked}
        tell(result | judged(here, script, acked, []))
        shutil.rmtree(here)


def killed_while_feeding(
    script: list[Document], folder: Path, seconds: float
) -> tuple[int, list[int]]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        feeding(script, folder, {}, {})(write)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        pipe.readline()
        time.sleep(seconds)
        os.kill(child, 9)
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    whole = said[: said.rfind("\n") + 1]
    return os.waitstatus_to_exitcode(status), parsed(whole)[0]


TASKS = {"write": write_task, "recover": recover_task, "kill": kill_task}

if __name__ == "__main__":
    TASKS[sys.argv[1]](Path(sys.argv[2]), json.loads(sys.argv[3]))
