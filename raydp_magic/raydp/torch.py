"""RayDP's `raydp.torch`: its `TorchEstimator`, with evaluate, predict, save and restore besides."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from raydp_magic.errors import UsageError
from raydp_magic.raydp.once import say_once
from raydp_magic.train.torch import TorchEstimator as _TorchEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["TorchEstimator"]


class TorchEstimator(_TorchEstimator):
    """:class:`raydp_magic.train.TorchEstimator` with the arguments of RayDP's class.

    Parameters
    ----------
    num_processes_for_data_loader : int
        Only 0, as in RayDP.
    metrics_name : list, optional
        Metrics of ``torchmetrics``, or names of its classes.
    use_ccl : bool
        Accepted; workers talk by gloo, or by NCCL on GPUs.
    **extra_config
        More entries of the `config` that the functions are called with, each said once, as it may
        be a misspelt argument; `seed` and `storage_path` are those of
        :class:`raydp_magic.train.TorchEstimator`.

    The others are those of :class:`raydp_magic.train.TorchEstimator`.
    """

    def __init__(  # noqa: PLR0917 - the signature is RayDP's
        self,
        num_workers: int = 1,
        resources_per_worker: dict[str, float] | None = None,
        model: torch.nn.Module | Callable[..., Any] | None = None,
        optimizer: torch.optim.Optimizer | Callable[..., Any] | None = None,
        loss: Any = None,
        lr_scheduler_creator: Callable[..., Any] | None = None,
        scheduler_step_freq: str | None = "batch",
        feature_columns: list[str] | None = None,
        feature_types: list[torch.dtype] | None = None,
        label_column: str | None = None,
        label_type: torch.dtype | None = None,
        batch_size: int | None = None,
        drop_last: bool = False,
        num_epochs: int | None = None,
        shuffle: bool = True,
        num_processes_for_data_loader: int = 0,
        placement_strategy: str = "PACK",
        metrics_name: list[Any] | None = None,
        metrics_config: dict[str, dict[str, Any]] | None = None,
        use_ccl: bool = False,
        **extra_config: Any,
    ) -> None:
        named = {
            k: v for k, v in locals().items() if k not in ("self", "extra_config", "__class__")
        }
        given = named | extra_config
        known = {name: extra_config.pop(name) for name in OPTIONS if name in extra_config}
        for name in extra_config:
            near = get_close_matches(name, [*named, *OPTIONS], 1)
            meant = f"; did you mean {near[0]}=?" if near else ""
            say_once(f"TorchEstimator: {name}= is no argument, and goes into `config`{meant}")
        if num_processes_for_data_loader > 0:
            raise UsageError(
                "num_processes_for_data_loader: rows come from Ray's object store, by no process",
                hint="leave it at 0.",
            )
        if use_ccl:
            say_once("use_ccl has no effect with raydp_magic: workers talk by gloo or NCCL")
        super().__init__(
            num_workers,
            resources_per_worker,
            model,
            optimizer,
            loss,
            lr_scheduler_creator,
            scheduler_step_freq,
            feature_columns,
            feature_types,
            label_column,
            label_type,
            64 if batch_size is None else batch_size,
            drop_last,
            1 if num_epochs is None else num_epochs,
            shuffle,
            metrics_name,
            metrics_config,
            placement_strategy=placement_strategy,
            config=extra_config,
            **known,
        )
        self._raydp_arguments = given

    def _arguments(self) -> dict[str, Any]:
        return self._raydp_arguments


OPTIONS = ("seed", "storage_path")
"""What `raydp_magic.train.TorchEstimator` takes besides RayDP's arguments."""
