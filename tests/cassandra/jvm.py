"""The command line of a node's Java process."""

from __future__ import annotations

from pathlib import Path

from tests.cassandra.jars import agent_jar
from tests.cassandra.options import ClusterOptions

# What Cassandra reaches into on Java 17, from its conf/jvm17-server.options.
_OPENED = {
    "java.base": (
        "java.io java.lang java.lang.module java.lang.ref java.lang.reflect java.math java.net "
        "java.nio java.nio.charset java.util java.util.concurrent java.util.concurrent.atomic "
        "java.util.concurrent.locks jdk.internal.access jdk.internal.loader jdk.internal.math "
        "jdk.internal.misc jdk.internal.module jdk.internal.ref jdk.internal.reflect "
        "jdk.internal.util.jar sun.nio.ch"
    ),
    "java.management.rmi": "com.sun.jmx.remote.internal.rmi",
    "java.management": "com.sun.jmx.remote.security",
    "java.rmi": "sun.rmi.registry sun.rmi.server sun.rmi.transport sun.rmi.transport.tcp",
    "java.sql": "java.sql",
    "jdk.management": "com.sun.management com.sun.management.internal",
    "jdk.management.jfr": "jdk.management.jfr",
    "jdk.compiler": "com.sun.tools.javac.file",
    "jdk.naming.dns": "com.sun.jndi.dns",
}


def java_command(java: Path, jars: Path, folder: Path, options: ClusterOptions) -> list[str]:
    """The arguments that run the node whose files are in ``folder``.

    Measured for start time on two cores: the first compiler tier only 3.9 s (with both 5.9 s). An
    archive of classes (AppCDS) saves 0.8 s more for 56 MB, which is not worth its upkeep. A heap
    that grows from 64 MB halves the resident memory of an idle node, to 0.4 GB.
    """
    conf = (folder / "conf").as_uri()
    opened = [f"{m}/{p}=ALL-UNNAMED" for m, packages in _OPENED.items() for p in packages.split()]
    replicas = str(min(options.nodes, 3))
    properties = {
        "java.io.tmpdir": str(folder / "tmp"),
        "java.net.preferIPv4Stack": "true",
        "jdk.attach.allowAttachSelf": "true",
        "io.netty.tryReflectionSetAccessible": "true",
        "cassandra.config": f"{conf}/cassandra.yaml",
        "cassandra-rackdc.properties": f"{conf}/cassandra-rackdc.properties",
        "logback.configurationFile": str(folder / "conf" / "logback.xml"),
        "cassandra.storagedir": str(folder / "data"),
        "cassandra.logdir": str(folder / "log"),
        "cassandra-foreground": "yes",
        "cassandra.skip_wait_for_gossip_to_settle": "0",
        # Nobody waits this long here: it bounds how long a restarting node asks its peers about
        # itself. With 0 that is one second, and too short while they still reconnect to it.
        "cassandra.ring_delay_ms": "10000",
        # No fsync: SIGKILL leaves the page cache alone, and no test pulls the plug of the machine.
        "cassandra.skip_sync": "true",
        # The default superuser appears at once, not after 10 s (with several replicas: as soon as
        # a quorum is up, for which this is also the time between two attempts), and logins
        # outlive a dead node.
        "cassandra.superuser_setup_delay_ms": "0" if options.nodes == 1 else "500",
        "cassandra.system_auth.default_rf": replicas,
    }
    return [
        str(java),
        f"-javaagent:{agent_jar(jars)}",
        "-Xms64m",
        f"-Xmx{options.heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={folder / 'log' / 'hs_err.log'}",
        *(f"--add-exports={name}" for name in opened),
        *(f"--add-opens={name}" for name in opened),
        *(f"-D{key}={value}" for key, value in properties.items()),
        *options.jvm,
        "-cp",
        f"{jars}/*",
        "org.apache.cassandra.service.CassandraDaemon",
    ]
