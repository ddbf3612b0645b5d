"""A real Ray cluster of two nodes on this machine: two raylets, each with one processor and resources of its own."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

HEAD = {"board:pi": 1}
SECOND = {"board:local": 1}


def two_nodes() -> AbstractContextManager[Any]:
    """A cluster of two nodes."""
    return nodes(HEAD, SECOND)


@contextmanager
def nodes(head: dict[str, int], *others: dict[str, int]) -> Iterator[Any]:
    """The cluster (``ray.cluster_utils.Cluster``), which ``RAY_ADDRESS`` names; workers find the tests' modules.

    Each node has one processor, and the resources given.
    """
    tests = Path(__file__).resolve().parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_register_timeout_seconds", "300")  # a worker's start beside other work
        patch.setenv("PYTHONPATH", os.pathsep.join([str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")]))
        from ray.cluster_utils import Cluster

        session = f"session_{secrets.token_hex(6)}"
        cluster = Cluster()
        try:
            add_node(cluster, session, head, include_dashboard=False, session_name=session, no_monitor=True)
            for resources in others:
                add_node(cluster, session, resources)
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster
        finally:
            cluster.shutdown()


def add_node(cluster: Any, session: str, resources: dict[str, int], **more: Any) -> Any:
    """One more node.

    A raylet waits 15 s for its agents to write down their ports, and then gives up: too short beside other work. The
    ports are therefore chosen here and lie there before it looks.
    """
    node = secrets.token_hex(28)
    ports = {
        "runtime_env_agent_port": _free_port(), "metrics_agent_port": -1, "metrics_export_port": -1,
        "dashboard_agent_listen_port": -1,
    }  # fmt: skip
    folder = Path(tempfile.gettempdir()) / "ray" / session
    folder.mkdir(parents=True, exist_ok=True)
    for name, port in ports.items():
        (folder / f"{name}_{node}").write_text(str(port))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_OVERRIDE_NODE_ID_FOR_TESTING", node)
        return cluster.add_node(
            num_cpus=1, resources=resources, include_log_monitor=False, object_store_memory=80_000_000,
            runtime_env_agent_port=ports["runtime_env_agent_port"], **more,
        )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
