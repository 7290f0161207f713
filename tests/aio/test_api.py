"""Statements, results and metadata through the asyncio API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.aio.conftest import Connect


async def test_statements(connect: Connect) -> None:
    async with connect() as session:
        await session.execute("INSERT INTO t (k, v) VALUES (%s, %s)", (1, "one"))
        await session.execute("INSERT INTO t (k, v) VALUES (?, ?)", (2, "two"))
        select = await session.prepare("SELECT v FROM t WHERE k = ?")
        assert (await session.execute(select, (1,))).one().v == "one"
        assert [row.v for row in await session.execute(select, (2,))] == ["two"]
        assert (await session.execute_async(select, (2,))).one() == ("two",)
