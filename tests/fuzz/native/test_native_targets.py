"""The targets for compiled code on their seeds and some mutations of them, without the fuzzer."""

from __future__ import annotations

import random

import pytest

from cql_protocol import _accel

if _accel.IMPLEMENTATION != "cython":
    pytest.skip(f"compiled code is not tested here: {_accel.REASON}", allow_module_level=True)

from tests.fuzz.native.seeds import seeds
from tests.fuzz.native.targets import TARGETS
from tests.fuzz.test_targets import mutate

MUTATIONS = 3000


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_mutations(name: str) -> None:
    target, found = TARGETS[name], seeds(name)
    assert len(found) >= 10
    for seed in found:
        target(seed)
    rng = random.Random(f"mutations of {name}")
    for _ in range(MUTATIONS if name != "wrapping" else 100):
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
