"""What can go wrong with a cluster, in three classes."""

from __future__ import annotations


class ClusterError(RuntimeError):
    """Something about a cluster failed; the message says what to do next."""


class ServerUnavailable(ClusterError):
    """This machine cannot run a server at all (a tool or the download is missing).

    Tests skip on it, or fail when ``CI`` is set.
    """


class StartError(ClusterError):
    """A node was started and did not become ready; the message ends with the end of its log."""
