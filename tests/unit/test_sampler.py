"""The sampler with a cluster that answers from memory, slowly, or not at all."""

import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from raydp_magic.bridge.ledger import LedgerEntry
from raydp_magic.bridge.transfers import Transfer
from raydp_magic.cluster.fleet import Slot
from raydp_magic.engine import ray_session
from raydp_magic.engine.proxied import link, name_for_proxy, rest_address
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.monitoring import paced, readings, sampler, spark_rest
from raydp_magic.monitoring.gone import Death
from raydp_magic.monitoring.jobs import job_record
from raydp_magic.monitoring.paced import Paced
from raydp_magic.monitoring.ray_look import ASKED_AT_ONCE, LoadLook
from raydp_magic.monitoring.records import Loads, RayWork, ended_event
from raydp_magic.monitoring.sampler import Sampler
from raydp_magic.monitoring.snapshot import EventSnapshot
from raydp_magic.monitoring.timeline import MOST, Timeline, job_events, task_events, transfer_events
from raydp_magic.spec import make_spec


def until(condition, seconds=5):
    end = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        end.wait(0.01)
    raise AssertionError(condition)


# Paced -------------------------------------------------------------------------------------------


def test_an_answer_is_kept_until_the_next():
    answers = iter([1, 2])
    one = Paced(lambda: next(answers), 0, every=3600.0)
    assert one.value == 0
    one.begin()
    one.wait(5)
    assert one.value == 1
    one.begin()  # it is not time yet
    one.wait(5)
    assert one.value == 1
    one.begin(now=True)
    one.wait(5)
    assert one.value == 2


def test_who_does_not_answer_is_not_waited_for_nor_asked_twice(monkeypatch):
    monkeypatch.setattr(paced, "SILENT_SECONDS", 0.0)
    go, asked = threading.Event(), []

    def ask():
        asked.append(1)
        assert go.wait(5)

    one = Paced(ask, None, every=0.0)
    one.begin()
    one.begin(now=True)
    one.wait(0)
    until(lambda: one.silent_since is not None)
    assert asked == [1]
    go.set()
    one.wait(5)
    assert one.silent_since is None


def test_a_failure_keeps_the_last_answer_and_says_since_when():
    answers = ["good", RuntimeError(), RuntimeError(), "again"]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    one = Paced(ask, "", every=0.0)
    seen = []
    for _ in range(4):
        one.begin(now=True)
        one.wait(5)
        seen.append((one.value, one.silent_since))
    assert [value for value, _ in seen] == ["good", "good", "good", "again"]
    assert seen[1][1] == seen[2][1] is not None
    assert seen[3][1] is None


def test_a_slow_answer_is_followed_by_a_long_rest():
    go = threading.Event()
    one = Paced(lambda: go.wait(0.05), None, every=0.0)
    one.begin()
    one.wait(5)
    one.begin()
    assert one._thread is None  # 0.05 s were spent: it rests for half a second


def test_nothing_is_asked_after_the_close():
    one = Paced(lambda: pytest.fail("asked"), None, every=0.0)
    one.close()
    one.begin(now=True)
    assert one._thread is None


# Sampler -----------------------------------------------------------------------------------------


class Cluster(SimpleNamespace):
    def __init__(self):
        super().__init__(
            spec=make_spec(executors=1),
            state="running",
            app_id="app-1",
            wanted=1,
            versions={},
            problems=[],
            kept=[],
            ray=SimpleNamespace(dashboard_url="http://127.0.0.1:8265", address="x:1"),
            driver=SimpleNamespace(session=None, alive=True),
            actions=("scale", "restart", "cancel", "stop", "logs"),
        )

    def rooms(self):
        return ray_session.nodes()

    def slots(self):
        return [Slot(0, "up", True, "0", "n1", tries=1)]

    def actors(self):
        return {}


@pytest.fixture
def ray(monkeypatch):
    """What stands for Ray: its nodes, or what asking for them does."""
    have = {"CPU": 4.0, "memory": 8e9}
    head = NodeRoom("n1", "head", "::", True, have, have)
    state = SimpleNamespace(asked=0, nodes=lambda: [head], deaths={}, held=[])

    def nodes():
        state.asked += 1
        return state.nodes()

    monkeypatch.setattr(readings, "check_connected", lambda _: None)
    monkeypatch.setattr("raydp_magic.monitoring.ray_look.check_connected", lambda _: None)
    monkeypatch.setattr(ray_session, "nodes", nodes)
    monkeypatch.setattr(readings, "ray_work", lambda _: RayWork(tasks={}, actors={}))
    monkeypatch.setattr(readings, "node_deaths", lambda _: state.deaths)
    monkeypatch.setattr(readings, "prune", lambda: None)
    monkeypatch.setattr(readings, "ledger", lambda **_: state.held)
    monkeypatch.setattr(LoadLook, "__call__", lambda _: Loads())
    return state


def test_a_snapshot_is_there_at_once(ray):
    snapshot = Sampler(Cluster()).sample()
    assert snapshot.nodes[0].name == "head"
    assert snapshot.executors[0].node == "head"
    assert snapshot.presets
    assert "restart" in snapshot.actions


def test_a_ray_that_fails_leaves_the_last_known_state(ray):
    one = Sampler(Cluster())
    good = one.sample()

    def gone():
        raise ConnectionError

    ray.nodes = gone
    bad = one.sample()
    assert good.ray_lost_at is None
    assert bad.ray_lost_at is not None
    assert bad.nodes == good.nodes
    assert bad.actions == ("cancel", "stop", "logs")


def test_a_node_that_died_does_not_just_vanish(ray):
    cluster = Cluster()
    cluster.slots = lambda: [Slot(0, "lost", False, "0", "n2", tries=1)]
    one, alone = Sampler(cluster), ray.nodes()
    ray.nodes = lambda: [*alone, NodeRoom("n2", "worker", "::", False, {"CPU": 2.0}, {})]
    assert [node.alive for node in one.sample().nodes] == [True, True]
    ray.nodes, ray.deaths = lambda: alone, {"n2": Death(time.time() - 3, "power", "::")}
    after = one.sample()
    assert [(n.name, n.alive, n.death) for n in after.nodes[1:]] == [("worker", False, "power")]
    assert after.executors[0].node == "worker"
    assert after.presets == one.sample().presets
    assert after.cpu_total == 4


def test_a_ray_that_hangs_does_not_hold_up_the_others(ray, monkeypatch):
    monkeypatch.setattr(sampler, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(paced, "SILENT_SECONDS", 0.0)
    go, heard = threading.Event(), []
    ray.nodes = lambda: go.wait(10) and []
    one = Sampler(Cluster(), interval=0.01)
    end = one.subscribe(heard.append)
    until(lambda: len(heard) > 3)
    assert heard[-1].ray_lost_at is not None
    assert ray.asked == 1
    end()
    go.set()
    one.finish()


def test_it_rests_when_nobody_looks_and_wakes_when_somebody_does(ray):
    one, heard = Sampler(Cluster(), interval=0.01), []
    watch = one.subscribe(heard.append)
    until(lambda: heard)
    watch.watch(False)
    until(lambda: one._thread is None)
    said = len(heard)
    watch.watch(True)
    until(lambda: len(heard) > said)
    watch()
    until(lambda: one._thread is None)


def test_who_does_not_look_still_hears_the_end(ray):
    cluster, heard = Cluster(), []
    one = Sampler(cluster)
    one.sample()
    one.subscribe(heard.append).watch(False)
    cluster.state = "stopping"
    one.pause()
    cluster.state = "stopped"
    one.finish()
    assert [s.state for s in heard][-2:] == ["stopping", "stopped"]
    assert heard[-1].executors[0].state == "ended"
    assert heard[-1].actions == ()
    asked = ray.asked
    assert one.sample().state == "stopped"
    assert ray.asked == asked


def test_the_last_picture_has_what_happened_while_nobody_looked(ray, monkeypatch):
    monkeypatch.setattr(sampler, "transfers", lambda **_: [])
    cluster = Cluster()
    one, moved = Sampler(cluster), []
    monkeypatch.setattr(sampler, "transfers", lambda **_: moved)
    assert one.sample().timeline == ()
    now = time.time()
    moved.append(Transfer("t1", "spark -> ray", "trips", 5, 5, now - 2, now, False, 0))
    ray.nodes = lambda: pytest.fail("asked")  # that goes away
    cluster.state = "stopping"
    one.pause()
    cluster.state = "stopped"
    one.finish()
    assert [(event.kind, event.label) for event in one.last.timeline] == [("transfer", "trips")]
    assert [node.name for node in one.last.nodes] == ["head"]


def test_what_has_crossed_is_held_at_once_and_called_as_the_bridge_calls_it(ray, monkeypatch):
    moved = [Transfer("t1", "spark -> ray", "id", 5, 24, 1.0, time.time(), False, 0, "held-1")]
    monkeypatch.setattr(sampler, "transfers", lambda **_: moved)
    cluster, asked = Cluster(), []
    one = Sampler(cluster)
    monkeypatch.setattr(readings, "prune", lambda: asked.append(1))
    one.sample()
    ray.held = [held("#1")]
    one._readings.freed.close()  # nothing is asked for it
    seen = one.sample()
    assert [(row.name, row.bytes) for row in seen.ledger] == [("#1", 24)]
    assert [event.label for event in seen.timeline] == ["id"]
    ray.held = [held("ds")]
    assert [event.label for event in one.sample().timeline] == ["ds"]
    ray.held = []
    after = one.sample()
    assert (after.ledger, [event.label for event in after.timeline]) == ((), ["ds"])
    assert asked == [1]


def test_the_last_picture_has_what_is_held_of_the_bridge_after_the_end(ray):
    cluster = Cluster()
    one = Sampler(cluster)
    assert one.sample().ledger == ()
    ray.held = cluster.kept = [held("#1")]
    cluster.state = "stopping"
    one.pause()
    assert [row.name for row in one.last.ledger] == ["#1"]
    ray.held = [*ray.held, held("#2")]  # its Spark has read it
    cluster.state = "stopped"
    one.finish()
    assert [row.name for row in one.last.ledger] == ["#1"]


def held(name):
    return LedgerEntry(name, "spark -> ray", 5, 24, 1, frozenset({"n1"}), "held-1")


def test_a_job_that_ran_when_the_cluster_ended_is_over():
    runs = EventSnapshot("spark", "1", "count", 5.0, None, "running")
    tasks = EventSnapshot("ray", "t", "darts", 5.0, None, "running")  # its Ray may go on
    assert ended_event(runs, 9.0) == replace(runs, ended_at=9.0, state="failed")
    assert ended_event(tasks, 9.0) is tasks


def test_a_spark_that_does_not_answer_is_said_after_a_while():
    silent = SimpleNamespace(spark=SimpleNamespace(silent_since=1000.0))
    assert sampler.spark_silent(silent, 1005.0) == []
    assert "does not answer" in sampler.spark_silent(silent, 1015.0)[0]
    silent.spark.silent_since = None
    assert sampler.spark_silent(silent, 1015.0) == []


def test_no_answer_of_spark_is_no_news():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/jobs"
        with pytest.raises(OSError, match="501"):  # it is none, and no empty list
            spark_rest._get(url)
        server.shutdown()
        thread.join()
    with pytest.raises(OSError, match="refused"):
        spark_rest._get(url)


def test_executors_are_asked_a_few_at_a_time_and_all_in_turn(monkeypatch):
    asked = []

    class Actor:
        def __init__(self, name):
            self.load = SimpleNamespace(remote=lambda: asked.append(name) or name)

    names = [f"{n:02d}" for n in range(40)]
    actors = {name: Actor(name) for name in names}
    load = SimpleNamespace(node_id="n", executor_memory=5)
    fake = SimpleNamespace(
        wait=lambda refs, num_returns, timeout: (refs, []),
        get=lambda ref: SimpleNamespace(**vars(load), executor_id=ref),
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr("raydp_magic.monitoring.ray_look.check_connected", lambda _: None)
    look = LoadLook(SimpleNamespace(actors=lambda: actors))
    sizes = []
    for _ in range(3):
        before = len(asked)
        known = look()
        sizes.append(len(asked) - before)
    assert sizes == [ASKED_AT_ONCE] * 3
    assert set(asked) == set(names)
    assert known.executors == dict.fromkeys(names, 5)


# Timeline ----------------------------------------------------------------------------------------


def test_the_timeline_keeps_ten_minutes_and_the_newest():
    line = Timeline()
    rows = [
        {"jobId": n, "status": "SUCCEEDED", "submissionTime": f"2026-01-01T12:{n % 60:02d}:00.000GMT",
         "completionTime": f"2026-01-01T12:{n % 60:02d}:30.000GMT"}
        for n in range(60)
    ]  # fmt: skip
    line.add(job_events([job_record(row) for row in rows]))
    end = job_record(rows[59]).ended_at
    kept = line.events(end)
    assert [event.id for event in kept] == [str(n) for n in range(49, 60)]
    assert line.events(end + 601) == ()


def test_what_is_heard_again_replaces_what_was_known():
    line = Timeline()
    moving = Transfer("t1", "spark -> ray", "trips", None, None, 100.0, None, False, 0)
    line.add(transfer_events([moving]))
    assert line.events(110.0)[0].state == "running"
    over = Transfer("t1", "spark -> ray", "trips", 5, 5, 100.0, 105.0, True, 0)
    line.add(transfer_events([over]))
    [event] = line.events(110.0)
    assert (event.state, event.ended_at) == ("failed", 105.0)


def test_ray_tasks_that_have_not_begun_are_left_out_and_there_is_a_limit():
    def row(n, **more):
        return SimpleNamespace(
            **{"task_id": f"{n:04d}", "name": "chore", "state": "FINISHED",
               "start_time_ms": 1000 * (n + 1), "end_time_ms": 1000 * (n + 2)} | more
        )  # fmt: skip

    line = Timeline()
    line.add(task_events([row(n) for n in range(MOST + 9)]))
    line.add(task_events([row(9000, start_time_ms=None)]))
    line.add(task_events([row(9001, state="FAILED", start_time_ms=900_000)]))
    kept = line.events(600.0)
    assert len(kept) == MOST
    assert kept[-1].state == "failed"
    assert kept[0].id == "0010"


def test_a_task_that_ray_lists_no_more_is_over():
    line = Timeline()
    row = SimpleNamespace(
        task_id="a", name="chore", state="RUNNING", start_time_ms=1000, end_time_ms=None
    )
    line.add(task_events([row]))
    line.still("ray", {"a"}, 20.0)
    assert line.events(20.0)[0].ended_at is None
    line.still("ray", set(), 30.0)
    assert line.events(30.0)[0].ended_at == 30.0


# Links -------------------------------------------------------------------------------------------


def test_links_go_through_the_proxy_only_where_it_is_known(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    monkeypatch.delenv("RAYDP_MAGIC_PROXY", raising=False)
    assert link("http://127.0.0.1:4040") == "http://127.0.0.1:4040"
    monkeypatch.setenv("RAYDP_MAGIC_PROXY", "1")
    assert link("http://127.0.0.1:4040") == "proxy:4040/"
    assert link("http://10.0.0.7:8265/a") == "proxy:10.0.0.7:8265/a"
    assert link(None) is None
    monkeypatch.setenv("RAYDP_MAGIC_PROXY", "0")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/a/")
    assert link("http://127.0.0.1:4040") == "http://127.0.0.1:4040"


def test_sparks_pages_find_their_application_behind_a_proxy(monkeypatch):
    """They take what follows `/proxy/` in the address for the application's id."""
    named = []
    context = SimpleNamespace(uiWebUrl="http://127.0.0.1:4040", applicationId="app-1")
    monkeypatch.setenv("RAYDP_MAGIC_PROXY", "0")
    name_for_proxy(context, named.append)
    assert named == []
    assert rest_address(context) == "http://127.0.0.1:4040/api/v1/applications/app-1"
    monkeypatch.setenv("RAYDP_MAGIC_PROXY", "1")
    name_for_proxy(context, named.append)
    assert named == ["4040"]
    assert rest_address(context) == "http://127.0.0.1:4040/api/v1/applications/4040"
    assert rest_address(SimpleNamespace(uiWebUrl=None, applicationId="app-1")) is None
