"""The same procedures blocking and awaited: answers come back, and so do errors."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from cql_protocol.errors import InvalidRequest
from cqlengine.migrations.driving import Agreement, Pause, adrive, drive
from cqlengine.query.requests import Request


class Session:
    """Says that nodes agree if there was time to."""

    def wait_for_schema_agreement(self, seconds: float | None) -> Any:
        return seconds != 0


class AsyncSession(Session):
    async def wait_for_schema_agreement(self, seconds: float | None) -> Any:
        return seconds != 0


class Connection:
    """Answers a request with its text, and raises what it is told to."""

    def __init__(self, failures: dict[str, BaseException] | None = None) -> None:
        self.failures = failures or {}
        self.texts: list[str] = []
        self.session = Session()

    def execute(self, request: Request) -> str:
        self.texts.append(request.text)
        if request.text in self.failures:
            raise self.failures[request.text]
        return f"answer to {request.text}"

    async def aexecute(self, request: Request) -> str:
        await asyncio.sleep(0)
        return self.execute(request)

    def connected(self) -> Connection:
        return self

    async def aget_session(self) -> AsyncSession:
        return AsyncSession()


def procedure() -> Generator[Any, Any, list[Any]]:
    answers: list[Any] = []
    answers.append((yield Request("one")))
    answers.append((yield Pause(0)))
    answers.append((yield Agreement(0)))
    answers.append((yield Agreement()))
    try:
        yield Request("two")
    except InvalidRequest as error:
        answers.append(error)
    except BaseException:
        yield Request("given back")
        raise
    answers.append((yield Request("three")))
    return answers


def driven(how: str, connection: Any) -> Any:
    if how == "blocking":
        return drive(procedure(), connection)
    return asyncio.run(adrive(procedure(), connection))


both = pytest.mark.parametrize("how", ["blocking", "awaited"])


@both
def test_answers_and_errors_come_back(how: str) -> None:
    refused = InvalidRequest("no")
    answers = driven(how, Connection({"two": refused}))
    assert answers == ["answer to one", None, False, True, refused, "answer to three"]


@both
def test_what_is_not_expected_is_raised_where_the_procedure_can_clean_up(how: str) -> None:
    connection = Connection({"two": ZeroDivisionError("x")})
    with pytest.raises(ZeroDivisionError):
        driven(how, connection)
    assert connection.texts == ["one", "two", "given back"]


def test_ctrl_c_is_one_of_these() -> None:
    connection = Connection({"two": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        driven("blocking", connection)
    assert connection.texts == ["one", "two", "given back"]


def test_so_is_a_task_that_is_cancelled() -> None:
    class Slow(Connection):
        async def aexecute(self, request: Request) -> str:
            answer = self.execute(request)
            if request.text == "two":
                task.cancel()
                await asyncio.sleep(3600)
            return answer

    connection = Slow()
    task: asyncio.Task[Any]

    async def run() -> None:
        nonlocal task
        task = asyncio.ensure_future(adrive(procedure(), connection))  # type: ignore[arg-type]
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert connection.texts == ["one", "two", "given back"]
