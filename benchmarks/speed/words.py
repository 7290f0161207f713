"""What the page says of each line: a heading, and how it is measured."""

from __future__ import annotations

HEADINGS = {
    1: "One request at a time",
    2: "Many inserts",
    3: "Many selects of one row",
    4: "Asyncio",
    5: "Rows",
    6: "Columns and vectors",
    7: "Scans",
    8: "Protocol 5 with compression",
    10: "Start",
}

MEASURED = {
    1: """\
The client sends a request and waits for its answer. With a machine that has nothing else to do,
most of what is counted is the kernel's: a core that fell asleep wakes up, for every driver alike.
So it is measured twice: as it comes, and with a process of the lowest rank on every core, which
takes no time from anyone and keeps the core awake. The bare socket sends the same bytes again and
again and looks at no answer.
""",
    2: """\
`execute_concurrent_with_args` with 100 requests in flight. Drivers of asyncio run them as a task
each behind a semaphore; acsylla also as 100 tasks that each await one request after the other.
The bare socket encodes 100 requests in Python, sends them at one stroke and looks only at the
lengths of the answers.
""",
    3: """\
The same with a row in each answer that is read, as the rows that the driver has by default: by
`execute_concurrent_with_args`, and by `execute_concurrent`.
""",
    4: """\
100 tasks, each of which awaits one request after the other. scylla-driver and cassandra-driver
have no asyncio API: each request is wrapped in a future that its callback resolves. The bare
protocol encodes in Python and resolves a future for each answer.
""",
    5: """\
Pages of 5,000 rows of ten columns: uuid, text, int, bigint, double, timestamp, boolean, list, map
and blob. The request and the socket are counted. The plain C loop builds the same rows by the
functions that CPython has for it (`benchmarks/plain_rows.c`).
""",
    6: """\
The same pages as Arrow tables and numpy arrays, and rows with a vector of 768 floats.
""",
    7: """\
A million rows of eight columns on a real node of the same machine, read by `cql_driver.scan` in one
process and in two, whose rows were compared with those of a plain read before. What limits a scan
where the node has machines of its own is the CPU time of the client process that has most to do;
wall time is what is seen here, where the node takes its part of the cores.
""",
    8: """\
Our driver alone: segments, checksums and lz4 against plain protocol 4.
""",
    10: """\
Fresh processes, without what the bare interpreter takes.
""",
}
