"""What runs on this machine, and waiting for it."""

import contextlib
import gc
import glob
import os
import tempfile
import threading
import time
import uuid

import psutil


def our_jvms():
    """Process ids of JVMs of ours: each names its folder on its command line."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if (
            "java" in line[:200]
            and "/raydp_magic-" in line
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ):
            found.add(process.pid)
    return found


def executor_jvms(cluster):
    """Process ids of a cluster's executors."""
    return {pid for pid in our_jvms() if cluster.app_id in psutil.Process(pid).cmdline()}


def jvms_of(cluster):
    """Process ids of all JVMs of a cluster."""
    return executor_jvms(cluster) | {cluster.driver.process.pid}


OUR_FILES = ("raydp_magic-*", "spark-*", "artifacts-*", "blockmgr-*", "liblz4-java-*", "snappy-*")


def our_files():
    """Files of ours, and of the Sparks that we run, in the machine's temp folders."""
    folders = {tempfile.gettempdir(), "/tmp", "/dev/shm"}
    return {
        path for folder in folders for name in OUR_FILES for path in glob.glob(f"{folder}/{name}")
    }


def ray_processes():
    names = ("raylet", "gcs_server")
    return {
        p.pid
        for p in psutil.process_iter(["name", "status"])
        if p.info["name"] in names and p.info["status"] != psutil.STATUS_ZOMBIE
    }


def wait_until(condition, seconds=15, what=""):
    """Poll until the condition holds; the only way a test waits."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {said or condition}")
        time.sleep(0.1)


def objects_of_tables(ray):
    """Ids of Ray objects that some process refers to."""
    from ray.util.state import list_objects

    gc.collect()
    address = ray.get_runtime_context().gcs_address
    rows = list_objects(address=address, limit=10_000, raise_on_missing_output=False)
    return {row.object_id for row in rows if row.object_size > 100}


@contextlib.contextmanager
def no_job(spark):
    """Fails when this thread runs a Spark job meanwhile."""
    context, group = spark.sparkContext, uuid.uuid4().hex
    context.setLocalProperty("spark.jobGroup.id", group)
    try:
        yield
        spark.range(1).collect()  # jobs are told in their order: once this is known, all are
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)
    jobs = wait_until(lambda: context.statusTracker().getJobIdsForGroup(group))
    assert len(jobs) == 1, "a job has run"


def alive_actors(*names):
    """Live actors of these classes in this process's Ray; a record of a dead one may lie about."""
    import ray
    from ray.util.state import list_actors

    address = ray.get_runtime_context().gcs_address
    found = list_actors(address=address, detail=True, filters=[("state", "=", "ALIVE")])
    return [actor for actor in found if actor.class_name in names]


class Traces:
    """What is on the machine now; `gone()` asks that nothing was added since."""

    def __init__(self):
        self.before = our_jvms(), our_files(), ray_processes()

    def left(self, ray=True):
        jvms, files, rays = our_jvms(), our_files(), ray_processes()
        out = sorted(map(str, jvms - self.before[0])) + sorted(files - self.before[1])
        return out + sorted(f"ray {pid}" for pid in rays - self.before[2]) if ray else out

    def gone(self, seconds=15, ray=True):
        wait_until(lambda: not self.left(ray), seconds, lambda: f"left: {self.left(ray)}")


def anonymous_bytes(pid):
    """Memory of a process that is its own: no files, no shared memory."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        [line] = [line for line in rollup if line.startswith("Anonymous:")]
    return int(line.split()[1]) * 1024


class Sampled(threading.Thread):
    """Looks at something many times a second while its block runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self._ends = threading.Event()

    def run(self):
        while not self._ends.wait(0.05):
            self.look()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self._ends.set()
        self.join()


class PeakMemory(Sampled):
    """Most memory that each process with a word in its name has taken on, since it was first seen."""

    def __init__(self, word):
        super().__init__()
        self._word = word
        self._first, self.most = {}, {}

    def look(self):
        for pid in processes_called(self._word):
            with contextlib.suppress(OSError):
                now = anonymous_bytes(pid)
                grown = now - self._first.setdefault(pid, now)
                self.most[pid] = max(self.most.get(pid, 0), grown)


class PeakHandOff(Sampled):
    """Most bytes of hand-off files in shared memory at a time."""

    most = 0

    def look(self):
        self.most = max(self.most, hand_off_bytes())


def processes_called(*words):
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if any(word in line for word in words):
            yield process.pid


def hand_off_bytes():
    """Bytes of the hand-off files that are in shared memory, or gone from there and still mapped."""
    sizes = {}
    for path in glob.glob("/dev/shm/raydp_magic-keeper-*/*"):
        with contextlib.suppress(OSError):
            found = os.stat(path)
            sizes[found.st_ino] = found.st_size
    for pid in processes_called("KeeperActor", "pyspark.daemon"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/maps") as maps:
            for line in maps:
                if "/raydp_magic-keeper-" in line:
                    span, _, _, _, inode, *_ = line.split()
                    start, end = (int(address, 16) for address in span.split("-"))
                    sizes[int(inode)] = max(sizes.get(int(inode), 0), end - start)
    return sum(sizes.values())
