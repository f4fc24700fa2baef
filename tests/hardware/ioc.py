"""A real IOC (softioc): a stage, a power meter and an areaDetector-style camera.

    python ioc.py PREFIX

Prints ``ready`` when its PVs are there; ends with its standard input.
"""

import asyncio
import sys

import numpy as np
from softioc import asyncio_dispatcher, builder, softioc

NY, NX = 24, 32

dispatcher = asyncio_dispatcher.AsyncioDispatcher()
builder.SetDeviceName(sys.argv[1])


def pair(make, name, value, limits=None, **fields):
    """A setting and its readback, as areaDetector names them."""
    readback = make[1](f"{name}_RBV", initial_value=value, **fields)
    ends = dict(zip(("DRVL", "DRVH"), limits, strict=True)) if limits else {}
    make[0](name, initial_value=value, on_update=readback.set, **ends, **fields)
    return readback


REAL = (builder.aOut, builder.aIn)
WHOLE = (builder.longOut, builder.longIn)

position = builder.aIn("POS:RBV", initial_value=0.0, EGU="mm", PREC=3)
builder.aOut(
    "POS", initial_value=0.0, EGU="mm", PREC=3, DRVL=-5, DRVH=5, on_update=position.set
)
power = builder.aIn("POWER", initial_value=1.5, EGU="mW", PREC=3)

pair(REAL, "cam1:AcquireTime", 0.01, EGU="s", PREC=3)
pair(REAL, "cam1:Gain", 2.0, limits=(0, 10))
choices = ("Single", "Multiple", "Continuous")
modes_in = builder.mbbIn("cam1:ImageMode_RBV", *choices, initial_value=0)
builder.mbbOut("cam1:ImageMode", *choices, initial_value=0, on_update=modes_in.set)
builder.stringIn("cam1:Manufacturer_RBV", initial_value="Simulated")
builder.stringIn("cam1:Model_RBV", initial_value="AD-24x32")
builder.longIn("image1:ArraySize0_RBV", initial_value=NX)
builder.longIn("image1:ArraySize1_RBV", initial_value=NY)
pixels = builder.WaveformIn("image1:ArrayData", np.zeros(NY * NX, np.uint16))


def region(plugin, switch, box):
    fields = {}
    for field, value in zip(("MinX", "MinY", "SizeX", "SizeY"), box, strict=True):
        fields[field] = pair(WHOLE, f"{plugin}{field}", value)
    off_on = ("No", "Yes")
    shown = builder.boolIn(f"{plugin}{switch}_RBV", *off_on, initial_value=1)
    builder.boolOut(f"{plugin}{switch}", *off_on, initial_value=1, on_update=shown.set)
    return fields


def results(plugin, *names):
    return {n: builder.aIn(f"{plugin}{n}_RBV", initial_value=0) for n in names}


NAMES = ("MeanValue", "Total", "MaxValue", "MinValue")
regions = [
    (region("ROIStat1:1:", "Use", (4, 2, 8, 6)), results("ROIStat1:1:", *NAMES)),
    (
        region("ROI1:", "EnableCallbacks", (0, 0, 32, 24)),
        results("Stats1:", *NAMES, "Sigma"),
    ),
]
FUNCTIONS = {
    "MeanValue": np.mean,
    "Total": np.sum,
    "MaxValue": np.max,
    "MinValue": np.min,
    "Sigma": np.std,
}


async def acquire(value):
    """Take an image of a spot that moves with the stage; done when all is computed."""
    if not value:
        return
    await asyncio.sleep(0.01)
    y, x = np.arange(NY)[:, np.newaxis] - 12, np.arange(NX) - 16 - 2 * position.get()
    image = (1000 * np.exp(-(x**2 + y**2) / 20)).astype(np.uint16)
    pixels.set(image.ravel())
    for fields, numbers in regions:
        left, low, wide, high = (int(f.get()) for f in fields.values())
        cut = image[low : low + high, left : left + wide]
        for name, record in numbers.items():
            record.set(float(FUNCTIONS[name](cut)))


builder.boolOut(
    "cam1:Acquire",
    "Done",
    "Acquire",
    on_update=acquire,
    blocking=True,
    always_update=True,
)
builder.LoadDatabase()
softioc.iocInit(dispatcher)
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.read()
