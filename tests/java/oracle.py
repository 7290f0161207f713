"""The Java codec as a process that is asked in lines: see ``Codec.java``."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.cassandra.tools import find_java
from tests.java.jars import fetch

PROTOCOL = ("com.datastax.oss:native-protocol", "1.5.2")
LZ4 = ("at.yawk.lz4:lz4-java", "1.10.1")
_SOURCE = Path(__file__).with_name("Codec.java")
_PATIENCE = 60.0


class OracleError(Exception):
    """Java refused: the class of its exception and the text."""


class Oracle:
    """One Java process; a context manager that ends it."""

    def __init__(self) -> None:
        jars = [str(fetch(*jar)) for jar in (PROTOCOL, LZ4)]
        self._process = subprocess.Popen(
            [
                find_java(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-cp",
                os.pathsep.join(jars),
                _SOURCE,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._pending = b""

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def ask(self, *words: str) -> str:
        """One question, one answer; raises `OracleError` when Java raised."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._line()
        if answer.startswith("ERR "):
            raise OracleError(answer[4:])
        return answer

    def _line(self) -> str:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        until = time.monotonic() + _PATIENCE
        parts = [self._pending]
        while b"\n" not in parts[-1]:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            data = os.read(pipe, 1 << 20) if ready else b""
            if not data:
                why = "ended" if ready else f"did not answer for {_PATIENCE:.0f} seconds"
                raise AssertionError(f"the Java codec {why}")
            parts.append(data)
        line, _, self._pending = b"".join(parts).partition(b"\n")
        return line.decode()

    # --- what Codec.java can do ----------------------------------------------------------------

    def frame(self, frame: bytes, compression: str = "none") -> tuple[bytes, dict[str, Any]]:
        """Java's encoding of what it decoded from `frame`, and what that says."""
        return _told(self.ask("frame", compression, frame.hex()))

    def random(
        self, version: int, seed: int, compression: str = "none"
    ) -> tuple[bytes, dict[str, Any]]:
        """A frame that Java makes, and what it says."""
        return _told(self.ask("random", compression, str(version), str(seed)))

    def segments(self, frames: list[bytes], compression: str = "none") -> list[bytes]:
        """The segments that Java makes around frames, which all have one direction."""
        answer = self.ask("segments", compression, ",".join(frame.hex() for frame in frames))
        return [bytes.fromhex(text) for text in answer.split(",")]

    def unwrap(self, segments: bytes, compression: str = "none") -> list[tuple[bytes, bool]]:
        """(payload, self-contained) of every segment, as Java reads them."""
        answer = self.ask("unwrap", compression, segments.hex())
        parts = [text.partition(":") for text in answer.split(" ")]
        return [(bytes.fromhex(payload), kind == "S") for kind, _, payload in parts]


def _told(answer: str) -> tuple[bytes, dict[str, Any]]:
    encoded, _, said = answer.partition(" ")
    found: dict[str, Any] = json.loads(said)
    return bytes.fromhex(encoded), found
