"""Schedules of reconnection, convictions, and translated addresses."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import ConnectionShutdown, InvalidArgument, InvalidArgumentType
from cql_driver.policies import (
    AddressTranslator,
    ColDesc,
    ConstantReconnectionPolicy,
    ConvictionPolicy,
    EC2MultiRegionTranslator,
    ExponentialReconnectionPolicy,
    IdentityTranslator,
    ReconnectionPolicy,
    SimpleConvictionPolicy,
)
from cql_protocol.errors import OperationTimedOut
from tests.policies.stand_ins import host


def test_a_constant_delay_goes_on() -> None:
    assert list(islice(ConstantReconnectionPolicy(2.5).new_schedule(), 100)) == [2.5] * 100


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_attempts_end(attempts: int) -> None:
    assert list(ConstantReconnectionPolicy(1, attempts).new_schedule()) == [1] * attempts
    assert len(list(ExponentialReconnectionPolicy(1, 9, attempts).new_schedule())) == attempts


@given(
    base=st.floats(0, 1e6, allow_subnormal=False),
    factor=st.floats(1, 1e6),
    number=st.sampled_from([1, 5, 70]),
)
def test_delays_double_within_their_bounds(base: float, factor: float, number: int) -> None:
    most = base * factor
    delays = list(islice(ExponentialReconnectionPolicy(base, most).new_schedule(), number))
    middle = base
    for delay in delays:
        low, high = max(base, middle * 0.85), min(most, middle * 1.15)
        assert low * (1 - 1e-9) <= delay <= high * (1 + 1e-9)
        middle = min(middle * 2, most)


def test_the_schedule_never_overflows_nor_ends() -> None:
    schedule = ExponentialReconnectionPolicy(1, 60).new_schedule()
    late = list(islice(schedule, 3000))[-100:]
    assert all(51 <= delay <= 60 for delay in late)
    assert len(set(late)) > 50  # clients must not come back in step


def test_each_node_has_a_schedule_of_its_own() -> None:
    policy = ExponentialReconnectionPolicy(1, 1000)
    first = policy.new_schedule()
    list(islice(first, 9))
    assert next(policy.new_schedule()) < 2 < next(first)


@pytest.mark.parametrize(
    ("make", "error", "named"),
    [
        (lambda: ConstantReconnectionPolicy(-1), InvalidArgument, "delay"),
        (lambda: ConstantReconnectionPolicy("1"), InvalidArgumentType, "delay"),  # type: ignore[arg-type]
        (lambda: ConstantReconnectionPolicy(1, -1), InvalidArgument, "max_attempts"),
        (lambda: ConstantReconnectionPolicy(float("inf")), InvalidArgument, "delay"),
        (lambda: ExponentialReconnectionPolicy(-1, 2), InvalidArgument, "base_delay"),
        (lambda: ExponentialReconnectionPolicy(1, True), InvalidArgumentType, "max_delay"),
        (lambda: ExponentialReconnectionPolicy(2, 1), InvalidArgument, "max_delay"),
        (lambda: ExponentialReconnectionPolicy(1, 2, 1.5), InvalidArgumentType, "max_attempts"),  # type: ignore[arg-type]
    ],
)
def test_arguments_are_checked(make: Any, error: Any, named: str) -> None:
    with pytest.raises(error, match=named):
        make()


def test_every_failure_but_a_timeout_convicts() -> None:
    policy = SimpleConvictionPolicy(host(1))
    assert policy.add_failure(ConnectionShutdown("gone")) is True
    assert policy.add_failure(OSError()) is True
    assert policy.add_failure(OperationTimedOut()) is False
    policy.reset()


def test_interfaces_must_be_filled_in() -> None:
    conviction = ConvictionPolicy(host(1))
    for call in (
        lambda: conviction.add_failure(OSError()),
        conviction.reset,
        ReconnectionPolicy().new_schedule,
        lambda: AddressTranslator().translate("10.0.0.1"),
    ):
        with pytest.raises(NotImplementedError):
            call()


# --- addresses ----------------------------------------------------------------------------


def test_addresses_stay_as_they_are() -> None:
    assert IdentityTranslator().translate("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize(("public", "private"), [("52.1.2.3", "10.0.0.9"), ("2600::1", "fd00::9")])
def test_a_public_address_becomes_the_one_its_name_has_here(
    public: str, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def forward(name: str, port: object, family: int, kind: int) -> list[Any]:
        assert name == "node.aws.example"
        v6 = family == socket.AF_INET6
        return [(family, kind, 6, "", ("fd00::9" if v6 else "10.0.0.9", 0))]

    monkeypatch.setattr("socket.gethostbyaddr", lambda addr: ("node.aws.example", [], [addr]))
    monkeypatch.setattr("socket.getaddrinfo", forward)
    assert EC2MultiRegionTranslator().translate(public) == private


@pytest.mark.parametrize("fails", ["gethostbyaddr", "getaddrinfo"])
def test_an_address_without_a_name_stays(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> Any:
        raise OSError("no such name")

    monkeypatch.setattr("socket.gethostbyaddr", lambda addr: ("node.aws.example", [], [addr]))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: [])
    assert EC2MultiRegionTranslator().translate("52.1.2.3") == "52.1.2.3"
    monkeypatch.setattr(f"socket.{fails}", failing)
    assert EC2MultiRegionTranslator().translate("52.1.2.3") == "52.1.2.3"


def test_a_column_has_three_names() -> None:
    column = ColDesc("ks", "t", "c")
    assert (column.ks, column.table, column.col) == tuple(column) == ("ks", "t", "c")
