"""Class archives: made by a real Spark application, used by the next JVMs."""

import psutil
from machine import jvms_of

import raydp_magic as rdm
from raydp_magic.engine import archive_maker


def test_made_once_and_used_by_every_jvm(ray4, traces):
    made = archive_maker.make()
    assert all(path.stat().st_size > 2**20 for path in made)
    stamps = [path.stat().st_mtime_ns for path in made]
    assert archive_maker.make() == made
    assert [path.stat().st_mtime_ns for path in made] == stamps
    with rdm.start(executors=1) as cluster:
        assert cluster.archive_maker is None
        mapped = [_mapped(pid) & {str(path) for path in made} for pid in jvms_of(cluster)]
        assert all(mapped), mapped  # a JVM that refuses its archive does not map it
    traces.gone(ray=False)


def test_a_damaged_archive_does_no_harm(ray4, monkeypatch, tmp_path, traces):
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(tmp_path))
    from raydp_magic.engine.archive import archive_path
    from raydp_magic.engine.java import find_java
    from raydp_magic.engine.spark_home import find_spark

    for role in ("driver", "executor"):
        path = archive_path(find_java(), find_spark(), role)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not an archive")
    with rdm.start(executors=1) as cluster:
        assert cluster.spark.range(10).count() == 10
    traces.gone(ray=False)


def _mapped(pid):
    return {row.path for row in psutil.Process(pid).memory_maps()}
