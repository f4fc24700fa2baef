"""Decoders of what stands in files: damaged seeds raise what they say, nothing else."""

import os
import pickle
import random

import h5py
import pytest
from corpus import load, stream
from fuzz.decoders import DECODERS, decode_all
from specimens import of_version, unpacked

from pymo_bluesky.layouts.attributes import encode
from pymo_bluesky.values import pack, to_json

pytestmark = pytest.mark.fuzz

ROUNDS = int(os.environ.get("PYMO_FLIPS", "60"))
SEED = int(os.environ.get("PYMO_SEED", "1"))

FOUND = [
    # Deep, wide, of the wrong kind: what decoders stumble over, and what hunts found.
    b"\x03(" * 50_000,
    b"\x03" + b"((((" * 1000 + b"l" * 4000 + b".",
    b"\x00<a " + b"\xff" * 100 + b"/>",
    b"\x01" + b"[" * 100_000,
    b'\x01{"!tuple":5}',
    b"\x02\xc7\x02\x01\x90",
    # Python and numpy warn of these, which is an error in some programs.
    b"\x02\xc7\x07\x02\x92\xa2|a\xc4\x01 ",
    b"\x03S'\\8'\n.",
    rb"""\x04{"module":"b","type":"str","data":"'\\8'"}""".replace(rb"\x04", b"\x04"),
    b'\x04{"module":"builtins","type":"int","data":"' + b"-" * 100_000 + b'1"}',
]


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Attributes and log rows of real files, documents, and pickles."""
    folder = tmp_path_factory.mktemp("seeds")
    found = [to_json(pair).encode() for pair in load(stream("p05"))[:20]]
    found += [pack(pair) for pair in load(stream("p05"))[:20]]
    found += [pickle.dumps(["a", (1, 2.5), {"x": None}], n) for n in range(6)]
    found += [str(encode("units", value)).encode() for value in ("mm", 2.5, (1, "x"))]
    for name in (
        *of_version("5.3")[:1],
        *of_version("3.6")[:1],
        *of_version("1.4")[:1],
    ):

        def note(_, node):
            texts = [v for v in node.attrs.values() if isinstance(v, str | bytes)]
            found.extend(_bytes(text)[:20_000] for text in texts)

        with h5py.File(unpacked(name, folder)) as file:
            file.visititems(note)
    return sorted(set(found))


def _bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)


@pytest.mark.parametrize("number", range(len(DECODERS)))
def test_damaged_seeds_raise_nothing_else(number, seeds):
    chance = random.Random(SEED + number)
    for _ in range(50 * ROUNDS):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(4)):
            if data:
                _damage(data, chance)
        DECODERS[number](bytes(data))


def _damage(data, chance):
    place = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            data[place] = chance.randrange(256)
        case 1:
            del data[place : place + chance.randrange(1, 20)]
        case 2:
            data[place:place] = chance.randbytes(chance.randrange(1, 8))
        case _:
            part = data[place : place + chance.randrange(1, 40)]
            data[place:place] = part * chance.randrange(1, 20)


@pytest.mark.parametrize("data", FOUND)
def test_what_was_found_before_is_not_found_again(data):
    decode_all(data)
