"""Hosts and the connections to them."""

from __future__ import annotations
