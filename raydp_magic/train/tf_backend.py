"""Tells TensorFlow's processes of each other, as Ray Train's own backend does.

Ray's sets ``TF_USE_LEGACY_KERAS``, which would bring Keras 2 in, and loads TensorFlow into the
process that only watches the workers.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import ray
from ray.train.backend import Backend, BackendConfig  # a base class: this module is imported late


@dataclass
class TFConfig(BackendConfig):
    """Asks Ray Train for this backend."""

    @property
    def backend_cls(self) -> type[Backend]:
        """What sets the workers up."""
        return TFBackend


class TFBackend(Backend):
    """Sets ``TF_CONFIG`` in each worker."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """Called by Ray Train when the workers are there, before training."""
        del backend_config
        addresses = worker_group.execute(free_address)
        if len(addresses) > 1:
            ray.get(
                [
                    worker_group.execute_single_async(rank, set_config, addresses, rank)
                    for rank in range(len(addresses))
                ]
            )


def free_address() -> str:
    """``"host:port"`` of this process' node, free now."""
    import socket

    host = ray.util.get_node_ip_address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def set_config(addresses: list[str], rank: int) -> None:
    """Say in this process who takes part, and who it is itself."""
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
    os.environ["TF_CONFIG"] = json.dumps(config)
