"""Find the installed PySpark without importing it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path

from raydp_magic.engine.launch import SparkHome
from raydp_magic.errors import ClusterError


def find_spark() -> SparkHome:
    """The pip-installed PySpark of this Python; ``SPARK_HOME`` is not looked at.

    Raises
    ------
    ClusterError
        When PySpark is missing, or is the client-only package without Spark's jars.
    """
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise ClusterError("PySpark is not installed here", hint="`pip install 'pyspark>=3.5,<5'`.")
    home = Path(found.origin).parent
    scala = next(
        (
            m[1]
            for p in home.glob("jars/spark-core_*.jar")
            if (m := re.search(r"spark-core_([\d.]+)-", p.name))
        ),
        None,
    )
    py4j = next(home.glob("python/lib/py4j-*-src.zip"), None)
    if scala is None or py4j is None:
        raise ClusterError(
            f"{home} holds PySpark without Spark's jars (the client-only package)",
            hint="`pip install pyspark`, and uninstall pyspark-client.",
        )
    version = importlib.metadata.version("pyspark")
    return SparkHome(str(home), version, scala, str(py4j), (home / "conf").is_dir())
