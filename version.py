"""The one version of every package in packages/; each reads it when it is built."""

from __future__ import annotations

__version__ = "1.0.0.dev0"
