"""What other processes take of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.soak.machine import Others

TICKS = os.sysconf("SC_CLK_TCK")


def say(proc: Path, busy: float, used: dict[int, float]) -> None:
    """Write so many seconds into the files that the kernel has."""
    idle = 1000 * TICKS
    (proc / "stat").write_text(f"cpu  {busy * TICKS:.0f} 0 0 {idle} {idle} 0 0 0 0 0\ncpu0 1 2\n")
    for pid, seconds in used.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        text = f"{pid} (a (name) x) S" + " 0" * 10 + f" {seconds * TICKS:.0f} 0 0 0\n"
        (proc / str(pid) / "stat").write_text(text)


def test_our_own_time_does_not_count(tmp_path: Path) -> None:
    say(tmp_path, 100, {7: 10, 8: 20})
    others = Others(tmp_path)
    # What is seen for the first time has used nothing yet.
    assert others.since([7], 1.0) == 0
    say(tmp_path, 104, {7: 11, 8: 21})
    assert others.since([7, 8], 2.0) == pytest.approx(1.5)
    say(tmp_path, 106, {7: 12, 8: 22})
    assert others.since([7, 8], 2.0) == 0


def test_a_process_that_is_gone_has_used_nothing(tmp_path: Path) -> None:
    say(tmp_path, 100, {})
    others = Others(tmp_path)
    say(tmp_path, 101, {})
    assert others.since([9], 1.0) == 1


def test_the_real_files_can_be_read() -> None:
    assert 0 <= Others().since([os.getpid()], 1.0) < 1000
