"""`Estimator`: what a person does with any estimator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from raydp_magic.errors import UsageError
from raydp_magic.train import from_spark, saved
from raydp_magic.train.learner import Learner, need

if TYPE_CHECKING:
    import ray

__all__ = ["Estimator", "need"]


class Estimator(Learner):
    """An estimator that trains on Ray, from Spark DataFrames or Ray Datasets.

    Each library has its own, such as :class:`raydp_magic.train.TorchEstimator`.
    """

    def fit(
        self,
        train_ds: ray.data.Dataset,
        evaluate_ds: ray.data.Dataset | None = None,
        max_retries: int = 3,
    ) -> Self:
        """Train on Ray Datasets.

        Parameters
        ----------
        train_ds : Dataset
            The rows to learn from.
        evaluate_ds : Dataset, optional
            Rows to measure the model on after each epoch.
        max_retries : int
            How often training goes on, from its last checkpoint, after a worker failed or died.

        An interrupt ends training, and the model of the last checkpoint is kept, if there is one.

        Returns
        -------
        Estimator
            This one.

        Raises
        ------
        UsageError
            A column is missing or holds no numbers, or the workers have no room now.
        TrainingError
            A worker failed once more than `max_retries`.
        """
        from raydp_magic.train import running

        if max_retries < -1 or isinstance(max_retries, bool):
            raise UsageError(
                f"max_retries={max_retries!r}: a number of retries is needed",
                hint="0 for none, -1 for no limit.",
            )
        for name, data in (("train_ds", train_ds), ("evaluate_ds", evaluate_ds)):
            if data is not None or name == "train_ds":
                from_spark.check_dataset(name, data)
        running.fit(self, train_ds, evaluate_ds, max_retries)
        return self

    def fit_on_spark(  # noqa: PLR0917 - the signature is RayDP's
        self,
        train_df: Any,
        evaluate_df: Any = None,
        max_retries: int = 3,
        fs_directory: str | Path | None = None,
        compression: str | None = None,
        stop_spark_after_conversion: bool = False,
    ) -> Self:
        """Train on Spark DataFrames.

        Parameters
        ----------
        train_df, evaluate_df : DataFrame of Spark or of pandas on Spark
            As the Datasets of :meth:`fit`.
        max_retries : int
            As for :meth:`fit`.
        fs_directory : str or Path, optional
            Write the rows as Parquet under this folder, which all nodes see, train from there,
            and remove them; by default they go through Ray's object store.
        compression : str, optional
            Of these Parquet files, such as ``"snappy"``.
        stop_spark_after_conversion : bool
            Stop the cluster's Spark before training, so that its CPUs go to the workers. Ray
            goes on; a Ray on Spark would not, and is refused.

        Raises
        ------
        UsageError, TrainingError
            As for :meth:`fit`.
        """
        from raydp_magic.train import running

        from_spark.check_files(fs_directory, compression)
        frames = {"train_df": from_spark.as_frame(train_df)}
        if evaluate_df is not None:
            frames["evaluate_df"] = from_spark.as_frame(evaluate_df)
        features = self._check("train_df", frames["train_df"])
        if evaluate_df is not None:
            self._check("evaluate_df", frames["evaluate_df"], features)
        if stop_spark_after_conversion:
            from_spark.check_stop(frames["train_df"])
        running.check(self, without_spark=stop_spark_after_conversion)  # before a job runs in vain
        columns = self._columns(frames["train_df"])
        needed = [from_spark.only(frame, columns) for frame in frames.values()]
        try:
            with from_spark.datasets(needed, fs_directory, compression) as datasets:
                if stop_spark_after_conversion:
                    from_spark.stop()
                    self._notes = ("Spark is stopped",)
                self.fit(datasets[0], datasets[1] if len(datasets) > 1 else None, max_retries)
        finally:
            self._notes = ()
            if stop_spark_after_conversion:
                from_spark.let_go()
        return self

    # What was learnt -----------------------------------------------------------------------------

    @property
    def history(self) -> list[dict[str, float]]:
        """What each epoch or boosting round reported: losses, metrics. Losses are means a row."""
        return [dict(point) for point in self._history]

    @property
    def result(self) -> Any:
        """What Ray Train returned; None before a fit and after a `restore`."""
        return self._result

    def get_model(self) -> Any:
        """The trained model, as its library has it.

        Raises
        ------
        UsageError
            Before a fit.
        """
        with self._checkpoint_folder() as folder:
            return self._load(folder)

    def evaluate(self, data: Any, *, batch_size: int = 1024) -> dict[str, float]:
        """Measure the trained model on rows with labels; batches run on Ray.

        Parameters
        ----------
        data : DataFrame of Spark, or Dataset of Ray
            With the feature columns and the label.
        batch_size : int
            Rows a batch.

        Returns
        -------
        dict of str to float
            Loss and metrics over all rows.

        Raises
        ------
        UsageError
            Before a fit; when a column is missing or holds no numbers.
        """
        from raydp_magic.train import predicting

        self._trained()
        return predicting.evaluate(self, from_spark.plain(data), batch_size)

    def predict(
        self,
        data: Any,
        *,
        output_column: str = "prediction",
        concurrency: int | None = None,
        batch_size: int = 1024,
        num_cpus: float = 1,
        num_gpus: float = 0,
    ) -> Any:
        """Add a column of predictions; lazily, in batches, by actors on Ray.

        Of a Spark DataFrame, Ray holds a copy of the model until ``release(frame)`` of what is
        returned, or the end of the Spark session.

        Parameters
        ----------
        data : DataFrame of Spark, or Dataset of Ray
            With the feature columns; the label is not needed.
        output_column : str
            Name of the new column.
        concurrency : int, optional
            How many actors hold the model at once.
        batch_size : int
            Rows a batch.
        num_cpus, num_gpus : float
            What Ray reserves for each actor.

        Returns
        -------
        DataFrame or Dataset
            As `data`, with a column more.

        Raises
        ------
        UsageError
            Before a fit; when a column is missing or holds no numbers, or the new one is there.
        """
        from raydp_magic.train import predicting

        self._trained()
        return predicting.predict(
            self,
            from_spark.plain(data),
            output_column,
            concurrency=concurrency,
            batch_size=batch_size,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
        )

    def save(self, path: str | Path) -> Path:
        """Write the trained estimator into a folder.

        Parameters
        ----------
        path : str or Path
            A folder of this machine that is not there, is empty, or holds an estimator that was
            saved before.

        Returns
        -------
        Path
            The folder, for :meth:`restore`.

        Raises
        ------
        UsageError
            Before a fit; when the folder holds something else.
        """
        with self._checkpoint_folder() as folder:
            saved.write(self, path, folder)
        return Path(path)

    @classmethod
    def restore(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; needs neither Ray nor Spark.

        The folder holds pickled Python objects: restore only what you trust.

        Parameters
        ----------
        path : str or Path
            The folder.

        Raises
        ------
        UsageError
            When it holds no estimator, or one of another kind.
        """
        found = saved.restore(path, cls)
        assert isinstance(found, cls)
        return found

    def __repr__(self) -> str:
        rounds = len(self._history)
        state = f"{rounds} {self._unit}{'s' * (rounds != 1)}" if self._checkpoint else "not trained"
        return f"<{type(self).__name__}: {state}>"
