"""``from raydp.tf import TFEstimator``: as RayDP's, with its order of arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from raydp_magic.raydp.once import say_once
from raydp_magic.train import tf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ray

__all__ = ["TFEstimator"]


class TFEstimator(tf.TFEstimator):
    """`raydp_magic.train.TFEstimator` by RayDP's signatures, for Keras 3.

    Parameters
    ----------
    num_workers, resources_per_worker, model, optimizer, loss, metrics, feature_columns, \
label_columns, merge_feature_columns, batch_size, drop_last, num_epochs, shuffle, callbacks
        As there.
    extra_config
        What the class there takes besides; all else is said once, as RayDP does not use it either.
    """

    def __init__(  # noqa: PLR0917 - the signature is RayDP's
        self,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        model: Any = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: list[Any] | None = None,
        feature_columns: str | Sequence[str] | None = None,
        label_columns: str | Sequence[str] | None = None,
        merge_feature_columns: bool = False,
        batch_size: int = 128,
        drop_last: bool = False,
        num_epochs: int = 1,
        shuffle: bool = True,
        callbacks: Sequence[Any] | None = None,
        **extra_config: Any,
    ) -> None:
        known = {name: extra_config.pop(name) for name in OPTIONS if name in extra_config}
        for name in extra_config:
            say_once(f"TFEstimator: {name} has no effect")
        super().__init__(
            num_workers,
            resources_per_worker,
            model,
            optimizer,
            loss,
            metrics,
            feature_columns,
            label_columns,
            merge_feature_columns,
            batch_size,
            drop_last,
            num_epochs,
            shuffle,
            callbacks,
            **known,
        )

    def fit(
        self,
        train_ds: ray.data.Dataset,
        evaluate_ds: ray.data.Dataset | None = None,
        max_retries: int = 0,
    ) -> Self:
        """Train on Ray Datasets, by default without retries."""
        return super().fit(train_ds, evaluate_ds, max_retries)

    def fit_on_spark(  # type: ignore[override]  # noqa: PLR0917 - the order is RayDP's
        self,
        train_df: Any,
        evaluate_df: Any = None,
        fs_directory: str | None = None,
        compression: str | None = None,
        max_retries: int = 3,
        stop_spark_after_conversion: bool = False,
    ) -> Self:
        """Train on Spark DataFrames."""
        return super().fit_on_spark(
            train_df,
            evaluate_df,
            max_retries,
            fs_directory,
            compression,
            stop_spark_after_conversion,
        )


OPTIONS = ("feature_type", "custom_objects", "seed", "placement_strategy", "storage_path")
"""What `raydp_magic.train.TFEstimator` takes besides RayDP's arguments."""
