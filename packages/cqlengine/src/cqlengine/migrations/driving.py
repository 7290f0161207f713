"""How the same procedures block, or are awaited.

Planning and applying are generators. They yield `Request` objects, pauses and questions for
agreement, are sent what comes of each, and are thrown what goes wrong, so that they can record
it. That is where they differ from the verbs of models, which nobody needs to tell of errors.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, TypeVar

    from cqlengine.connection import Connection

    T = TypeVar("T")
    Procedure = Generator[Any, Any, T]

__all__ = ["Agreement", "Pause", "adrive", "drive"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Wait until all nodes have the same schema; the answer is whether they have.

    `seconds` is how long at most, None for as long as the cluster is configured to wait.
    """

    seconds: float | None = None


def drive(procedure: Procedure[T], connection: Connection) -> T:
    """Carry out a procedure on a connection; return what it returns."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            action = procedure.send(answer) if error is None else procedure.throw(error)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = error = None
        try:
            answer = _perform(action, connection)
        # Ctrl-C too: the lease is to be given back.
        except BaseException as raised:  # noqa: BLE001
            error = raised


def _perform(action: Any, connection: Connection) -> Any:
    if isinstance(action, Pause):
        time.sleep(action.seconds)
        return None
    if isinstance(action, Agreement):
        return connection.connected().session.wait_for_schema_agreement(action.seconds)
    return connection.execute(action)


async def adrive(procedure: Procedure[T], connection: Connection) -> T:
    """Carry out a procedure on the running event loop; return what it returns."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            action = procedure.send(answer) if error is None else procedure.throw(error)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = error = None
        try:
            answer = await _aperform(action, connection)
        except BaseException as raised:  # noqa: BLE001 - a cancelled task gives the lease back
            error = raised


async def _aperform(action: Any, connection: Connection) -> Any:
    if isinstance(action, Pause):
        await asyncio.sleep(action.seconds)
        return None
    if isinstance(action, Agreement):
        session = await connection.aget_session()
        return await session.wait_for_schema_agreement(action.seconds)
    return await connection.aexecute(action)
