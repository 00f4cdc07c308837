"""`TreeEstimator`: what XGBoost's and LightGBM's estimators share."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from raydp_magic.errors import UsageError
from raydp_magic.train.columns import NUMBER, UNKNOWN, Features, check_columns
from raydp_magic.train.estimator import Estimator
from raydp_magic.train.tree_loop import MODEL, TreeConfig
from raydp_magic.train.tree_table import TreeColumns, distinct, sorted_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import ray

ROUNDS = "num_boost_round num_iterations num_iteration n_iter num_tree num_trees num_round"
ROUNDS += " num_rounds nrounds n_estimators max_iter"
STOPPING = "early_stopping_rounds early_stopping_round early_stopping n_iter_no_change"
OWN_ARGUMENTS = dict.fromkeys(ROUNDS.split(), "num_boost_round")
OWN_ARGUMENTS |= dict.fromkeys(STOPPING.split(), "early_stopping_rounds")
"""What the libraries would also read from their parameters, and the argument to use."""


_ALIASES = {
    "seed": {"random_seed", "random_state"},
    "nthread": {"n_jobs"},
    "num_threads": {"n_jobs", "nthread", "nthreads", "num_thread"},
}
"""Other names of the parameters that are set where a person has not."""


class TreeEstimator(Estimator):
    """An estimator of boosted trees.

    Parameters
    ----------
    params : mapping
        The library's own parameters.
    label_column : str
        The column to learn.
    feature_columns : sequence of str, optional
        The columns to learn from; by default all but the label and the weight.
    weight_column : str, optional
        A column with each row's weight.
    categorical_features : sequence of str
        Those of the feature columns whose values are names and not amounts: texts, or numbers.
    num_boost_round : int
        Boosting rounds.
    metrics : str or sequence of str, optional
        What to measure after each round, in the library's words. The first one is the loss.
    early_stopping_rounds : int, optional
        Stop after so many rounds without a better score on the rows to evaluate on. The model
        then has the rounds up to the best one.
    early_stopping_metric : str, optional
        Whose score; the first metric's by default.
    maximize : bool, optional
        Whether it is better when larger; by default its name tells.
    options
        `num_workers`, `resources_per_worker`, `shuffle`, `seed`, `placement_strategy`,
        `storage_path`: as of `Estimator`.
    """

    _unit = "round"
    _metrics_parameter: ClassVar[str]
    """What the library calls the list of metrics."""
    _threads_parameter: ClassVar[str]
    """What it calls the number of threads."""

    def __init__(
        self,
        params: Mapping[str, Any],
        label_column: str,
        *,
        feature_columns: Sequence[str] | None = None,
        weight_column: str | None = None,
        categorical_features: Sequence[str] = (),
        num_boost_round: int = 10,
        metrics: str | Sequence[str] | None = None,
        early_stopping_rounds: int | None = None,
        early_stopping_metric: str | None = None,
        maximize: bool | None = None,
        **options: Any,
    ) -> None:
        features = None if feature_columns is None else Features.of(feature_columns)
        super().__init__(features=features, label_column=label_column, **options)
        check_params(params)
        for name, value in (
            ("num_boost_round", num_boost_round),
            ("early_stopping_rounds", early_stopping_rounds),
        ):
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and value >= 1):
                raise UsageError(f"{name}={value!r}: a whole number of at least 1 is needed")
        named = [metrics] if isinstance(metrics, str) else list(metrics or ())
        if named:
            params = {**params, self._metrics_parameter: named}
        self._params = dict(params)
        self._weight_column = weight_column
        self._categorical = list(categorical_features)
        self._num_boost_round = num_boost_round
        self._early_stopping = (early_stopping_rounds, early_stopping_metric, maximize)
        self._tree_columns: TreeColumns | None = None
        if features is not None:
            check_columns(self._categorical, dict.fromkeys(features.names, NUMBER), what="feature")

    # What a library gives ------------------------------------------------------------------------

    @property
    @abstractmethod
    def _loop(self) -> Any:
        """The library's module of workers' functions: ``train``, ``load``."""

    @abstractmethod
    def _trainer_of(self, scaling_config: Any) -> tuple[Any, dict[str, Any]]:
        """Ray Train's class, and parameters that this run's workers are given besides."""

    # Training ------------------------------------------------------------------------------------

    def fit(
        self,
        train_ds: ray.data.Dataset,
        evaluate_ds: ray.data.Dataset | None = None,
        max_retries: int = 3,
    ) -> Self:
        """Train on Ray Datasets; see `Estimator.fit`."""
        self._need_evaluation(evaluate_ds, "evaluate_ds")
        return super().fit(train_ds, evaluate_ds, max_retries)

    def fit_on_spark(  # noqa: PLR0917 - as `Estimator`'s
        self,
        train_df: Any,
        evaluate_df: Any = None,
        max_retries: int = 3,
        fs_directory: str | Path | None = None,
        compression: str | None = None,
        stop_spark_after_conversion: bool = False,
    ) -> Self:
        """Train on Spark DataFrames; see `Estimator.fit_on_spark`."""
        self._need_evaluation(evaluate_df, "evaluate_df")
        return super().fit_on_spark(
            train_df,
            evaluate_df,
            max_retries,
            fs_directory,
            compression,
            stop_spark_after_conversion,
        )

    def _need_evaluation(self, data: Any, name: str) -> None:
        if self._early_stopping[0] is not None and data is None:
            raise UsageError(
                "Early stopping needs rows to evaluate on",
                hint=f"give {name}, or leave early_stopping_rounds out.",
            )

    @property
    def _rounds(self) -> int:
        return self._num_boost_round

    def _trainer(
        self, datasets: dict[str, ray.data.Dataset], run_config: Any, scaling_config: Any
    ) -> Any:
        from raydp_magic.train import shares

        kind, params = self._trainer_of(scaling_config)
        threads = max(1, int(self._resources["CPU"]))
        rounds, watched, maximise = self._early_stopping
        self._tree_columns = self._learn_columns(datasets)
        ours = {self._threads_parameter: threads, "seed": self._seed}
        config = TreeConfig(
            {k: v for k, v in ours.items() if not _ALIASES[k] & self._params.keys()}
            | params
            | self._params,
            self._num_boost_round,
            self._tree_columns,
            rounds,
            watched,
            maximise,
        )
        return kind(
            self._loop.train,
            train_loop_config={"config": config},
            datasets=datasets,
            dataset_config=shares.as_they_are(),
            run_config=run_config,
            scaling_config=scaling_config,
        )

    def _learn_columns(self, datasets: dict[str, ray.data.Dataset]) -> TreeColumns:
        """The columns, with the categories that the rows to learn from have."""
        names = self._feature_names()
        categories: dict[str, list[Any]] = {}
        if self._categorical:
            first, *others = [data for key, data in datasets.items() if key.startswith("train-")]
            every = first.union(*others) if others else first
            found = every.select_columns(self._categorical).map_batches(
                distinct, batch_size=None, batch_format="pyarrow"
            )
            rows = found.take_all()
            for name in self._categorical:
                categories[name] = sorted_values(value for row in rows for value in row[name])
        return TreeColumns(tuple(names), str(self._label_column), self._weight_column, categories)

    def _columns(self, data: Any) -> list[str]:
        columns = super()._columns(data)
        extra = [self._weight_column] if self._weight_column else []
        return list(dict.fromkeys([*columns, *extra]))

    def _check_features(
        self, names: list[str], kinds: Mapping[str, str], table: str | None
    ) -> None:
        for column in names:
            kind = kinds.get(column)
            if column in self._categorical and kind is not None:
                _check_categorical(column, kind)
            elif kind == "numbers":
                raise UsageError(
                    f"The feature column {column!r} holds several numbers a row",
                    hint="trees need a column for each number.",
                )
            elif kind is not None and _is_text(kind):
                raise UsageError(
                    f"The feature column {column!r} holds texts, and trees split by numbers",
                    hint=f"name it as categorical: categorical_features=[{column!r}].",
                )
            else:
                check_columns([column], kinds, what="feature", table=table)
        missing = [c for c in self._categorical if c not in names]
        check_columns(missing, {}, what="feature", table=table)

    def _check_labels(self, kinds: Mapping[str, str], table: str | None) -> None:
        super()._check_labels(kinds, table)
        if self._weight_column:
            check_columns([self._weight_column], kinds, what="weight", table=table)

    # What was learnt -----------------------------------------------------------------------------

    def _load(self, folder: str) -> Any:
        return self._loop.load(Path(folder, MODEL).read_bytes())

    def _model_bytes(self) -> bytes:
        with self._checkpoint_folder() as folder:
            return Path(folder, MODEL).read_bytes()

    def _predictor(self) -> Callable[[], Callable[[Any], np.ndarray[Any, Any]]]:
        return partial(self._loop.predictor, self._model_bytes(), self._tree_columns)

    def _score_predictor(self) -> Callable[[], Callable[[Any], np.ndarray[Any, Any]]]:
        return partial(self._loop.predictor, self._model_bytes(), self._tree_columns, raw=True)

    def _scored_columns(self) -> list[str]:
        return [str(self._label_column), *([self._weight_column] if self._weight_column else [])]

    def _prediction_type(self) -> str:
        assert self._tree_columns is not None
        nothing = {name: [None] for name in self._tree_columns.features}
        found = self._predictor()()(nothing)
        number = {"float32": "float", "float64": "double"}[found.dtype.name]
        return number if found.ndim == 1 else f"array<{number}>"

    def _describe(self) -> dict[str, Any]:
        assert self._tree_columns is not None
        return super()._describe() | {"categories": dict(self._tree_columns.categories)}

    def _described(self, state: Mapping[str, Any]) -> None:
        super()._described(state)
        names = tuple(self._feature_names())
        self._tree_columns = TreeColumns(
            names, str(self._label_column), self._weight_column, state["categories"]
        )

    def _arguments(self) -> dict[str, Any]:
        rounds, watched, maximise = self._early_stopping
        return {
            "label_column": self._label_column,
            "feature_columns": None if self._features is None else self._features.names,
            "weight_column": self._weight_column,
            "categorical_features": self._categorical,
            "num_boost_round": self._num_boost_round,
            "early_stopping_rounds": rounds,
            "early_stopping_metric": watched,
            "maximize": maximise,
            "num_workers": self._num_workers,
            "resources_per_worker": self._resources,
            "shuffle": self._shuffle,
            "seed": self._seed,
            "placement_strategy": self._placement_strategy,
            "storage_path": self._storage_path,
        }


def check_params(params: Mapping[str, Any]) -> None:
    """Raise when the library's parameters hold what has an argument of its own.

    Raises
    ------
    UsageError
        Naming the argument.
    """
    for name, argument in OWN_ARGUMENTS.items():
        if name in params:
            raise UsageError(
                f"{name!r} is among the parameters of the library",
                hint=f"use the estimator's argument: {argument}={params[name]!r}.",
            )


def _is_text(kind: str) -> bool:
    return kind in ("string", "large_string", "string_view") or kind.startswith(
        ("char(", "varchar(", "dictionary<")
    )


def _check_categorical(column: str, kind: str) -> None:
    if kind not in (UNKNOWN, NUMBER) and not _is_text(kind):
        raise UsageError(
            f"The categorical feature {column!r} holds {kind}",
            hint="texts and numbers can be categories; cast it to a string.",
        )
