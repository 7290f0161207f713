"""Say in one line each what this machine lacks for a make target: preflight.py TARGET NEED...

It runs before anything is installed, on whatever Python there is: standard library only, and in a
syntax that every Python 3 can read, so that an old one gets as far as being told that it is old.
"""

import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig

OLDEST_PYTHON = (3, 11)
JAVA = 17

# What to install: by package manager, in the order in which they are looked for.
INSTALL = {
    "apt-get": {
        "python": "python3",
        "venv": "python3-venv",
        "compiler": "gcc libc6-dev",
        "headers": "python3-dev libc6-dev",
        "java": "openjdk-17-jdk-headless",
        "maven": "maven",
        "openssl": "openssl",
    },
    "dnf": {
        "python": "python3.11",
        "venv": "python3-libs",
        "compiler": "gcc",
        "headers": "python3-devel",
        "java": "java-17-openjdk-devel",
        "maven": "maven",
        "openssl": "openssl",
    },
    "brew": {
        "python": "python@3.12",
        "venv": "python@3.12",
        "compiler": "gcc",
        "headers": "python@3.12",
        "java": "openjdk@17",
        "maven": "maven",
        "openssl": "openssl",
    },
}


def check_python() -> "str | None":
    """Python itself, and the modules of it that Debian keeps in a package of their own."""
    if sys.version_info < OLDEST_PYTHON:
        found = "Python {}.{}".format(*sys.version_info[:2])
        text = "Python {}.{} or newer is needed and {} is {} (another: make PYTHON=...)"
        return advise(text.format(*OLDEST_PYTHON, sys.executable, found), "python")
    try:
        import ensurepip
        import venv
    except ImportError as error:
        return advise("Python's module {} is missing".format(error.name), "venv")
    del ensurepip, venv
    return None


def check_compiler() -> "str | None":
    """A C compiler that can read Python's header files."""
    named = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    command = shlex.split(named)
    if not shutil.which(command[0]):
        return advise("a C compiler ({}) is missing".format(command[0]), "compiler")
    include = sysconfig.get_path("include")
    done = subprocess.run(
        [*command, "-I", include, "-fsyntax-only", "-x", "c", "-"],
        input=b"#include <Python.h>\n",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        text = "the C compiler ({}) cannot compile Python.h from {}, or the C library's headers"
        return advise(text.format(command[0], include), "headers")
    return None


def check_java() -> "str | None":
    """The one Java that Cassandra 5 runs on."""
    if find_java():
        return None
    return advise("Cassandra needs Java {}, which is missing".format(JAVA), "java")


def check_jdk() -> "str | None":
    """Java with its compiler: some tests run a Java source file."""
    java = find_java()
    if not java:
        return check_java()
    if os.path.exists(os.path.join(os.path.dirname(os.path.realpath(java)), "javac")):
        return None
    return advise("{} is there without its compiler, javac".format(java), "java")


def find_java() -> "str | None":
    """Look where the tests do: JAVA_HOME, PATH, the usual folders of Debian and macOS."""
    named = "*{}*".format(JAVA)
    candidates = [os.path.join(os.environ.get("JAVA_HOME", ""), "bin", "java")]
    candidates.append(shutil.which("java") or "")
    candidates += glob.glob(os.path.join("/usr/lib/jvm", named, "bin/java"))
    candidates += glob.glob(
        os.path.join("/Library/Java/JavaVirtualMachines", named, "Contents/Home/bin/java")
    )
    candidates.append("/opt/homebrew/opt/openjdk@{}/bin/java".format(JAVA))
    found = [path for path in candidates if os.path.isfile(path) and java_major(path) == JAVA]
    return found[0] if found else None


def java_major(java: str) -> "int | None":
    """Ask a Java which one it is."""
    done = subprocess.run(
        [java, "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    match = re.search(rb'version "(\d+)', done.stdout)
    return int(match.group(1)) if match else None


def check_maven() -> "str | None":
    """Maven, by which the tests fetch Cassandra."""
    return None if shutil.which("mvn") else advise("Maven (mvn) is missing", "maven")


def check_openssl() -> "str | None":
    """The program that makes the certificates of the TLS tests."""
    return None if shutil.which("openssl") else advise("openssl is missing", "openssl")


def advise(problem: str, need: str) -> str:
    """Add to a problem the command that solves it, as far as this system's is known."""
    for manager, packages in INSTALL.items():
        if shutil.which(manager):
            return "{}: {} install {}".format(problem, manager, packages[need])
    return "{}: install it by your system's package manager".format(problem)


CHECKS = {
    "python": check_python,
    "compiler": check_compiler,
    "java": check_java,
    "jdk": check_jdk,
    "maven": check_maven,
    "openssl": check_openssl,
}


def main(target: str, needs: "list[str]") -> int:
    """Check the needs of a make target and return the exit status."""
    problems = [problem for problem in (CHECKS[need]() for need in needs) if problem]
    for problem in problems:
        sys.stderr.write("make {}: {}\n".format(target, problem))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
