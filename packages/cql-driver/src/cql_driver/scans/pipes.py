"""What the processes of a scan say to each other.

A message is a pair of a kind and a value. Large buffers in it (the bytes of a page, the columns
of a record batch) travel beside its pickle, and so are not copied into it.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["receive", "send", "widen"]


_ROOM = 1 << 20


def widen(pipe: Connection) -> None:
    """Give a pipe room for a page: in small pieces it takes the receiver three times the work."""
    if sys.platform != "win32":  # where pipes are no sockets
        with socket.socket(fileno=os.dup(pipe.fileno())) as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)


def send(pipe: Connection, kind: str, *value: Any) -> None:
    """Send a message; waits while the pipe is full, which holds the sender back."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, 5, buffer_callback=buffers.append)
    pipe.send_bytes(pickle.dumps((kind, len(buffers))))
    pipe.send_bytes(body)
    for buffer in buffers:
        with buffer.raw() as raw:
            pipe.send_bytes(raw)


def receive(pipe: Connection) -> tuple[str, tuple[Any, ...]]:
    """Return a message, whole; raises EOFError where the other end is gone before it is."""
    kind, count = pickle.loads(pipe.recv_bytes())
    body = pipe.recv_bytes()
    buffers = [pipe.recv_bytes() for _ in range(count)]
    return kind, pickle.loads(body, buffers=buffers)
