"""Real Ray, real Spark. One cluster a module; nothing of ours may stay after a module."""

import pytest
from machine import Traces


def pytest_collection_modifyitems(items):
    for item in items:
        if "integration" in str(item.path):
            item.add_marker(pytest.mark.timeout(420))


@pytest.fixture
def traces():
    return Traces()


@pytest.fixture(scope="module")
def ray4():
    """A Ray of the test's own, with 4 CPUs, which no cluster may stop."""
    import ray

    ray.init(num_cpus=4, address="local", logging_level="ERROR", log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def cluster(ray4):
    """Two executors on that Ray."""
    import raydp_magic as rdm

    before = Traces()
    with rdm.start(executors=2, cores=1, memory="1g") as running:
        yield running
    before.gone(ray=False)


@pytest.fixture
def spark(cluster):
    return cluster.spark
