"""Ray itself: join one or start one, and see what its nodes have free."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raydp_magic.engine.dashboard_apart import dashboard_apart
from raydp_magic.engine.lasting_thread import in_lasting_thread, let_end
from raydp_magic.engine.quiet_logger import quiet_logger
from raydp_magic.errors import RayUnreachableError
from raydp_magic.loaded import ask

LOCAL_MIN_CPUS = 4
"""CPUs of a Ray that we start on a small machine: they are logical, and executors must leave
some to the Ray tasks that read their results."""

CONNECT_TIMEOUT = 5.0

_started: str | None = None
"""`identity` of the Ray that this process started."""


@dataclass(frozen=True)
class NodeRoom:
    """What one live Ray node has in all and free. Memory in bytes, the rest in Ray's units."""

    node_id: str
    host: str
    ip: str
    is_head: bool
    total: dict[str, float] = field(default_factory=dict)
    free: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RayConnection:
    """A Ray that this process is connected to."""

    address: str
    owned: bool
    node_ip: str
    dashboard_url: str | None


def is_connected() -> bool:
    """Whether this process already has a Ray. Imports nothing: what is not there has none."""
    return bool(ask("ray", "is_initialized"))


def identity() -> str | None:
    """What tells one connection to a Ray from any other; None without one.

    An address does not: a new local Ray often takes the port of the one before.
    """
    if not is_connected():
        return None
    import ray

    context = ray.get_runtime_context()
    return f"{context.get_node_id()} {context.get_job_id()}"


def will_start_local(address: str | None) -> bool:
    """Whether `connect` would start a new local Ray."""
    if is_connected():
        return False
    return address == "local" or (address is None and _known_address() is None)


def connect(address: str | None) -> RayConnection:
    """Join a Ray, or start a local one.

    Parameters
    ----------
    address : str or None
        ``"auto"`` or ``"host:port"`` to join; ``"local"`` for a new one; None for the Ray of
        this process, else the one in ``RAY_ADDRESS`` or started on this machine with
        ``ray start``, else a new local one.

    Raises
    ------
    RayUnreachableError
        When nothing answers at the address.
    """
    global _started
    import ray

    if ray.is_initialized():
        _check_same(address)
        return _describe(owned=identity() == _started)
    if will_start_local(address):
        in_lasting_thread(lambda: _init_local(local_cpus()))
        _started = identity()
        return _describe(owned=True)
    target = address or "auto"
    if target == "auto":
        found = _known_address()
        if found is None:
            raise RayUnreachableError(
                "address='auto': no Ray runs on this machine",
                address=target,
                hint="start one with `ray start --head`, or leave the address out for a local one.",
            )
        target = found
    _probe(target)
    try:
        with quiet_logger("ray"):  # token notice, dashboard link
            ray.init(address=target, logging_level=logging.ERROR)
    except BaseException as error:
        with contextlib.suppress(Exception):
            ray.shutdown()
        if isinstance(error, Exception):
            raise _unreachable(target, error) from error
        raise
    return _describe(owned=False)


def coming_local_node() -> NodeRoom:
    """What a local Ray that is still to be started will have at most."""
    import psutil

    have = {
        "CPU": float(local_cpus()),
        "memory": float(psutil.virtual_memory().total),
        "GPU": math.inf,  # only Ray itself counts them
    }
    return NodeRoom("", "", "", is_head=True, total=have, free=have)


def local_cpus() -> int:
    """CPUs of a local Ray that we start."""
    return max(LOCAL_MIN_CPUS, os.cpu_count() or 1)


def disconnect() -> None:
    """Stop the Ray that `connect` started."""
    import ray

    with contextlib.suppress(Exception):
        ray.shutdown()
    let_end()


def nodes() -> list[NodeRoom]:
    """Live nodes with their total and free resources.

    Ray offers free resources per node only through its autoscaler's status; should that call
    change, a single node is still exact and several nodes count as free what they have in all.
    """
    import ray

    free = _free_by_node()
    alive = [node for node in ray.nodes() if node["Alive"]]
    if not free and len(alive) == 1:
        free = {alive[0]["NodeID"]: ray.available_resources()}
    return [
        NodeRoom(
            node_id=node["NodeID"],
            host=node["NodeManagerHostname"],
            ip=node["NodeManagerAddress"],
            is_head="node:__internal_head__" in node["Resources"],
            total=dict(node["Resources"]),
            free=dict(free.get(node["NodeID"], node["Resources"])),
        )
        for node in alive
    ]


def _free_by_node() -> dict[str, dict[str, float]]:
    import ray

    try:
        from ray.autoscaler.v2.sdk import get_cluster_status

        status = get_cluster_status(ray.get_runtime_context().gcs_address)
    except Exception:  # noqa: BLE001 - an optional source, see nodes()
        return {}
    return {
        node.node_id: node.available_resources()
        for node in [*status.active_nodes, *status.idle_nodes]
        if node.node_id
    }


def all_on_this_machine(rooms: list[NodeRoom], node_ip: str) -> bool:
    """Whether every live node is on the machine of this process."""
    return all(room.ip == node_ip for room in rooms)


def _describe(*, owned: bool) -> RayConnection:
    import ray

    context = ray.get_runtime_context()
    return RayConnection(
        address=context.gcs_address,
        owned=owned,
        node_ip=ray.util.get_node_ip_address(),
        dashboard_url=_dashboard_url(),
    )


def _dashboard_url() -> str | None:
    import ray

    with quiet_logger("ray"):  # a second init only hands out the context
        context = ray.init(ignore_reinit_error=True, configure_logging=False)
    url = context.dashboard_url
    if not url:
        return None
    return str(url) if "://" in url else f"http://{url}"


def _check_same(address: str | None) -> None:
    import ray

    running = ray.get_runtime_context().gcs_address
    if address in (None, "auto") or (address == "local" and identity() == _started):
        return
    if address == "local" or not _same_endpoint(str(address), running):
        raise RayUnreachableError(
            f"This kernel is already connected to the Ray at {running}, not to {address}",
            address=str(address),
            hint="call `ray.shutdown()` first, or leave the address out to use it.",
        )


def _same_endpoint(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        resolved = [
            {info[4][0] for info in socket.getaddrinfo(host, None)} | {port}
            for host, _, port in (one.rpartition(":"), other.rpartition(":"))
        ]
    except OSError:
        return False
    local = one.rpartition(":")[0] in ("localhost", "127.0.0.1")
    same_port = one.rpartition(":")[2] == other.rpartition(":")[2]
    return resolved[0] == resolved[1] or (local and same_port)


def _known_address() -> str | None:
    """The Ray that ``ray.init()`` itself would join: RAY_ADDRESS, else that of ``ray start``."""
    from_env = os.environ.get("RAY_ADDRESS")
    if from_env and from_env not in ("auto", "local"):
        return from_env
    if from_env == "local":
        return None
    temp = os.environ.get("RAY_TMPDIR") or "/tmp"  # noqa: S108 - Ray's own choice
    record = Path(temp) / "ray" / "ray_current_cluster"
    try:
        address = record.read_text().strip()
    except OSError:
        return None
    return address if address and _answers(address) else None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, ValueError):
        return False
    return True


def _probe(address: str) -> None:
    """Ask the port before ``ray.init`` does, which would wait for half a minute."""
    if "://" not in address and not _answers(address):
        raise RayUnreachableError(
            f"No Ray answers at {address}",
            address=address,
            hint="check host and port (`ray start --head` prints them; 6379 is the default), "
            "or leave the address out to start a local Ray.",
        )


def _unreachable(address: str, error: Exception) -> RayUnreachableError:
    text = " ".join(str(error).split())
    if "uthenticat" in type(error).__name__ + text or "oken" in type(error).__name__:
        return RayUnreachableError(
            f"The Ray at {address} wants an authentication token",
            address=address,
            hint="set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or ~/.ray/auth_token) "
            "before the kernel starts.",
        )
    if "ersion mismatch" in text:
        return RayUnreachableError(
            f"The Ray at {address} does not match this kernel: {text[:200]}",
            address=address,
            hint="use the same Ray and Python versions on both sides.",
        )
    # A wrong token looks the same as a program that is no Ray: the port answers, joining fails.
    return RayUnreachableError(
        f"Could not join the Ray at {address}: {text[:200]}",
        address=address,
        hint="is it a head node's address, of the same Ray version? A Ray with a token needs "
        "RAY_AUTH_MODE=token and its RAY_AUTH_TOKEN set before the kernel starts.",
    )


def _init_local(cpus: int) -> None:
    """Start a Ray of our own; nothing of it stays when that is interrupted or fails."""
    import psutil
    import ray

    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}
    try:
        with quiet_logger("ray"), dashboard_apart():  # it tells of a token, and a link
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=True,
                logging_level=logging.ERROR,
            )
    except BaseException:
        with contextlib.suppress(Exception):
            ray.shutdown()
        for child in me.children(recursive=True):
            if child.pid not in before and _is_ray_process(child):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        raise


def _is_ray_process(process: Any) -> bool:
    try:
        return any("ray" in part for part in process.cmdline()[:4])
    except Exception:  # noqa: BLE001 - it has ended: nothing to kill
        return False
