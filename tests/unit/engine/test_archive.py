"""An archive belongs to one Java build and one Spark installation."""

from __future__ import annotations

import os

import pytest

from raydp_magic.engine import archive
from raydp_magic.engine.java import JavaHome
from raydp_magic.engine.launch import SparkHome


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.setattr(archive.platformdirs, "user_cache_dir", lambda _: str(tmp_path / "cache"))
    (tmp_path / "java").mkdir()
    (tmp_path / "java" / "release").write_text('JAVA_VERSION="17.0.1"')
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    java = JavaHome(str(tmp_path / "java"), 17, "JAVA_HOME")
    return java, SparkHome(str(tmp_path / "spark"), "4.3.0", "2.13", "py4j.zip", False)


def test_another_build_or_installation_has_another_archive(pair, tmp_path):
    java, spark = pair
    first = archive.archive_path(java, spark, "driver")
    assert archive.archive_path(java, spark, "driver") == first
    assert archive.archive_path(java, spark, "executor") != first
    os.utime(tmp_path / "spark" / "jars", (1, 1))
    second = archive.archive_path(java, spark, "driver")
    (tmp_path / "java" / "release").write_text('JAVA_VERSION="17.0.2"')
    third = archive.archive_path(java, spark, "driver")
    assert len({first, second, third}) == 3
    stem = first.name.rpartition("-")[0]  # the same place: the maker removes the older ones
    assert {path.name.rpartition("-")[0] for path in (second, third)} == {stem}


def test_found_only_when_made_and_not_switched_off(pair, monkeypatch):
    java, spark = pair
    monkeypatch.delenv(archive.SWITCH, raising=False)
    assert archive.find_archive(java, spark, "driver") is None
    path = archive.archive_path(java, spark, "driver")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"classes")
    assert archive.find_archive(java, spark, "driver").path == str(path)
    monkeypatch.setenv(archive.SWITCH, "off")
    assert archive.find_archive(java, spark, "driver") is None
    assert archive.make_in_background(java, spark) is None
