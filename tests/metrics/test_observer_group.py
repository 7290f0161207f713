"""The group calls whom it must, and stands what they raise."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cql_driver.core.observers import Observer, ObserverGroup, context_of
from cql_driver.errors import InvalidArgumentType
from tests.metrics.stand_ins import Request, host, simple

HOOKS = [name for name, value in vars(Observer).items() if callable(value) and name[0] != "_"]


class Recorder(Observer):
    """Overrides every hook, and keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []


def _recording(name: str) -> Any:
    def call(self: Recorder, *args: Any) -> None:
        self.calls.append((name, *args))

    return call


for _name in HOOKS:
    setattr(Recorder, _name, _recording(_name))


class Broken(Observer):
    def request_started(self, request: Any) -> None:
        raise RuntimeError("no luck today")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _arguments(name: str) -> tuple[Any, ...]:
    code = getattr(Observer, name).__code__
    return tuple(f"{name} {at}" for at in range(code.co_argcount - 1))


def test_the_group_has_a_slot_for_every_hook() -> None:
    assert set(ObserverGroup.__slots__) == {"observers", *HOOKS}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_nobody_overrides_is_none(name: str) -> None:
    assert getattr(ObserverGroup([]), name) is None
    assert getattr(ObserverGroup([Observer(), Observer()]), name) is None


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", HOOKS)
def test_all_who_override_a_hook_are_called_in_order(name: str, size: int) -> None:
    recorders = [Recorder() for _ in range(size)]
    group = ObserverGroup([Observer(), *recorders])
    arguments = _arguments(name)
    getattr(group, name)(*arguments)
    assert [recorder.calls for recorder in recorders] == [[(name, *arguments)]] * size


@pytest.mark.parametrize("name", HOOKS)
def test_an_error_of_one_observer_stays_with_it(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise ValueError("mine")

    failing = type("Failing", (Observer,), {name: fail})
    recorder = Recorder()
    getattr(ObserverGroup([failing(), recorder]), name)(*_arguments(name))
    assert recorder.calls == [(name, *_arguments(name))]
    assert f"Failing.{name}" in caplog.text
    assert "ValueError: mine" in caplog.text


def test_only_what_is_overridden_is_called() -> None:
    group = ObserverGroup([Broken()])
    assert [name for name in HOOKS if getattr(group, name)] == ["request_started"]
    assert len(group.observers) == 1


def test_an_instance_may_override_too() -> None:
    observer = Observer()
    seen: list[Any] = []
    observer.request_started = seen.append  # type: ignore[method-assign]
    hook = ObserverGroup([observer]).request_started
    assert hook is not None
    hook("a request")
    assert seen == ["a request"]


def test_the_same_complaint_is_made_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    hook = ObserverGroup([Broken()], clock=clock).request_started
    assert hook is not None
    for _ in range(5):
        hook("a request")
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.ERROR
    assert caplog.records[0].exc_info
    clock.now += 61
    hook("a request")
    assert len(caplog.records) == 2
    assert "4 times more" in caplog.records[1].getMessage()


def test_complaints_about_two_observers_are_two(caplog: pytest.LogCaptureFixture) -> None:
    hook = ObserverGroup([Broken(), Broken()]).request_started
    assert hook is not None
    hook("a request")
    hook("a request")
    assert len(caplog.records) == 2


def test_what_ends_the_program_is_not_caught() -> None:
    class Interrupted(Observer):
        def host_changed(self, host: Any, change: str) -> None:
            raise KeyboardInterrupt

    hook = ObserverGroup([Interrupted()]).host_changed
    assert hook is not None
    with pytest.raises(KeyboardInterrupt):
        hook(host(), "up")


@pytest.mark.parametrize("wrong", [Observer, "observer", None])
def test_only_observers_belong_into_a_group(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="observers"):
        ObserverGroup([wrong])


def test_the_context_is_made_on_first_use() -> None:
    request = Request(simple("SELECT"))
    context_of(request)["mine"] = 1
    assert request.context == {"mine": 1}
    assert context_of(request) is request.context
