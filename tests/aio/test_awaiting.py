"""What `AsyncSession.execute` returns: it does as a coroutine does, compiled or not."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.errors import InvalidArgumentType
from tests.aio.test_concurrency import filled, owned, rule
from tests.simulation import Delay, Drop

if TYPE_CHECKING:
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes


async def test_it_passes_for_a_coroutine(connect: Connect) -> None:
    async with connect() as session:
        select = await filled(session, 3)
        made = session.execute(select, (1,))
        assert asyncio.iscoroutine(made)
        assert not asyncio.isfuture(made)
        assert inspect.isawaitable(made)
        assert "execute" in repr(asyncio.create_task(made, name="the task"))
        rows = [await found for found in asyncio.as_completed([session.execute(select, (2,))])]
        assert [row.k for result in rows for row in result] == [2]


async def test_every_way_to_wait(connect: Connect) -> None:
    async with connect() as session:
        select = await filled(session, 9)

        def key(number: int) -> Any:
            return session.execute(select, (number,))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(key(number)) for number in range(3)]
        found = [task.result() for task in tasks]
        found += await asyncio.gather(key(3), key(4))
        found.append(await asyncio.wait_for(key(5), 10))
        found.append(await asyncio.shield(key(6)))
        async with asyncio.timeout(10):
            found.append(await key(7))
        done, _ = await asyncio.wait([asyncio.ensure_future(key(8))])
        found += [task.result() for task in done]
        assert [result.one().k for result in found] == list(range(9))


async def test_by_hand(connect: Connect) -> None:
    async def last_step(made: Any) -> StopIteration:
        steps = made.__await__()
        while True:
            try:
                waiting = next(steps)
            except StopIteration as end:
                return end
            waiting._asyncio_future_blocking = False
            done = asyncio.Event()
            waiting.add_done_callback(lambda _, done=done: done.set())
            await done.wait()

    async with connect() as session:
        select = await filled(session, 3)
        end = await last_step(session.execute(select, (1,)))
        assert end.value.one().k == 1
        assert end.args == (end.value,)
        # To make a traceback takes longer than all that comes before it.
        assert end.__traceback__ is not None
        assert end.__traceback__.tb_next is None
        with pytest.raises(InvalidArgumentType):
            await last_step(session.execute(12, (1,)))


async def test_nothing_runs_before_it_is_awaited(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        select = await filled(session, 3)
        made = session.execute(select, (1,))
        wrong = session.execute(12, (1,))
        await asyncio.sleep(0.01)
        assert owned(session) == 0
        made.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await made
        with pytest.raises(InvalidArgumentType):
            await wrong
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await wrong


async def test_it_warns_when_nobody_awaits_it(connect: Connect) -> None:
    async with connect() as session:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            session.execute("SELECT key FROM system.local")
            gc.collect()
    (warning,) = told
    assert warning.category is RuntimeWarning
    assert "execute' was never awaited" in str(warning.message)


async def test_it_is_awaited_once(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        select = await filled(session, 3)
        made = session.execute(select, (1,))
        assert (await made).one().k == 1
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await made
        rule(nodes, Delay(0.05), text="SELECT")
        made = session.execute(select, (1,))

        async def wait() -> Any:
            return await made

        first = asyncio.create_task(wait())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="coroutine is being awaited already"):
            await made
        assert (await first).one().k == 1


@pytest.mark.parametrize("how", ["throw", "close", "cancel"])
async def test_who_gives_up_orphans_its_request(
    connect: Connect, nodes: LiveNodes, how: str
) -> None:
    async with connect() as session:
        select = await filled(session, 3)
        rule(nodes, Drop(), text="SELECT")
        if how == "cancel":
            task = asyncio.create_task(session.execute(select, (1,)))
            await asyncio.sleep(0.01)
            assert owned(session) == 1
            task.cancel("enough")
            with pytest.raises(asyncio.CancelledError, match="enough"):
                await task
        else:
            made = session.execute(select, (1,))
            assert made.send(None) is not None
            assert owned(session) == 1
            if how == "throw":
                with pytest.raises(ZeroDivisionError, match="by nobody"):
                    made.throw(ZeroDivisionError("by nobody"))
            else:
                made.close()
        assert owned(session) == 0


async def test_a_task_that_is_cancelled_before_it_began(connect: Connect) -> None:
    async with connect() as session:
        select = await filled(session, 3)
        task = asyncio.create_task(session.execute(select, (1,)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert owned(session) == 0


async def test_a_task_that_is_cancelled_when_its_answer_has_come(connect: Connect) -> None:
    """It is cancelled, as any task that was not resumed yet."""
    async with connect() as session:
        select = await filled(session, 3)
        second: list[asyncio.Task[Any]] = []

        async def first() -> None:
            await session.execute(select, (0,))
            second[0].cancel()

        one = asyncio.create_task(first())
        second.append(asyncio.create_task(session.execute(select, (1,))))
        await one
        (end,) = await asyncio.gather(second[0], return_exceptions=True)
        # Both answers come in one piece, or the second one a little later.
        assert isinstance(end, asyncio.CancelledError)
        assert owned(session) == 0
        assert (await session.execute(select, (2,))).one().k == 2


async def test_each_task_goes_on_in_its_own_context(connect: Connect) -> None:
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number")
    async with connect() as session:
        select = await filled(session, 20)

        async def look(key: int) -> tuple[int, int]:
            number.set(key)
            row = (await session.execute(select, (key,))).one()
            return row.k, number.get()

        assert await asyncio.gather(*map(look, range(20))) == [(key, key) for key in range(20)]


async def test_tasks_written_in_python(connect: Connect, nodes: LiveNodes) -> None:
    """A debugger's, say: they ask of a future what is documented."""
    task_of: Any = asyncio.tasks._PyTask  # type: ignore[attr-defined]
    async with connect() as session:
        select = await filled(session, 3)
        assert (await task_of(session.execute(select, (1,)))).one().k == 1
        rule(nodes, Drop(), text="SELECT")
        task = task_of(session.execute(select, (1,)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert owned(session) == 0


async def test_tasks_that_begin_at_once(connect: Connect) -> None:
    if sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")
    async with connect() as session:
        select = await filled(session, 3)
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        try:
            other = asyncio.sleep(0)
            try:
                await loop.create_task(other)
            except TypeError as error:
                other.close()
                pytest.skip(f"this loop and this Python differ about eager tasks: {error}")
            found = await asyncio.gather(*(session.execute(select, (key,)) for key in range(3)))
        finally:
            loop.set_task_factory(None)
        assert [result.one().k for result in found] == [0, 1, 2]


async def test_tasks_that_wait_on_requests_of_each_other(connect: Connect) -> None:
    """Answers that come in one piece wake tasks in their order, each able to ask for more."""
    async with connect() as session:
        select = await filled(session, 50)
        order: list[int] = []

        async def ask(key: int) -> None:
            for _ in range(20):
                assert (await session.execute(select, (key,))).one().k == key
            order.append(key)

        await asyncio.gather(*map(ask, range(50)))
        assert sorted(order) == list(range(50))
        assert owned(session) == 0


def test_an_interrupted_task_takes_no_other_along(connect: Connect, runner: asyncio.Runner) -> None:
    """Ctrl-C may come while the first of several woken tasks runs."""

    async def main() -> list[Any]:
        async with connect() as session:
            select = await filled(session, 10)

            async def ask(key: int) -> int:
                row = (await session.execute(select, (key,))).one()
                if key == 0:
                    raise KeyboardInterrupt
                return int(row.k)

            tasks = [asyncio.ensure_future(ask(key)) for key in range(10)]
            kept.append(tasks)
            return await asyncio.gather(*tasks, return_exceptions=True)

    kept: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        runner.get_loop().run_until_complete(main())

    async def rest() -> list[Any]:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(others)
        return [task.exception() or task.result() for task in kept[0][1:]]

    assert runner.get_loop().run_until_complete(rest()) == list(range(1, 10))
