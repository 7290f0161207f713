"""What would break memory if compiled code took it at its word is refused, or left to Python."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import pytest

from cql_protocol.errors import DecodeError
from cql_protocol.types import FLOAT, INT, ListType, ReadOptions, VectorType
from cql_speedups.columns import Columns, PageColumns, PagesColumns
from cql_speedups.encoding import RowEncoder
from cql_speedups.rows import make_reader
from cql_speedups.segments import SegmentReader, SegmentWriter
from tests.differential.cells import flat

PLAIN = bytes(100)


class Foreign:
    """A compressor that makes what it is told, whatever it is given."""

    name = "foreign"

    def __init__(self, packed: Any, plain: Any = PLAIN) -> None:
        self.packed, self.plain = packed, plain

    def compress(self, data: bytes) -> Any:
        return self.packed

    def decompress(self, data: bytes, limit: int) -> Any:
        return self.plain

    def compress_block(self, data: bytes) -> Any:
        return self.packed

    def decompress_block(self, data: bytes, size: int) -> Any:
        return self.plain


@pytest.mark.parametrize("key", [1, 2, 65_535, 5_000_000, -1, -70_000])
def test_keys_are_of_markers_that_there_are(key: int) -> None:
    with pytest.raises(IndexError):
        RowEncoder([INT], (0, key))
    with pytest.raises(IndexError):
        RowEncoder([], (key,))


@pytest.mark.parametrize("made", [None, "text", 5, []])
def test_compressors_make_bytes(made: Any) -> None:
    with pytest.raises(TypeError):
        SegmentWriter(Foreign(made)).wrap([PLAIN])
    segment = SegmentWriter(Foreign(b"packed")).wrap([PLAIN])
    with pytest.raises(TypeError):
        list(SegmentReader(Foreign(b"", made)).feed(segment))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_compressors_may_make_any_bytes(kind: Any) -> None:
    segment = SegmentWriter(Foreign(kind(b"packed"))).wrap([PLAIN])
    assert segment == SegmentWriter(Foreign(b"packed")).wrap([PLAIN])
    assert list(SegmentReader(Foreign(b"", kind(PLAIN))).feed(segment)) == [(PLAIN, True)]


def test_columns_that_nobody_made_have_nothing() -> None:
    page: Any = PageColumns.__new__(PageColumns)
    calls = (
        page.__len__,
        page.__arrow_c_schema__,
        page.__arrow_c_array__,
        page.__arrow_c_stream__,
        lambda: page.column(0),
        lambda: PagesColumns.__new__(PagesColumns),
        lambda: PagesColumns(Columns([INT], ["a"]), [page]),
    )
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_vectors_of_vectors_are_larger_than_any_page() -> None:
    most = 1 << 20
    columns = Columns([VectorType(VectorType(VectorType(FLOAT, most), most), 2)], ["a"])
    assert columns.read(flat([bytes(100)]), 0, 1) is None
    assert columns.read(b"", 0, 0) is not None
    with pytest.raises(DecodeError, match="2 GiB"):
        columns.read(flat([None]), 0, 1)


def test_offsets_take_no_more_than_other_buffers() -> None:
    # A null stands for so many lists, each of which would have its offset of four bytes.
    columns = Columns([VectorType(VectorType(ListType(INT), 1 << 10), 1 << 20)], ["a"])
    with pytest.raises(DecodeError, match="2 GiB"):
        columns.read(flat([None]), 0, 1)


READERS = """
from cql_protocol import types
from cql_speedups.columns import Columns

def page(cell):
    return len(cell).to_bytes(4, "big") + cell

def read(cql_type, cell):
    return Columns([cql_type], ["a"]).read(page(cell), 0, 1)

seen = []
kind = type(types.VARINT)
real = kind.reader

def reader(self, options):
    # As another thread would, which has its turn just now.
    if not seen:
        seen.append(True)
        seen.append(read(types.DECIMAL, bytes(1000)))
        seen.append(read(types.INET, bytes(10) + b"\\xff\\xff\\1\\2\\3\\4"))
    return real(self, options)

kind.reader = reader
assert read(types.VARINT, bytes(1000)) is not None
assert seen and None not in seen, seen
"""


def test_long_numbers_are_read_by_threads_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", READERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nothing_is_left_where_there_is_no_memory() -> None:
    testing = pytest.importorskip("_testcapi", reason="this Python has no tests of its own")
    types = (INT, ListType(ListType(INT)))
    number = b"\0\0\0\1" + flat([b"\0\0\0\1"])
    body = flat([b"\0\0\0\1", b"\0\0\0\1" + flat([number])]) * 2000
    reader = make_reader(types, ReadOptions())
    for _ in range(3):
        assert len(reader.read(body, 0, 2000) or ()) == 2000
    counts = []
    for allocation in range(3000, 9000, 500):
        gc.collect()
        counts.append(sys.getallocatedblocks())
        testing.set_nomemory(allocation, allocation + 1)
        try:
            reader.read(body, 0, 2000)
        except MemoryError:
            pass
        else:
            counts.append(-1)  # that many there were not
        finally:
            testing.remove_mem_hooks()
        assert gc.isenabled()
    assert max(counts) - min(counts) < 1000
