"""What is refused before the rows of a DataFrame are on their way."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

import raydp_magic.cluster
from raydp_magic.errors import UsageError
from raydp_magic.on_spark.handle import RayOnSpark
from raydp_magic.train import from_spark

CONTEXT = object()
FRAME = SimpleNamespace(sparkSession=SimpleNamespace(_sc=CONTEXT))


def running(monkeypatch, kind, context):
    """Let a handle of some kind, with a Spark, be the running cluster."""
    handle = object.__new__(kind)
    handle.driver = SimpleNamespace(session=SimpleNamespace(sparkContext=context))
    monkeypatch.setattr(raydp_magic.cluster, "current", lambda: handle)


def test_a_ray_on_spark_would_end_with_its_spark(monkeypatch):
    running(monkeypatch, RayOnSpark, CONTEXT)
    with pytest.raises(UsageError, match="would end this Ray too"):
        from_spark.check_stop(FRAME)


def test_only_the_cluster_s_own_spark_is_stopped(monkeypatch):
    running(monkeypatch, raydp_magic.cluster.Cluster, CONTEXT)
    from_spark.check_stop(FRAME)
    running(monkeypatch, raydp_magic.cluster.Cluster, object())
    with pytest.raises(UsageError, match="belongs to another Spark"):
        from_spark.check_stop(FRAME)


def test_a_compression_is_of_files(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_spark.check_files(tmp_path, "snappy")
        from_spark.check_files(None, None)
    with pytest.warns(UserWarning, match="compression='snappy' is of Parquet files.*fs_directory"):
        from_spark.check_files(None, "snappy")


class Written:
    """A DataFrame whose rows cannot be read."""

    def __init__(self):
        self.write = self

    def parquet(self, path, compression):
        Path(path).mkdir(parents=True)
        (Path(path) / f"part.{compression}.parquet").touch()
        raise OSError("disk full")


def test_files_of_a_conversion_that_fails_are_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failing = from_spark.datasets([Written()], "here", "snappy")
    with pytest.raises(OSError, match="disk full"), failing:
        pass
    assert list((tmp_path / "here").iterdir()) == []


def test_files_that_cannot_be_removed_are_named():
    gone = from_spark._folder_in("nowhere:/models")
    with pytest.warns(UserWarning, match="nowhere:/models/raydp_magic-.* stay"), gone:
        pass
