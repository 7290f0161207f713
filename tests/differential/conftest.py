"""Compiled code against Python code, in one process: without the first there is no test."""

from __future__ import annotations

import pytest

pytest.importorskip("cql_speedups.rows", reason="cql-speedups is not built, nothing to compare")
