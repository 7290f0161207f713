"""``python -m tests.integration.run_document DOCUMENT ADDRESS``: run what a document shows.

The blocks of Python are one program, in which later blocks see what earlier ones have made; those
that await do so on one event loop. What a line prints is what the comment behind it says::

    print(1 + 1)  # 2

``127.0.0.1`` stands for ADDRESS. The first block that fails, or prints something else, ends it.
Before each block nodes have the time to build the indexes of the mapper's default keyspace.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from cql_driver.cluster import Cluster, Session
from cqlengine.connection import default_keyspace
from tests.integration.driver.support import until

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_TOLD = re.compile(r"^\s*print\(.*\)  # (.*)$", re.MULTILINE)


def blocks(document: Path) -> list[tuple[int, str]]:
    """Return the blocks of Python, each with the number of lines before it."""
    text = document.read_text(encoding="utf-8")
    found = _BLOCK.finditer(text)
    return [(text[: match.start(1)].count("\n"), match[1]) for match in found]


def _are_built(session: Session) -> bool:
    """Say whether the node has built all indexes there are."""
    keyspace = (default_keyspace(),)
    wanted = session.execute(
        "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = %s", keyspace
    )
    # What is called the table there is the keyspace.
    built = session.execute(
        'SELECT index_name FROM system."IndexInfo" WHERE table_name = %s', keyspace
    )
    return {row.index_name for row in wanted} <= {row.index_name for row in built}


def run(document: Path, address: str) -> None:
    """Run all blocks of a document."""
    space: dict[str, Any] = {"__name__": document.stem}
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        session = stack.enter_context(Cluster([address])).connect()
        for line, block in blocks(document):
            until(lambda: default_keyspace() is None or _are_built(session), "indexes are built")
            told = _TOLD.findall(block)
            source = "\n" * line + block.replace("127.0.0.1", address)
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = compile(source, str(document), "exec", flags=flags, dont_inherit=True)
            with redirect_stdout(StringIO()) as output:
                if code.co_flags & inspect.CO_COROUTINE:
                    runner.run(eval(code, space))
                else:
                    exec(code, space)
            said = output.getvalue().splitlines()
            if said != told:
                raise SystemExit(f"{document}:{line}: told {told}, said {said}")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
