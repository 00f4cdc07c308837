"""Ray in Spark's UDFs: a worker joins the kernel's Ray."""

import os
import sys

import numpy as np
import pandas as pd
import pyspark.cloudpickle
import pytest
import ray
from machine import wait_until

for pickler in (ray.cloudpickle, pyspark.cloudpickle):  # workers lack this file
    pickler.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def square(ray4):
    @ray4.remote
    def square(x):
        return x * x

    return square


def test_ray_get_in_a_udf(spark, ray4, square):
    from pyspark.sql.functions import pandas_udf, udf

    @udf("long")
    def through_ray(x):
        import ray

        return ray.get(square.remote(x))

    frame = spark.range(0, 20, 1, 2)
    assert [row.y for row in frame.select(through_ray("id").alias("y")).collect()] == [
        n * n for n in range(20)
    ]

    @pandas_udf("long")
    def many_through_ray(values: pd.Series) -> pd.Series:
        import ray

        return pd.Series(ray.get([square.remote(x) for x in values]))

    out = frame.select(many_through_ray("id").alias("y"))
    assert [row.y for row in out.collect()] == [n * n for n in range(20)]


def test_refs_and_actors_of_the_kernel_are_known_in_a_udf(spark, ray4):
    from pyspark.sql.functions import udf

    @ray4.remote(num_cpus=0)
    class Counter:
        def __init__(self):
            self.seen = 0

        def add(self, n):
            self.seen += n
            return self.seen

    counter = Counter.remote()
    small, large = ray4.put(100), ray4.put(np.arange(1_000_000))

    @udf("long")
    def uses(x):
        import ray

        ray.get(counter.add.remote(1))
        return ray.get(small) + int(ray.get(large)[x])

    frame = spark.range(0, 20, 1, 2)
    assert [row.y for row in frame.select(uses("id").alias("y")).collect()] == [
        100 + n for n in range(20)
    ]
    assert ray4.get(counter.add.remote(0)) == 20


def test_what_a_udf_captured_brings_the_kernels_namespace(spark, ray4, square):
    def namespace(rows):
        import ray

        ray.get(square.remote(1))
        return [ray.get_runtime_context().namespace]

    found = spark.sparkContext.parallelize(range(2), 2).mapPartitions(namespace).collect()
    assert found == [ray4.get_runtime_context().namespace] * 2


def where_joined(_):
    import ray

    ray.put(1)  # Ray's own call joins
    context = ray.get_runtime_context()
    return [f"{os.getpid()} {context.get_job_id()} {context.gcs_address} {context.get_node_id()}"]


def test_a_worker_joins_the_same_ray_once(cluster, spark, ray4):
    kernel = ray4.get_runtime_context()
    places = spark.sparkContext.parallelize(range(8), 8).flatMap(where_joined).collect()
    places += spark.sparkContext.parallelize(range(8), 8).flatMap(where_joined).collect()
    seen = {tuple(place.split()) for place in places}
    assert len({pid for pid, *_ in seen}) == len(seen)  # one job a process
    assert {place[2:] for place in seen} == {(kernel.gcs_address, kernel.get_node_id())}
    assert kernel.get_job_id() not in {place[1] for place in seen}


def test_the_workers_jobs_end_with_the_cluster(cluster, spark, ray4):
    """Last in this file: it ends the cluster."""
    from ray._private.state import state

    spark.sparkContext.parallelize(range(2), 2).flatMap(where_joined).collect()
    own = ray4.get_runtime_context().get_job_id()
    joined = [job for job in state.job_table() if job["JobID"] != own and not job["IsDead"]]
    assert joined
    cluster.stop()
    wait_until(
        lambda: not [j for j in state.job_table() if j["JobID"] != own and not j["IsDead"]], 30
    )
