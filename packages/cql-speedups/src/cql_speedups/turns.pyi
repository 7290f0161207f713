from collections import deque
from collections.abc import Callable
from typing import Any

class Shared:
    ended: bool
    nap: Any
    poller: Any
    sleeping: bool
    waker: Any
    wanted: bool
    def __init__(self, poller: Any, waker: Any) -> None: ...
    def wake(self) -> None: ...
    def end(self) -> None: ...
    def close(self) -> None: ...

class Turns:
    activity: int
    ended: bool
    unattended: int
    _depth: int
    _followers: deque[Any]
    _free: list[None]
    _handlers: dict[int, Any]
    _has_thread: bool
    _owner: int
    _ready: deque[tuple[Callable[..., object], tuple[Any, ...]]]
    _shared: Shared | None
    _timers: Any
    _users: deque[tuple[Callable[..., object], tuple[Any, ...]]]
    def perform(self, function: Callable[[], object], waitable: Any) -> None: ...
    def turn(self, deadline: float | None = None) -> None: ...
    def before_poll(self, deadline: float | None) -> float: ...
    def after_poll(self, events: list[tuple[int, int]]) -> None: ...
