from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol import _accel
from cql_protocol.murmur3 import murmur3

DATA = Path(__file__).parent / "data" / "murmur3.json"
VECTORS = [(bytes.fromhex(key), value) for key, value in json.loads(DATA.read_text())["vectors"]]
_C1 = 0x87C37B91114253D5
_C2 = 0x4CF5AD432745937F


def _python_murmur3(monkeypatch):
    """The Python function, also where the compiled one has replaced it."""
    module = importlib.import_module("cql_protocol.murmur3")
    monkeypatch.setattr(_accel, "_extension", None)
    spec = module.__spec__
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh.murmur3


@pytest.fixture(params=["chosen", "python"])
def hash_fn(request, monkeypatch):
    return murmur3 if request.param == "chosen" else _python_murmur3(monkeypatch)


def test_the_vectors_cover_every_tail_with_and_without_negative_bytes():
    assert {len(key) for key, _ in VECTORS} == set(range(71))
    assert sum(all(b > 127 for b in key) for key, _ in VECTORS) >= 71


def test_vectors_of_the_server(hash_fn):
    assert [hash_fn(key) for key, _ in VECTORS] == [value for _, value in VECTORS]


def test_a_known_key(hash_fn):
    assert hash_fn(b"123") == -7468325962851647638


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_buffers_hash_like_bytes(hash_fn, kind):
    assert [hash_fn(kind(key)) for key, _ in VECTORS] == [value for _, value in VECTORS]


@pytest.mark.parametrize("wrong", [None, 5, "text", [1, 2]])
def test_what_is_no_buffer_is_refused(hash_fn, wrong):
    with pytest.raises(TypeError):
        hash_fn(wrong)


def _slow(data: bytes) -> int:
    """The same hash written for readability, byte by byte, with plain 64-bit arithmetic."""
    mask = 2**64 - 1

    def rotate(x: int, n: int) -> int:
        return (x << n | x >> 64 - n) & mask

    def finish(x: int) -> int:
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            x = (x ^ x >> 33) * factor & mask
        return x ^ x >> 33

    h1 = h2 = 0
    body = len(data) - len(data) % 16
    for at in range(0, body, 16):
        k1 = int.from_bytes(data[at : at + 8], "little")
        k2 = int.from_bytes(data[at + 8 : at + 16], "little")
        h1 ^= rotate(k1 * _C1 & mask, 31) * _C2 & mask
        h1 = (rotate(h1, 27) + h2) * 5 + 0x52DCE729 & mask
        h2 ^= rotate(k2 * _C2 & mask, 33) * _C1 & mask
        h2 = (rotate(h2, 31) + h1) * 5 + 0x38495AB5 & mask
    words = [0, 0]
    for index, byte in enumerate(data[body:]):
        signed = byte - 256 if byte > 127 else byte
        words[index // 8] ^= signed << 8 * (index % 8) & mask
    h2 ^= rotate(words[1] * _C2 & mask, 33) * _C1 & mask
    h1 ^= rotate(words[0] * _C1 & mask, 31) * _C2 & mask
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = h1 + h2 & mask
    h2 = h1 + h2 & mask
    h1, h2 = finish(h1), finish(h2)
    total = h1 + h2 & mask
    return total - 2**64 if total >> 63 else total


@given(st.binary(max_size=100))
def test_any_bytes_hash_as_by_the_plain_definition(data):
    assert murmur3(data) == _slow(data)
