"""What things cost, side by side with other drivers: ``python -m benchmarks --help``."""

from __future__ import annotations
