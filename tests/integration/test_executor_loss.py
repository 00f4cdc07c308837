"""kill -9, crash loops and a dying driver."""

import os
import signal
import threading
import time

import psutil
import pytest
from machine import executor_jvms, jvms_of, wait_until

import raydp_magic as rdm
from raydp_magic.errors import ExecutorsLostError


@pytest.mark.spark35
def test_a_killed_executor_does_not_change_the_answer(cluster, spark):
    victim, other = cluster.executor_ids()
    killed = []

    def slow_square(rows):
        for row in rows:
            time.sleep(0.01)
            yield row * row

    def kill_one():
        wait_until(lambda: any(job.tasks_active for job in cluster.status().jobs), 30)
        killed.append(min(executor_jvms(cluster)))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    total = spark.sparkContext.parallelize(range(800), 8).mapPartitions(slow_square).sum()
    killer.join()
    assert total == sum(i * i for i in range(800))
    assert killed

    wait_until(lambda: cluster.executors_up == 2, 60)
    ids = cluster.executor_ids()
    assert len(ids) == 2
    [dead] = {victim, other} - {*ids}
    text = cluster.logs(dead)
    assert f"executor {dead} (until " in text
    assert "signal 9" in text
    assert f"Starting executor ID {dead}" in text
    assert cluster.follow_log(dead).next > 0  # out of its file, not its last words
    assert spark.range(100).count() == 100


def test_a_killed_actor_is_replaced(cluster, spark):
    import ray

    ray.kill(next(iter(cluster.actors().values())))
    wait_until(lambda: cluster.executors_up < 2, 20)
    wait_until(lambda: cluster.executors_up == 2, 60)
    assert spark.range(100).count() == 100
    wait_until(lambda: len(jvms_of(cluster)) == 3, 15)


@pytest.mark.spark35
def test_a_killed_driver_ends_the_cluster_and_a_new_one_starts(cluster, ray4, traces):
    jvms = jvms_of(cluster)
    os.kill(cluster.driver.process.pid, signal.SIGKILL)
    wait_until(lambda: cluster.state == "failed", 30)
    wait_until(lambda: not any(map(psutil.pid_exists, jvms)), 15)
    assert "driver JVM ended" in cluster.status().problems[0]
    wait_until(lambda: ray4.available_resources().get("CPU") == 4, 15)
    with rdm.start(executors=1) as again:
        assert again.spark.range(10).count() == 10


def test_executors_that_cannot_start_are_given_up_with_their_last_words(ray4, traces):
    conf = {"spark.executor.extraJavaOptions": "-Xms9g"}  # more than -Xmx: the JVM refuses
    with pytest.raises(ExecutorsLostError) as caught:
        rdm.start(executors=1, memory="600m", max_restarts=1, conf=conf)
    text = str(caught.value)
    assert "given up after 2 tries" in text
    assert "heap size" in text  # the JVM's own last line
    assert rdm.current() is None
    traces.gone(ray=False)


def test_a_crash_loop_while_running_is_bounded_and_told(ray4, traces):
    with rdm.start(executors=1, max_restarts=1) as cluster:
        for _ in range(2):
            wait_until(lambda: cluster.executors_up == 1, 60)
            [pid] = executor_jvms(cluster)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: cluster.executors_up == 0, 15)
        wait_until(lambda: cluster.slots()[0].phase == "failed", 15)
        status = cluster.status()
        assert status.executors[0].state == "failed"
        assert "given up after 2 tries" in status.problems[0]
        assert "signal 9" in status.problems[0]
    traces.gone(ray=False)
