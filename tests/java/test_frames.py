"""Frames: our bytes are those of the Java codec, and both understand them alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from cql_protocol.errors import DriverException
from cql_protocol.messages import Request, Response
from tests.java.facts import binary, bytes_map, facts, without_derived
from tests.java.frames import (
    read_request,
    read_response,
    request_frame,
    response_frame,
    same,
)
from tests.java.oracle import Oracle, OracleError
from tests.protocol import samples

pytestmark = pytest.mark.java
VERSIONS = (3, 4, 5)
PAYLOAD = {"key": b"\0value", "": b"", "null": None}


def _requests(version: int) -> Iterator[tuple[str, Request]]:
    yield from samples.handshake_requests()
    yield from samples.requests(version)


def _responses(version: int) -> Iterator[tuple[str, samples.Answering]]:
    yield from samples.handshake_responses()
    yield from samples.responses(version)
    yield from samples.events(version)


def check_request(oracle: Oracle, name: str, request: Request, frame: bytes) -> dict[str, Any]:
    """Java decodes a request frame, says the same of it, and encodes the same bytes."""
    version = frame[0]
    encoded, told = oracle.frame(frame)
    assert encoded == frame, name
    assert without_derived(told["message"]) == facts(request, version), name
    assert told["protocolVersion"] == version
    received = read_request(frame)
    assert received.message == request, name
    return told


def check_response(oracle: Oracle, name: str, message: Any, frame: bytes) -> dict[str, Any]:
    """The same for a response."""
    version = frame[0] & 0x7F
    encoded, told = oracle.frame(frame)
    assert encoded == frame, name
    assert without_derived(told["message"]) == facts(message, version), name
    assert told["tracingId"] == (None if message.tracing_id is None else str(message.tracing_id))
    assert told["warnings"] == list(message.warnings), name
    assert told["customPayload"] == bytes_map(message.custom_payload or {}), name
    stream, read = read_response(frame)
    assert stream == told["streamId"]
    assert same(read, message), name
    return told


@pytest.mark.parametrize("version", VERSIONS)
def test_every_request(oracle: Oracle, version: int) -> None:
    for name, request in _requests(version):
        told = check_request(oracle, name, request, request_frame(request, version))
        assert not told["tracing"]
        assert told["customPayload"] == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_response(oracle: Oracle, version: int) -> None:
    for name, message in _responses(version):
        check_response(oracle, name, message, response_frame(message, version, stream=7))


@pytest.mark.parametrize("version", VERSIONS)
def test_tracing_and_payload_of_requests(oracle: Oracle, version: int) -> None:
    for name, request in samples.requests(version):
        may_carry = version >= 4 and not name.startswith(("options", "register"))
        payload = PAYLOAD if may_carry else None
        frame = request_frame(request, version, tracing=True, payload=payload)
        told = check_request(oracle, name, request, frame)
        assert told["tracing"]
        assert told["customPayload"] == bytes_map(payload or {})


@pytest.mark.parametrize("version", VERSIONS)
def test_extras_of_responses(oracle: Oracle, version: int) -> None:
    extras = [(samples.TRACE, [], None)]
    if version >= 4:
        extras += [(None, ["slow", "très"], None), (None, [], PAYLOAD)]
        extras += [(samples.TRACE, ["slow"], PAYLOAD)]
    for extra in extras:
        for name, message in _responses(version):
            samples.add_extras(message, *extra)
            check_response(oracle, name, message, response_frame(message, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_random_messages(oracle: Oracle, version: int) -> None:
    rng = random.Random(20 + version)
    for number in range(150):
        request = samples.random_request(rng, version)
        check_request(oracle, f"request {number}", request, request_frame(request, version))
        message = samples.random_response(rng, version)
        check_response(oracle, f"response {number}", message, response_frame(message, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_frames_that_java_makes(oracle: Oracle, version: int) -> None:
    for seed in range(300):
        frame, told = oracle.random(version, seed)
        if frame[0] & 0x80:
            _check_java_response(frame, told, version)
        else:
            _check_java_request(frame, told, version)


def _check_java_request(frame: bytes, told: dict[str, Any], version: int) -> None:
    received = read_request(frame)
    message = without_derived(told["message"])
    if message["class"] == "Execute" and version < 5:
        del message["resultMetadataId"]  # Java's object has one that is not written
        expected = {**facts(received.message, version)}
        assert expected.pop("resultMetadataId") is None
    else:
        expected = facts(received.message, version)
    if "options" in message and message["options"]["pageSize"] == 0:
        message["options"]["pageSize"] = -1  # no page size, as the flags say
    assert message == expected
    assert (received.tracing, received.stream) == (told["tracing"], told["streamId"])
    assert bytes_map(received.custom_payload or {}) == told["customPayload"]
    again = request_frame(
        received.message, version, tracing=received.tracing, payload=received.custom_payload
    )
    assert _with_stream(again, received.stream) == frame


def _check_java_response(frame: bytes, told: dict[str, Any], version: int) -> None:
    stream, message = read_response(frame)
    expected = without_derived(told["message"])
    if expected["class"] == "Prepared" and version < 5:
        expected["resultMetadataId"] = None
    assert expected == facts(message, version)
    assert stream == told["streamId"]
    assert list(message.warnings) == told["warnings"]
    assert told["tracingId"] == (None if message.tracing_id is None else str(message.tracing_id))
    assert bytes_map(message.custom_payload or {}) == told["customPayload"]
    assert response_frame(message, version, stream=stream) == frame


def _with_stream(frame: bytes, stream: int) -> bytes:
    return frame[:2] + stream.to_bytes(2, "big") + frame[4:]


# --- where the two differ, and why ----------------------------------------------------------------


def test_java_does_not_know_contentions(oracle: Oracle) -> None:
    """Spec v5 section 9 gives a CAS write timeout a <contentions>; Java leaves it unread."""
    frame = response_frame(samples.contended(), 5)
    with pytest.raises(OracleError, match="2 bytes left over"):
        oracle.frame(frame)
    shorter = frame[:5] + (len(frame) - 9 - 2).to_bytes(4, "big") + frame[9:-2]
    check_response(oracle, "without", read_response(shorter)[1], shorter)


@pytest.mark.parametrize("version", [4, 5])
def test_java_drops_an_empty_payload(oracle: Oracle, version: int) -> None:
    """A payload without entries is one for us; Java takes it for none at all."""
    _, request = next(samples.requests(version))
    frame = request_frame(samples.Prepare("SELECT"), version, payload={})
    encoded, told = oracle.frame(frame)
    assert told["customPayload"] == {}
    assert encoded == request_frame(samples.Prepare("SELECT"), version)
    assert isinstance(request, Request)


def test_java_turns_mapped_addresses_into_ipv4(oracle: Oracle) -> None:
    """InetAddress makes an Inet4Address of ::ffff:a.b.c.d; here it stays what was sent."""
    frame = response_frame(samples.StatusChange("UP", "::ffff:10.0.0.1", 9042), 4)
    _, told = oracle.frame(frame)
    assert told["message"]["address"] == [binary(bytes([10, 0, 0, 1])), 9042]
    _, event = read_response(frame)
    assert response_frame(event, 4) == frame


def test_java_refuses_functions_in_protocol_3(oracle: Oracle) -> None:
    """Spec v3 section 4.2.6 has no such target."""
    change = samples.SchemaChange("CREATED", "FUNCTION", "ks", "f", ["int"])
    with pytest.raises(OracleError, match="not supported in protocol version 3"):
        oracle.frame(response_frame(change, 3))


def test_java_refuses_codes_it_does_not_know(oracle: Oracle) -> None:
    """They are errors of an unknown kind here."""
    error = samples._coded(0xF123, samples.errors.ServerError("odd"))
    frame = response_frame(error, 5)
    with pytest.raises(OracleError, match="Unsupported error code"):
        oracle.frame(frame)
    _, read = read_response(frame)
    assert isinstance(read, DriverException)
    assert not isinstance(read, Response)
    assert (read.code, read.message) == (0xF123, "odd")
