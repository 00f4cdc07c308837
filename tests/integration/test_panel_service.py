"""The panel's protocol with a real cluster, through a real kernel that is busy with a cell."""

import queue
import time
import uuid

import pytest
from kernel import Kernel
from machine import Traces, wait_until

from raydp_magic.monitoring import diff
from raydp_magic.monitoring.snapshot import from_json


class Sidebar:
    """Speaks with the kernel as JupyterLab's sidebar does: over a subshell of its own."""

    def __init__(self, kernel):
        self.kernel, self.client = kernel, kernel.client
        self.record, self.seq, self.answers, self.none = None, None, {}, None
        self.cells, self.numbers, self.kinds = {}, iter(range(1, 1000)), []
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        reply = self.client.get_control_msg(timeout=10)
        self.subshell = reply["content"]["subshell_id"]
        self.comm = uuid.uuid4().hex
        self.send("comm_open", target_name="raydp_magic", data={})
        self.tell(type="hello", schema=3, visible=True)

    def send(self, kind, **content):
        message = self.client.session.msg(kind, {"comm_id": self.comm, **content})
        message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def tell(self, **data):
        self.send("comm_msg", data=data)

    def listen(self, condition, seconds=60):
        """Take in what comes until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.kinds[-5:], self.answers, self.state)
            try:
                self.take(self.client.get_iopub_msg(timeout=0.5))
            except queue.Empty:
                continue

    def take(self, message):
        content, kind = message["content"], message["msg_type"]
        if kind == "status" and content["execution_state"] == "idle":
            self.cells[message["parent_header"].get("msg_id")] = True
        if kind != "comm_msg" or content["comm_id"] != self.comm:
            return
        data = content["data"]
        self.kinds.append(data["type"])
        if data["type"] == "snapshot":
            self.record, self.seq, self.none = data["snapshot"], data["seq"], None
            from_json(self.record)
        elif data["type"] == "diff" and self.record and data["base"] == self.seq:
            self.record, self.seq = diff.apply(self.record, data["diff"]), data["seq"]
            from_json(self.record)
        elif data["type"] == "none":
            self.record, self.none = None, data
        elif data["type"] == "answer":
            self.answers[data["id"]] = data

    @property
    def state(self):
        return self.record and self.record["state"]

    def ask(self, action, seconds=60, **details):
        number = next(self.numbers)
        self.tell(type="ask", id=number, do=action, **{"with": details})
        self.listen(lambda: number in self.answers, seconds)
        return self.answers[number]

    def executors(self, state="up"):
        return [e["id"] for e in self.record["executors"] if e["state"] == state]


@pytest.fixture(scope="module")
def k():
    before = Traces()
    running = Kernel()
    try:
        running.run("%load_ext raydp_magic")
        yield running
    finally:
        running.close()
    before.gone()


@pytest.fixture(scope="module")
def sidebar(k):
    return Sidebar(k)


@pytest.fixture(scope="module")
def busy(k, sidebar):
    """A cell that runs through all that follows; it ends when a file of its own says so."""
    return k.send(
        "import time, os, tempfile\n"
        "marker = tempfile.NamedTemporaryFile()\n"
        "end = time.monotonic() + 300\n"
        "while time.monotonic() < end and not os.path.getsize(marker.name): time.sleep(0.05)\n"
        "spark.range(3).count()"
    )


def test_without_a_cluster_there_is_a_form_to_start_one(sidebar):
    sidebar.listen(lambda: sidebar.none)
    assert sidebar.none["actions"] == ["start", "fit"]
    assert sidebar.none["presets"]
    answer = sidebar.ask("fit", executors=1, cores=1, memory="1g")
    assert answer["value"]["fits"] is True
    assert sidebar.ask("fit", executors=500, cores=1, memory="1g")["value"]["fits"] is False


def test_a_view_starts_a_cluster_while_a_cell_runs(sidebar, busy):
    answer = sidebar.ask("start", seconds=120, executors=2, cores=1, memory="1g")
    assert answer["ok"], answer
    sidebar.listen(lambda: sidebar.state == "running" and len(sidebar.executors()) == 2, 120)
    assert busy not in sidebar.cells  # all this time the cell was running
    sidebar.listen(lambda: [n["cpu_spark"] for n in sidebar.record["nodes"]] == [2], 20)
    assert sidebar.ask("start", executors=2, cores=2, memory="1g")["ok"] is False


def test_memory_of_executors_and_nodes_arrives(sidebar, busy):
    def known():
        return all(e["memory_used"] for e in sidebar.record["executors"])

    sidebar.listen(known)
    for executor in sidebar.record["executors"]:
        assert 50e6 < executor["memory_used"] < 4e9
    assert sidebar.record["nodes"][0]["memory_used"]


def test_logs_are_read_while_a_cell_runs(sidebar, busy):
    assert sidebar.ask("logs", executor="driver", lines=20, after=None)["ok"]
    executor = sidebar.executors()[0]
    assert sidebar.ask("logs", executor=executor, lines=5, after=None)["ok"]
    assert "99" in sidebar.ask("logs", executor="99", lines=5, after=None)["error"]
    assert busy not in sidebar.cells


def test_restart_and_scale_and_remove_while_a_cell_runs(sidebar, busy):
    old = sidebar.executors()[0]
    assert sidebar.ask("restart", executor=old)["ok"]
    sidebar.listen(lambda: old not in sidebar.executors() and len(sidebar.executors()) == 2)
    assert sidebar.ask("scale", executors=3)["ok"]
    sidebar.listen(lambda: len(sidebar.executors()) == 3)
    gone = sidebar.executors()[1]
    assert sidebar.ask("remove", executor=gone)["ok"]
    sidebar.listen(lambda: len(sidebar.record["executors"]) == 2)
    assert gone not in sidebar.executors()
    assert sidebar.record["executors_wanted"] == 2
    assert busy not in sidebar.cells


def test_the_cell_ends_and_spark_is_there(k, sidebar, busy):
    """`spark` was bound by the start that the view asked for, in the middle of the cell."""
    number = k.client.session.msg("execute_request", {"code": "open(marker.name, 'w').write('x')"})
    number["content"] |= {"silent": False, "store_history": False, "allow_stdin": False}
    number["header"]["subshell_id"] = sidebar.subshell
    k.client.shell_channel.send(number)
    sidebar.listen(lambda: busy in sidebar.cells)
    reply = wait_until(lambda: _reply(k, busy), 30, "the cell's reply")
    assert reply["content"]["status"] == "ok", reply["content"]


def _reply(k, cell):
    try:
        message = k.client.get_shell_msg(timeout=0.5)
    except queue.Empty:
        return None
    return message if message["parent_header"].get("msg_id") == cell else None


def test_logs_are_followed_without_a_gap(k, sidebar):
    def add(code):
        cell = k.send(f"import raydp_magic as rdm; {code}")
        sidebar.listen(lambda: cell in sidebar.cells)

    first = sidebar.ask("logs", executor="driver", lines=20, after=None)["value"]
    add("open(rdm.current().driver.log, 'a').write('one\\ntwo\\nthr')")
    then = sidebar.ask("logs", executor="driver", lines=20, after=first["next"])["value"]
    assert then["lines"] == ["one", "two"]
    add("open(rdm.current().driver.log, 'a').write('ee\\n')")
    last = sidebar.ask("logs", executor="driver", lines=20, after=then["next"])["value"]
    assert last["lines"] == ["three"]
    # An executor's log is on its node, and says what a task prints.
    executor = sidebar.executors()[0]
    seen = sidebar.ask("logs", executor=executor, lines=20, after=None)["value"]["next"]
    add(
        "import os; spark.sparkContext.parallelize(range(8), 8)"
        ".foreach(lambda _: os.write(2, b'from a task\\n'))"
    )
    news = sidebar.ask("logs", executor=executor, lines=20, after=seen)["value"]
    assert "from a task" in news["lines"]


def test_a_job_is_shown_and_cancelled(k, sidebar):
    code = "import time\nspark.sparkContext.parallelize(range(2), 2).map(lambda _: time.sleep(200)).count()"
    cell = k.send(code)

    def mine():
        found = [j for j in sidebar.record["jobs"] if "range(2), 2" in j["description"]]
        return found[0] if found and found[0]["stages"] else None

    sidebar.listen(mine)  # beside the last cell's job, until the next news
    job = mine()
    assert job["stages"][0]["tasks_total"] == 2
    assert job["started_at"]
    event = next(e for e in sidebar.record["timeline"] if e["id"] == str(job["id"]))
    assert (event["kind"], event["state"]) == ("spark", "running")
    assert sidebar.ask("cancel", job=job["id"])["ok"]
    sidebar.listen(lambda: cell in sidebar.cells)
    sidebar.listen(lambda: not sidebar.record["jobs"])
    assert sidebar.ask("cancel", job=job["id"])["ok"] is False


def test_ray_tasks_are_on_the_timeline_and_what_the_bridge_holds_is_released(k, sidebar):
    cell = k.send(
        "import ray, raydp_magic as rdm\n"
        "@ray.remote\ndef chore(): return 1\n"
        "assert ray.get(chore.remote()) == 1\n"
        "held = rdm.to_ray(spark.range(1000))"
    )
    sidebar.listen(lambda: cell in sidebar.cells)
    sidebar.listen(lambda: any(e["label"] == "chore" for e in sidebar.record["timeline"]))
    sidebar.listen(lambda: any(e["kind"] == "transfer" for e in sidebar.record["timeline"]))
    sidebar.listen(lambda: sidebar.record["ledger"])
    [entry] = sidebar.record["ledger"]
    assert entry["rows"] == 1000
    assert sidebar.ask("release", entry=entry["id"])["ok"]
    sidebar.listen(lambda: not sidebar.record["ledger"])
    assert k.run("print('held' in dir())").text.strip() == "False"


def test_a_panel_in_a_cell_acts_while_a_cell_runs_too(k, sidebar):
    """The kernel opened its comm from a cell, and it still hears by the subshell."""
    comm = k.run("panel = rdm.current().panel(); panel; print(panel.model_id)").text.strip()
    cell = k.send("time.sleep(20)")
    answers = []

    def heard(message):
        data = message["content"].get("data", {}).get("content", {})
        if message["msg_type"] == "comm_msg" and data.get("type") == "answer":
            answers.append(data)
        return sidebar_take(message)

    sidebar_take, sidebar.take = sidebar.take, heard
    own, sidebar.comm = sidebar.comm, comm
    ask = {"type": "ask", "id": 1, "do": "fit", "with": {"executors": 1}}
    sidebar.tell(method="custom", content=ask)
    sidebar.comm, sidebar.kinds = own, []
    sidebar.listen(lambda: answers, 15)
    assert answers[0]["ok"]
    assert cell not in sidebar.cells
    sidebar.take = sidebar_take
    sidebar.listen(lambda: cell in sidebar.cells)


def test_nobody_is_asked_while_nobody_looks(k, sidebar):
    threads = "import threading; print(sorted(t.name for t in threading.enumerate()))"
    sidebar.tell(type="visible", visible=False)
    wait_until(lambda: "raydp_magic-sampler" not in k.run(threads).text, 20)
    said = len(sidebar.kinds)
    sidebar.tell(type="hello", schema=3, visible=True)
    sidebar.listen(lambda: "diff" in sidebar.kinds[said + 2 :])


def test_magics_do_the_same(k, sidebar):
    assert "fits" in k.run("%raydp_cluster fit --executors 1").text
    assert "No job 7777" in str(k.fail("%raydp_cluster cancel 7777").error)
    old = sidebar.executors()[0]
    assert "replaced" in k.run(f"%raydp_cluster restart {old}").text
    sidebar.listen(lambda: old not in sidebar.executors() and len(sidebar.executors()) == 2)
    gone = sidebar.executors()[0]
    assert "hands over" in k.run(f"%raydp_cluster remove {gone}").text
    sidebar.listen(lambda: len(sidebar.record["executors"]) == 1)
    assert "last one" in str(k.fail(f"%raydp_cluster remove {sidebar.executors()[0]}").error)


def test_a_view_stops_the_cluster_while_a_cell_runs(k, sidebar):
    cell = k.send("import time; time.sleep(8)")
    assert sidebar.ask("stop")["ok"]
    sidebar.listen(lambda: sidebar.none)
    assert sidebar.none["ended"] == "The cluster was stopped"
    assert "stopped" not in sidebar.none["actions"]
    sidebar.listen(lambda: cell in sidebar.cells)
