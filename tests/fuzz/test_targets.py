"""The fuzzer's targets on their seeds and some mutations of them, without the fuzzer."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

MUTATIONS = 4000


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a few bytes: flipped, replaced, inserted, removed, doubled, cut off."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif kind == 2:
            out[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif kind == 3:
            del out[at : at + rng.randrange(1, 9)]
        elif kind == 4:
            out[at:at] = out[at : at + rng.randrange(1, 33)]
        else:
            del out[at:]
    return bytes(out)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_mutations(name: str) -> None:
    target, found = TARGETS[name], seeds(name)
    assert len(found) >= 10
    for seed in found:
        target(seed)
    rng = random.Random(f"mutations of {name}")
    for _ in range(MUTATIONS):
        data = mutate(rng.choice(found), rng)
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{name} fails on {data!r}") from error


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_and_little(name: str) -> None:
    TARGETS[name](b"")
    for value in range(256):
        TARGETS[name](bytes([value]))
