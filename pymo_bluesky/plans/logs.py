"""What DAQ_Logger does, as a plan: modules, each at its own pace; knows no files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.protocols import Readable, Triggerable
from bluesky.utils import CustomPlanMetadata, MsgGenerator, plan

from ..errors import PlanError
from .checking import Problems, check_devices, check_saving
from .clock import now
from .pacing import check_pace
from .reasons import why_decorator
from .signatures import readable

__all__ = ["log"]

Saving = Callable[[str, Mapping[str, Any]], Any]
_LOOK = 0.005  # s between two looks at modules that measure


@dataclass(slots=True)
class _Module:
    """One device, when it is due, and the measurement under way."""

    device: Any
    period: float
    num: int | None
    due: float
    count: int = 0
    status: Any = None
    group: str = field(init=False)

    def __post_init__(self) -> None:
        self.group = f"log {self.device.name}"

    @property
    def is_over(self) -> bool:
        return self.num is not None and self.count >= self.num

    def step(self) -> MsgGenerator[None]:
        """Begin a measurement that is due, or record one that has ended."""
        moment = now()
        if self.status is None:
            if self.is_over or moment < self.due:
                return
            self.due = max(self.due + self.period, moment)
            if isinstance(self.device, Triggerable):
                self.status = yield from bps.trigger(self.device, group=self.group)
        if self.status is None or self.status.done:
            yield from self.record()

    def record(self) -> MsgGenerator[None]:
        """Make an event of a measurement, once it has ended."""
        self.status = None
        yield from bps.wait(self.group)  # it raises what went wrong
        yield from bps.create(self.device.name)
        yield from bps.read(self.device)
        yield from bps.save()
        self.count += 1


@readable
@plan
def log(
    modules: Sequence[Readable] = (),
    *,
    period: float | Mapping[str, float] = 1.0,
    monitors: Sequence[Readable] = (),
    num: int | None = None,
    duration: float | None = None,
    saving: Saving | None = None,
    md: CustomPlanMetadata | None = None,
) -> MsgGenerator[str]:
    """Log modules side by side, each at its own pace, as DAQ_Logger.

    Each module has a stream of its own, named like it, along its own time. A slow one
    delays no other. It ends by number, by time, or by Ctrl-C and ``RE.stop()``.

    Parameters
    ----------
    modules
        Detectors and actuators.
    period
        Seconds between two points of a module: one number for all, or the module's
        name to its number (1.0 for those that are not named).
    monitors
        Signals that tell of each new value by themselves.
    num
        Points of each module; None: until it is stopped. Monitors go on until all
        modules have theirs.
    duration
        Seconds, pauses counted; None: until it is stopped.
    saving
        Hears the documents of this run only, e.g. a `ContinuousSaving`.
    md
        Metadata for the start document.

    Returns
    -------
    str
        The uid of the run.

    Raises
    ------
    PlanError
        Before anything is measured: when there is nothing to log, something is there
        twice, a number cannot be, or the saving cannot begin.

    Examples
    --------
    >>> from ophyd.sim import det1, det2
    >>> messages = list(log([det1, det2], num=2, period=0))
    >>> [m.kwargs["name"] for m in messages if m.command == "create"]
    ['det1', 'det2', 'det1', 'det2']
    """
    periods = _checked(modules, monitors, period, num, duration, saving)
    began = now()
    each = [
        _Module(device, own, num, began)
        for device, own in zip(modules, periods, strict=True)
    ]
    about = {
        "plan_name": "log",
        "detectors": [device.name for device in (*modules, *monitors)],
        "plan_args": {
            **{"modules": list(map(repr, modules)), "num": num, "duration": duration},
            "monitors": list(map(repr, monitors)),
            "period": {m.device.name: m.period for m in each},
        },
        "hints": {},
        **(md or {}),
    }

    @why_decorator()
    @bpp.stage_decorator([*modules, *monitors])
    @bpp.monitor_during_decorator(monitors)
    @bpp.run_decorator(md=about)
    def inner() -> MsgGenerator[Any]:
        # A measurement goes on during a pause: to trigger it again would fail.
        yield from bpp.rewindable_wrapper(_follow(each, duration), False)

    if saving is None:
        return (yield from inner())
    return (yield from bpp.subs_wrapper(inner(), saving))


def _follow(modules: Sequence[_Module], duration: float | None) -> MsgGenerator[None]:
    began = now()
    while duration is None or now() - began < duration:
        yield from bps.checkpoint()
        for module in modules:
            yield from module.step()
        if modules and all(m.is_over and m.status is None for m in modules):
            return
        if (idle := _idle(modules)) > 0:
            yield from bps.sleep(idle)
    for module in modules:  # what has begun is recorded, too
        if module.status is not None:
            yield from module.record()


def _idle(modules: Iterable[_Module]) -> float:
    """Seconds until there is something to do; never long, so that Ctrl-C is heard."""
    moment = now()
    waits = [
        _LOOK if module.status is not None else module.due - moment
        for module in modules
        if module.status is not None or not module.is_over
    ]
    return min([*waits, 0.1])


def _periods(
    modules: Sequence[Any], period: float | Mapping[str, float]
) -> list[float]:
    if not isinstance(period, Mapping):
        return [period] * len(modules)
    names = [device.name for device in modules]
    unknown = sorted(set(period) - set(names))
    if unknown:
        problem = f"period names {', '.join(unknown)}; the modules are "
        raise PlanError.of("log", [problem + (", ".join(names) or "none")])
    return [period.get(name, 1.0) for name in names]


def _checked(
    modules: Sequence[Any],
    monitors: Sequence[Any],
    period: float | Mapping[str, float],
    num: int | None,
    duration: float | None,
    saving: Saving | None,
) -> list[float]:
    """The period of each module; refused with all that is wrong."""
    devices = [*modules, *monitors]
    problems = Problems(list(check_devices(devices, (), measures=False)))
    if not devices:
        problems.found.append("there is nothing to log; give modules, or monitors")
    if num is not None and not modules:
        told = f"num is {num}, but only modules are counted; give a duration"
        problems.found.append(told)
    periods: list[float] = []
    with problems.noted():
        periods = _periods(modules, period)
    for own in periods or [0.0]:
        with problems.noted():
            check_pace("log", num, duration, own)
    problems.found.extend(check_saving(saving))
    if problems.found:
        raise PlanError.of("log", dict.fromkeys(problems.found))
    return periods
