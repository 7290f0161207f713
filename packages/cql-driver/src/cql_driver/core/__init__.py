"""The request core: runs on any `Runtime`, knows no socket and no thread."""

from __future__ import annotations
