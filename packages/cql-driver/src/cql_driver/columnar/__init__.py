"""Results as columns: Arrow, pandas, polars and numpy.

Rows are decoded from the bytes of a page into columns; with cql-speedups no Python object is made
for a cell. `ResultSet` and its like have the methods `to_arrow`, `to_pandas`, `to_polars` and
`to_numpy`; with the row factory `arrow_factory` a result gives a record batch for each page::

    from cql_driver.query import arrow_factory

    for batch in session.execute("SELECT * FROM events", row_factory=arrow_factory):
        writer.write_batch(batch)

Which CQL type becomes what is in docs/columnar.md. Nothing here is loaded before it is used, nor
are the libraries it makes things for.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.columnar.factory import arrow_factory
else:
    __getattr__, __dir__ = lazily(__name__, {"cql_driver.columnar.factory": "arrow_factory"})

__all__ = ["arrow_factory"]
