"""Fuzz the compiled decoders, built with clang's fuzzer and AddressSanitizer.

    python tests/fuzz/native/run.py                         all targets, for four minutes
    python tests/fuzz/native/run.py --executions 10000000   that many in total
    python tests/fuzz/native/run.py --target rows           one target
    python tests/fuzz/native/run.py --replay FILE --target rows    a finding once more

`build.py` says what it needs. Each target runs in a process of its own, two at a time; then each
input of its corpus is run again and again while the memory in use is counted, which finds leaks.
What is found is written to ``tests/fuzz/findings`` and printed, and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FINDINGS = HERE.parent / "findings"
LONGEST_INPUT = 1024
SHARES = {
    "rows": 3,
    "columns": 3,
    "frames": 0.5,
    "segments": 0.5,
    "wrapping": 0.02,
    "large_frames": 0.03,
}
"""How much of the executions a target gets, or of the time; those not named get 1."""
_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")
_COUNTERS = re.compile(r"Loaded \d+ modules\s+\((\d+) inline")
_LEAKS = re.compile(r"^(\d+) inputs, (\d+) leak", re.MULTILINE)

sys.path.insert(0, str(ROOT))


def main() -> int:
    """Build, run the targets that were asked for, and sum up."""
    arguments = _arguments()
    if arguments.child:
        return _fuzz(arguments.target, arguments.child)
    from tests.fuzz.native.build import build, environment

    build()
    settings = environment()
    names = list(_names(settings))
    if arguments.target:
        if arguments.target not in names:
            print(f"no such target; there are: {', '.join(names)}", file=sys.stderr)
            return 2
        names = [arguments.target]
    if arguments.replay:
        command = [sys.executable, __file__, "--target", names[0], "--child"]
        return subprocess.run([*command, str(arguments.replay)], env=settings).returncode
    return _run_all(names, arguments, settings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=240, help="in total (default: 240)")
    parser.add_argument("--executions", type=int, help="in total, instead of a time")
    parser.add_argument("--target", help="only this one")
    parser.add_argument("--replay", type=Path, help="run --target once, on the bytes of a file")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.replay and not arguments.target:
        parser.error("--replay needs --target")
    return arguments


def _names(settings: dict[str, str]) -> list[str]:
    program = "from tests.fuzz.native.targets import TARGETS; print(*TARGETS)"
    command = [sys.executable, "-c", program]
    return subprocess.check_output(command, env=settings, cwd=ROOT, text=True).split()


def _fuzz(name: str, arguments: list[str]) -> int:
    """The child's part: let the fuzzer own this process, or look for leaks."""
    from tests.fuzz.native.targets import TARGETS

    if arguments[0] == "leaks":
        from tests.fuzz.native.leaks import look_for_leaks

        return look_for_leaks(TARGETS[name], Path(arguments[1]))
    import atheris

    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()
    return 0


# --- the parent --------------------------------------------------------------------------------


class Run:
    """One target: first the fuzzer's process, then the one that looks for leaks."""

    def __init__(self, name: str, limit: str, work: Path, settings: dict[str, str]) -> None:
        self.name = name
        self.settings = settings
        self.log = work / f"{name}.log"
        self.corpus = work / name
        self.corpus.mkdir()
        self.findings = FINDINGS / name
        self.findings.mkdir(parents=True, exist_ok=True)
        self.before = self._artifacts()
        self.began = time.monotonic()
        self.seconds = 0.0
        self.failed = self.looks_for_leaks = False
        seeds = "import sys; from tests.fuzz.native.run import write_seeds; write_seeds()"
        command = [sys.executable, "-c", seeds, name, str(self.corpus)]
        subprocess.run(command, env=settings, cwd=ROOT, check=True)
        self.process = self._start(
            str(self.corpus),
            limit,
            f"-max_len={LONGEST_INPUT}",
            f"-artifact_prefix={self.findings}/",
            "-timeout=30",
            "-rss_limit_mb=3000",
            "-print_final_stats=1",
            "-close_fd_mask=0",
        )

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, __file__, "--target", self.name, "--child", *arguments]
        with self.log.open("ab") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, env=self.settings)

    def _artifacts(self) -> set[Path]:
        return set(self.findings.iterdir())

    def is_done(self) -> bool:
        """Say whether both processes have ended; start the second when the first has."""
        status = self.process.poll()
        if status is None:
            return False
        self.failed |= status != 0
        if self.looks_for_leaks:
            return True
        self.seconds = time.monotonic() - self.began
        self.looks_for_leaks = True
        self.process = self._start("leaks", str(self.corpus))
        return False

    def report(self) -> tuple[int, bool]:
        """Print what came of it; return (executions, whether there was a finding)."""
        log = self.log.read_text(errors="replace")
        found = self._artifacts() - self.before
        counts, covered = _EXECUTED.findall(log), _COVERED.findall(log)
        counters, leaks = _COUNTERS.findall(log), _LEAKS.findall(log)
        count = int(counts[-1]) if counts else 0
        reached = (
            f"coverage {covered[-1] if covered else '?'} of {counters[-1] if counters else '?'}"
        )
        inputs, leaking = leaks[-1] if leaks else ("?", "?")
        bad = self.failed or bool(found) or leaking != "0"
        print(
            f"{self.name:10} {count:>11,} executions in {self.seconds:5.0f} s   {reached:24} "
            f"{leaking} leaks in {inputs} inputs   {'FINDING' if bad else 'ok'}"
        )
        if bad:
            print("\n".join(f"    {line}" for line in log.splitlines()[-60:]))
        for path in sorted(found):
            print(f"    the bytes: {path.read_bytes()!r}")
            print(f"    again by: {sys.executable} {__file__} --target {self.name} --replay {path}")
        if not any(self.findings.iterdir()):
            self.findings.rmdir()
        sys.stdout.flush()
        return count, bad


def write_seeds() -> None:
    """Write the seeds of the target that the command line names into its folder."""
    from tests.fuzz.native.seeds import seeds

    for number, seed in enumerate(seeds(sys.argv[1])):
        Path(sys.argv[2], f"seed-{number}").write_bytes(seed)


def _limit(name: str, names: list[str], arguments: argparse.Namespace) -> str:
    share = SHARES.get(name, 1) / sum(SHARES.get(each, 1) for each in names)
    if arguments.executions:
        return f"-runs={round(arguments.executions * share)}"
    from tests.fuzz.side_by_side import AT_ONCE

    seconds = arguments.seconds * min(AT_ONCE, len(names)) * share
    return f"-max_total_time={max(1, round(seconds))}"


def _run_all(names: list[str], arguments: argparse.Namespace, settings: dict[str, str]) -> int:
    from tests.fuzz.side_by_side import run_all

    def start(name: str, work: Path) -> Run:
        return Run(name, _limit(name, names, arguments), work, settings)

    began = time.monotonic()
    total, findings = run_all(names, start, FINDINGS)
    seconds = time.monotonic() - began
    print(f"in total   {total:>11,} executions in {seconds:5.0f} s   {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
