"""Spark DataFrames on their way into training."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import uuid
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.train.kinds import is_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import ray


def plain(data: Any) -> Any:
    """A DataFrame of pandas on Spark as one of Spark; anything else as it is."""
    if type(data).__module__.startswith("pyspark.pandas") and hasattr(data, "to_spark"):
        return data.to_spark()
    return data


def as_frame(data: Any) -> Any:
    """A Spark DataFrame, also of one of pandas on Spark.

    Raises
    ------
    UsageError
        For anything else.
    """
    data = plain(data)
    if hasattr(data, "sparkSession") and hasattr(data, "schema"):
        return data
    raise UsageError(
        f"A DataFrame of Spark is needed, not {type(data).__name__}",
        hint="Datasets of Ray go to `fit`."
        if is_dataset(data)
        else "`spark.createDataFrame(...)` makes one of a pandas DataFrame.",
    )


def check_dataset(name: str, data: Any) -> None:
    """Raise for what `fit` does not take.

    Raises
    ------
    UsageError
        Saying what does.
    """
    if not is_dataset(data):
        raise UsageError(
            f"{name} is a {type(data).__name__}",
            hint="`fit` takes Datasets of Ray; DataFrames of Spark go to `fit_on_spark`.",
        )


def only(frame: Any, columns: Iterable[str]) -> Any:
    """Some columns of a DataFrame, also those whose names have dots."""
    quoted = (name.replace("`", "``") for name in dict.fromkeys(columns))
    return frame.select(*(f"`{name}`" for name in quoted))


def check_files(directory: str | Path | None, compression: str | None) -> None:
    """Say that a compression is of files that are not written; RayDP's programs may give it."""
    if compression is not None and directory is None:
        warnings.warn(
            f"compression={compression!r} is of Parquet files, and none are written without "
            "fs_directory=, a folder that all nodes see",
            UserWarning,
            stacklevel=3,
        )


@contextlib.contextmanager
def datasets(
    frames: list[Any], directory: str | Path | None, compression: str | None
) -> Iterator[list[ray.data.Dataset]]:
    """A Dataset of each DataFrame, through the object store or through Parquet files.

    At the end the list is emptied, and the files are removed.

    Parameters
    ----------
    frames : list of DataFrame
        What to convert.
    directory : str, Path or None
        A folder that all nodes see; each call makes one of its own in it.
    compression : str or None
        Of the Parquet files.
    """
    from raydp_magic.bridge import to_ray

    found: list[ray.data.Dataset] = []
    try:
        if directory is None:
            found += [to_ray(frame) for frame in frames]
            yield found
            return
        with _folder_in(os.fspath(directory)) as folder:
            import ray

            for number, frame in enumerate(frames):
                path = f"{folder}/{number}"
                frame.write.parquet(path, compression=compression)
                found.append(ray.data.read_parquet(path, file_extensions=["parquet"]))
            yield found
    finally:
        found.clear()


@contextlib.contextmanager
def _folder_in(directory: str) -> Iterator[str]:
    """A folder's name in another, on any file system that Arrow knows; removed at the end."""
    from pyarrow.fs import FileSystem, FileType

    # Spark and Arrow would take a relative path from different places.
    is_address = re.match(r"[a-zA-Z][\w+.-]+:", directory)
    parent = directory if is_address else str(Path(directory).resolve())
    folder = f"{parent.rstrip('/')}/raydp_magic-{uuid.uuid4().hex[:12]}"
    try:
        yield folder
    finally:
        try:
            files, path = FileSystem.from_uri(folder)
            if files.get_file_info(path).type is not FileType.NotFound:
                files.delete_dir(path)
        except (OSError, ValueError) as error:
            warnings.warn(f"The Parquet files in {folder} stay: {error}", UserWarning, stacklevel=2)


def check_stop(frame: Any) -> None:
    """Raise when `stop_spark_after_conversion` cannot stop the Spark of a DataFrame.

    Raises
    ------
    UsageError
        When it is not the running cluster's, or Ray is on that Spark.
    """
    from raydp_magic.cluster import current
    from raydp_magic.on_spark.handle import RayOnSpark

    cluster = current()
    if isinstance(cluster, RayOnSpark):
        raise UsageError(
            "stop_spark_after_conversion=True would end this Ray too: its nodes are tasks of Spark",
            hint="leave it out.",
        )
    mine = None if cluster is None else cluster.driver.session
    theirs = getattr(frame.sparkSession, "_sc", None)
    if mine is None or theirs is not mine.sparkContext:
        raise UsageError(
            "stop_spark_after_conversion=True stops the cluster of this kernel, and the DataFrame "
            "belongs to another Spark",
            hint="leave it out.",
        )


def stop() -> None:
    """Stop the cluster's Spark; its Ray goes on, with what was converted."""
    from raydp_magic.cluster import current

    cluster = current()
    if cluster is not None:
        cluster.ray = replace(cluster.ray, owned=False)
        cluster.stop()


def let_go() -> None:
    """Free what the stopped Spark's rows needed, once training has used them."""
    from raydp_magic.bridge.ledger import end_session

    gc.collect()
    end_session(None)
