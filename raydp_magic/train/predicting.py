"""Predictions and scores of a trained estimator, in batches on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raydp_magic.engine.quiet_logger import quiet_logger
from raydp_magic.errors import UsageError
from raydp_magic.train import from_spark, room
from raydp_magic.train.kinds import is_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from raydp_magic.train.estimator import Estimator


class AddPredictions:
    """An actor's part: loads the model once, then adds a column to each Arrow table.

    Parameters
    ----------
    load : callable
        Loads the model; see :meth:`Estimator._predictor`.
    features : list of str
        The columns that the model is fed with.
    output : str
        Name of the new column.
    kept : list of str or None
        The other columns to keep; None keeps all.
    """

    def __init__(
        self,
        load: Callable[[], Callable[[Any], Any]],
        features: list[str],
        output: str,
        kept: list[str] | None = None,
    ) -> None:
        self._predict = load()
        self._features = features
        self._output = output
        self._kept = kept

    def __call__(self, table: pa.Table) -> pa.Table:
        """Add the column to a batch."""
        predictions = self._predict({name: column(table[name]) for name in self._features})
        rest = table if self._kept is None else table.select(self._kept)
        return rest.append_column(self._output, as_arrow(predictions))


def column(values: pa.ChunkedArray) -> Any:
    """An Arrow column as a numpy array; lists stay lists."""
    import pyarrow as pa

    whole = values.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # also when there is no chunk
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], whole.type)
    return whole.to_numpy(zero_copy_only=False)


def as_arrow(predictions: Any) -> pa.Array:
    """An array of predictions as an Arrow column; rows of numbers become lists."""
    import numpy as np
    import pyarrow as pa

    values = np.ascontiguousarray(predictions)
    flat = pa.array(values.reshape(-1))
    for width in reversed(values.shape[1:]):
        offsets = np.arange(0, len(flat) + 1, width, dtype="int32")
        flat = pa.ListArray.from_arrays(offsets, flat)
    return flat


def spark_type(name: str) -> Any:
    """``"float"``, ``"array<double>"`` as Spark's type; Spark's own reader needs a JVM.

    Parameters
    ----------
    name : str
        A number's type in DDL, or arrays of it.
    """
    from pyspark.sql import types

    if name.startswith("array<"):
        return types.ArrayType(spark_type(name.removeprefix("array<").removesuffix(">")))
    kinds = (
        types.BooleanType,
        types.ByteType,
        types.ShortType,
        types.IntegerType,
        types.LongType,
        types.FloatType,
        types.DoubleType,
        types.StringType,
    )
    return next(kind() for kind in kinds if kind().simpleString() == name)


def predict(
    estimator: Estimator,
    data: Any,
    output: str,
    *,
    concurrency: int | None,
    batch_size: int,
    num_cpus: float,
    num_gpus: float,
) -> Any:
    """See :meth:`Estimator.predict`."""
    _check_numbers(concurrency=concurrency, batch_size=batch_size)
    wants = {"CPU": num_cpus, "GPU": num_gpus}
    if is_dataset(data):
        room.wait_for_model_room(wants, less="num_cpus and num_gpus")
    estimator._check("data", data, estimator._feature_names(), label=False)
    names = list(data.schema().names) if is_dataset(data) else data.columns
    if output in names:
        raise UsageError(
            f"There is a column {output!r} already", hint="choose another output_column."
        )
    arguments = (estimator._predictor(), estimator._feature_names(), output)
    if is_dataset(data):
        return _on_dataset(data, arguments, concurrency, batch_size, wants)
    from pyspark.sql.types import StructField, StructType

    from raydp_magic.ray_udf import map_batches

    kind = spark_type(estimator._prediction_type())
    schema = StructType([*data.schema.fields, StructField(output, kind)])
    return map_batches(
        data,
        AddPredictions,
        schema=schema,
        batch_size=batch_size,
        batch_format="pyarrow",
        concurrency=concurrency,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        fn_constructor_args=arguments,
    )


def evaluate(estimator: Estimator, data: Any, batch_size: int) -> dict[str, float]:
    """See :meth:`Estimator.evaluate`."""
    from raydp_magic.train.running import need_ray

    need_ray()
    _check_numbers(batch_size=batch_size)
    wants = {"CPU": 1.0, "GPU": 0.0}
    room.wait_for_model_room(wants)
    labels = estimator._scored_columns()
    features = estimator._feature_names()
    estimator._check("data", data, features)
    output = "prediction"
    while output in labels:
        output += "_"
    arguments = (estimator._score_predictor(), features, output, labels)
    if not is_dataset(data):
        from raydp_magic.bridge import to_ray

        data = to_ray(from_spark.only(data, [*features, *labels]))
    scorer = estimator._scorer()
    scored = _on_dataset(data, arguments, None, batch_size, wants)
    rows = 0
    with quiet_logger("ray.data"):
        for batch in scored.iter_batches(batch_size=batch_size, batch_format="pyarrow"):
            rows += len(batch)
            scorer.add(column(batch[output]), *(column(batch[name]) for name in labels))
    if not rows:
        raise UsageError("There are no rows to evaluate on")
    found: dict[str, float] = scorer.result()
    return found


def _on_dataset(
    data: Any,
    arguments: tuple[Any, ...],
    concurrency: int | None,
    batch_size: int,
    wants: dict[str, float],
) -> Any:
    from ray.data import ActorPoolStrategy

    pool = (
        ActorPoolStrategy(min_size=1)
        if concurrency is None
        else ActorPoolStrategy(size=concurrency)
    )
    return data.map_batches(
        AddPredictions,
        fn_constructor_args=arguments,
        compute=pool,
        batch_size=batch_size,
        batch_format="pyarrow",
        num_cpus=wants["CPU"],
        num_gpus=wants["GPU"],
    )


def _check_numbers(**given: int | None) -> None:
    for name, value in given.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 1):
            raise UsageError(f"{name}={value!r}: a whole number of at least 1 is needed")
