"""The running cluster: start it, look at it, change its size, stop it."""

from raydp_magic.cluster.attempt import StartProgress
from raydp_magic.cluster.cluster import Cluster
from raydp_magic.cluster.starting import current, not_running, start

__all__ = ["Cluster", "StartProgress", "current", "not_running", "start"]
