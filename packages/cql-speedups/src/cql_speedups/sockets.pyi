from typing import Any

class Sink: ...

class SocketStream:
    _at_end: bool
    _buffer: Any
    _buffered: int
    _closed: bool
    _closing: bool
    _events: int
    _fd: int
    _full: bool
    _linger: Any
    _protocol: Any
    _reading: bool
    _runtime: Any
    _sock: Any
    def __init__(self, runtime: Any, sock: Any, protocol: Any) -> None: ...
    def write(self, data: bytes) -> None: ...
    def on_readable(self) -> None: ...
