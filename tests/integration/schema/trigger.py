"""The trigger class that the node of these tests has: it does nothing."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

from tests.cassandra.jars import jar_folder
from tests.cassandra.options import DEFAULT_VERSION
from tests.cassandra.tools import find_java

CLASS = "tests.Noop"
_SOURCE = """
package tests;
public class Noop implements org.apache.cassandra.triggers.ITrigger {
    public java.util.Collection<org.apache.cassandra.db.Mutation> augment(
            org.apache.cassandra.db.partitions.Partition update) {
        return null;
    }
}
"""


def make_trigger(folder: Path) -> Path:
    """Compile the class into a jar and return the folder of it, for ``cassandra.triggers_dir``."""
    source = folder / "Noop.java"
    source.write_text(_SOURCE)
    compiler = [find_java(), "-m", "jdk.compiler/com.sun.tools.javac.Main"]
    jars = os.pathsep.join(map(str, jar_folder(DEFAULT_VERSION).glob("*.jar")))
    # Without -proc:none the compiler runs what annotation processors it finds among the jars.
    subprocess.run(
        [*compiler, "-proc:none", "-cp", jars, "-d", folder / "classes", source],
        check=True,
        timeout=120,
    )
    found = folder / "triggers"
    found.mkdir()
    with zipfile.ZipFile(found / "noop.jar", "w") as jar:
        jar.write(folder / "classes" / "tests" / "Noop.class", "tests/Noop.class")
    return found
