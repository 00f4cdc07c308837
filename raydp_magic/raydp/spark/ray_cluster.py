"""``from raydp.spark import SparkCluster``: what RayDP's `init_spark` is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession


class SparkCluster:
    """A cluster that starts when its session is asked for.

    Parameters
    ----------
    app_name, num_executors, executor_cores, executor_memory, enable_hive, configs
        As for :func:`raydp_magic.raydp.init_spark`.
    """

    def __init__(  # noqa: PLR0917 - the signature is RayDP's
        self,
        app_name: str,
        num_executors: int,
        executor_cores: int,
        executor_memory: str | int,
        enable_hive: bool,
        configs: Mapping[str, Any] | None,
    ) -> None:
        self._size = (app_name, num_executors, executor_cores, executor_memory, enable_hive)
        self._configs = configs
        self._session: SparkSession | None = None

    def get_spark_session(self) -> SparkSession:
        """Start Spark at the first call; its session.

        Raises
        ------
        RaydpMagicError
            As :func:`raydp_magic.raydp.init_spark`.
        """
        from raydp_magic.raydp.context import init_spark

        if self._session is None:
            self._session = init_spark(*self._size, configs=self._configs)
        return self._session

    def get_cluster_url(self) -> str:
        """Spark's own word for the master; starts Spark."""
        return str(self.get_spark_session().sparkContext.master)

    def connect_spark_driver_to_ray(self) -> None:
        """Do nothing: the bridge needs no connection from the driver's JVM to Ray."""

    def stop(self, cleanup_data: bool = True) -> None:
        """Stop Spark if this started it; see :func:`raydp_magic.raydp.stop_spark`."""
        from raydp_magic.raydp.context import stop_spark

        if self._session is not None:
            self._session = None
            stop_spark(cleanup_data)
