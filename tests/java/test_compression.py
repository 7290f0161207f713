"""lz4 in frames of protocol 3 and 4: each side reads what the other compresses.

The compressed bytes themselves may differ: Java's compressor is a port that looks for matches in
another way than the C library does, and what it writes is longer.
"""

from __future__ import annotations

import random

import pytest

from cql_protocol.messages import Prepare, opcodes
from tests.java.facts import facts, without_derived
from tests.java.frames import (
    read_request,
    read_response,
    request_frame,
    response_frame,
    same,
)
from tests.java.oracle import Oracle
from tests.protocol import samples

pytestmark = pytest.mark.java
VERSIONS = (3, 4)
RANDOM = random.Random(4).randbytes(3000).hex()
TEXTS = ("", "SELECT", "SELECT * FROM t WHERE k = 1" * 400, RANDOM)


@pytest.mark.parametrize("version", VERSIONS)
def test_requests(oracle: Oracle, version: int) -> None:
    messages = [request for _, request in samples.requests(version)]
    for request in [*messages, *map(Prepare, TEXTS)]:
        frame = request_frame(request, version, compression="lz4")
        theirs, told = oracle.frame(frame, "lz4")
        assert without_derived(told["message"]) == facts(request, version)
        assert read_request(theirs, "lz4").message == request
        # Neither side compresses a body that has no bytes.
        packed = bool(frame[9:])
        assert bool(frame[1] & opcodes.FLAG_COMPRESSED) is packed
        assert bool(theirs[1] & opcodes.FLAG_COMPRESSED) is packed


@pytest.mark.parametrize("version", VERSIONS)
def test_responses(oracle: Oracle, version: int) -> None:
    for _, message in [*samples.responses(version), *samples.events(version)]:
        frame = response_frame(message, version, compression="lz4")
        theirs, told = oracle.frame(frame, "lz4")
        assert without_derived(told["message"]) == facts(message, version)
        assert same(read_response(theirs, "lz4")[1], message)


@pytest.mark.parametrize("version", VERSIONS)
def test_frames_that_java_makes(oracle: Oracle, version: int) -> None:
    for seed in range(100):
        plain, _ = oracle.random(version, seed)
        packed, _ = oracle.random(version, seed, "lz4")
        assert packed[1] == plain[1] | opcodes.FLAG_COMPRESSED
        if plain[0] & 0x80:
            assert same(read_response(packed, "lz4")[1], read_response(plain)[1])
        else:
            assert read_request(packed, "lz4") == read_request(plain)


def test_java_compresses_an_empty_body(oracle: Oracle) -> None:
    """READY has no body; Java sends four bytes of length and one of a block all the same."""
    theirs, _ = oracle.frame(response_frame(samples.Ready(), 4), "lz4")
    assert theirs[9:] == bytes(5)
    assert read_response(theirs, "lz4")[1] == samples.Ready()
