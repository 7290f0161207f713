"""Feed the decoders bytes that a fuzzer makes, and report what comes out that may not.

    python tests/fuzz/run.py                            all targets, for two minutes
    python tests/fuzz/run.py --seconds 600              longer
    python tests/fuzz/run.py --target responses         one target
    python tests/fuzz/run.py --replay FILE --target responses    a finding once more

Needs atheris. Each target runs in a process of its own, two at a time, since the fuzzer owns its
process. A finding is written to ``tests/fuzz/findings`` (not part of the repository), printed, and
makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FINDINGS = HERE / "findings"
LONGEST_INPUT = 2048
_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")

sys.path.insert(0, str(ROOT))
# Coverage is measured on the Python code, which is the reference for the compiled one.
os.environ.setdefault("CQL_PROTOCOL_IMPL", "python")


def main() -> int:
    """Run the targets that were asked for and sum up."""
    arguments = _arguments()
    if arguments.child:
        return _fuzz(arguments.target, arguments.child)
    from tests.fuzz.targets import TARGETS

    names = [arguments.target] if arguments.target else list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        print(f"no target {unknown.pop()!r}; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    if arguments.replay:
        TARGETS[names[0]](arguments.replay.read_bytes())
        print("nothing is wrong with it now")
        return 0
    return _run_all(names, arguments.seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=120, help="in total (default: 120)")
    parser.add_argument("--target", help="only this one")
    parser.add_argument("--replay", type=Path, help="run --target once, on the bytes of a file")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.replay and not arguments.target:
        parser.error("--replay needs --target")
    return arguments


def _fuzz(name: str, arguments: list[str]) -> int:
    """The child's part: let the fuzzer own this process."""
    import atheris

    with atheris.instrument_imports(include=["cql_protocol"]):
        from tests.fuzz.targets import TARGETS

    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()
    return 0


# --- the parent --------------------------------------------------------------------------------


class Run:
    """One target in its process."""

    def __init__(self, name: str, seconds: float, work: Path) -> None:
        self.name = name
        self.log = work / f"{name}.log"
        corpus = work / name
        corpus.mkdir()
        _write_seeds(name, corpus)
        self.findings = FINDINGS / name
        self.findings.mkdir(parents=True, exist_ok=True)
        self.before = self._artifacts()
        options = [
            f"-max_total_time={max(1, round(seconds))}",
            f"-max_len={LONGEST_INPUT}",
            f"-artifact_prefix={self.findings}/",
            "-timeout=20",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        command = [sys.executable, __file__, "--target", name, "--child", str(corpus), *options]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    def _artifacts(self) -> set[Path]:
        return set(self.findings.iterdir())

    def is_done(self) -> bool:
        """Say whether the process has ended."""
        return self.process.poll() is not None

    def report(self) -> tuple[int, bool]:
        """Print what came of it; return (executions, whether there was a finding)."""
        log = self.log.read_text(errors="replace")
        found = self._artifacts() - self.before
        counts = _EXECUTED.findall(log)
        count = int(counts[-1]) if counts else 0
        covered = _COVERED.findall(log)
        reached = f"coverage {covered[-1]}" if covered else "no coverage"
        bad = self.process.returncode != 0 or bool(found)
        print(f"{self.name:16} {count:>12,} executions   {reached:16} {'FINDING' if bad else 'ok'}")
        if bad:
            print("\n".join(f"    {line}" for line in log.splitlines()[-40:]))
        for path in sorted(found):
            print(f"    the bytes: {path.read_bytes()!r}")
            print(f"    again by: {sys.executable} {__file__} --target {self.name} --replay {path}")
        if not any(self.findings.iterdir()):
            self.findings.rmdir()
        sys.stdout.flush()
        return count, bad


def _write_seeds(name: str, folder: Path) -> None:
    from tests.fuzz.seeds import seeds

    for number, seed in enumerate(seeds(name)):
        (folder / f"seed-{number}").write_bytes(seed)


def _run_all(names: list[str], seconds: float) -> int:
    from tests.fuzz.side_by_side import AT_ONCE, run_all

    each = seconds * min(AT_ONCE, len(names)) / len(names)
    total, findings = run_all(names, lambda name, work: Run(name, each, work), FINDINGS)
    print(f"{'in total':16} {total:>12,} executions   {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
