"""One fit: share the rows out, run Ray Train's trainer, read its errors."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.engine import ray_session
from raydp_magic.engine.quiet_logger import quiet_logger
from raydp_magic.engine.runtime_dir import RuntimeDir
from raydp_magic.errors import RaydpMagicError, TrainingError, UsageError
from raydp_magic.train import room, told
from raydp_magic.train.columns import Features
from raydp_magic.train.failures import telling, translated
from raydp_magic.train.nan_losses import warn_of_nan
from raydp_magic.train.runs import under_way
from raydp_magic.train.shares import share_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp_magic.train.estimator import Estimator
    from raydp_magic.train.runs import UnderWay

_SETTINGS = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
}
"""Ray Train's controller looks at its workers this often: its own 2 s make short fits long."""
_ON_ONE_MACHINE = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}
"""A machine that is taken away takes its controller, too."""


def fit(estimator: Estimator, train: Any, evaluate: Any, max_retries: int) -> None:
    """Train, and leave in the estimator what came of it.

    Parameters
    ----------
    estimator : Estimator
        Whose hooks make the trainer.
    train, evaluate : Dataset
        The rows; `evaluate` may be None.
    max_retries : int
        As for :meth:`Estimator.fit`.
    """
    wants, one_machine = check(estimator)
    features = estimator._check("train_ds", train)
    if evaluate is not None:
        estimator._check("evaluate_ds", evaluate, features)
    before = dict(vars(estimator))
    workers, strategy = estimator._num_workers, estimator._placement_strategy
    columns = estimator._columns(train)
    if estimator._features is None:
        estimator._used = Features.of(features, estimator._feature_types)
    folder = RuntimeDir("train")
    name = Path(folder.path).name.removeprefix("raydp_magic-")
    kept = False
    try:
        label = type(estimator).__name__
        rounds = estimator._rounds
        with (
            under_way(name, label, estimator._unit, rounds, workers) as entry,
            _quiet(one_machine=one_machine),
        ):
            config = _run_config(estimator, name, folder, max_retries)
            datasets = _shares(estimator, train, evaluate, columns)
            trainer = estimator._trainer(datasets, config, _scaling(workers, wants, strategy))
            trainer.train_loop_per_worker = telling(trainer.train_loop_per_worker)
            entry.enter("starting", partial(told.look, str(folder.path)))
            for said in estimator._notes:
                entry.note(said)
            try:
                result = _run(trainer)
            except KeyboardInterrupt:
                kept = _keep_last(estimator, entry, f"{config.storage_path}/{name}", folder)
                raise
    except BaseException:
        if not kept:
            vars(estimator).update(before)  # the model of the fit before, and how it is fed
            folder.close()
        raise
    history = [dict(point) for point in told.look(str(folder.path)).points]
    estimator._took(result, history, folder)
    with quiet_logger("ray.data"):
        names = [] if estimator._unit == "round" else estimator._feature_names()  # trees like gaps
        warn_of_nan(estimator._unit, history, datasets, names)


def check(estimator: Estimator, *, without_spark: bool = False) -> tuple[dict[str, float], bool]:
    """What each worker reserves, and whether Ray is on this machine only.

    Parameters
    ----------
    estimator : Estimator
        The one to train.
    without_spark : bool
        Whether Spark's executors will have gone by then.

    Raises
    ------
    UsageError
        When there is no Ray, no room for the workers, or no place for checkpoints.
    """
    need_ray()
    workers, wants = estimator._num_workers, estimator._resources
    if "GPU" not in wants:
        wants = wants | {"GPU": room.gpus_for(workers, wants, estimator._placement_strategy)}
    room.wait_for_room(workers, wants, estimator._placement_strategy, without_spark=without_spark)
    one_machine = _one_machine()
    if estimator._storage_path is None and not one_machine:
        raise UsageError(
            "This Ray has several machines, and checkpoints need a place that all of them see",
            hint='pass storage_path="/shared/folder" or storage_path="s3://bucket/folder".',
        )
    return wants, one_machine


def need_ray() -> None:
    """Raise when there is no Ray to train on.

    Raises
    ------
    UsageError
        Saying how to get one.
    """
    from raydp_magic.bridge.keepers import need_ray as need

    need()


def _shares(estimator: Estimator, train: Any, evaluate: Any, columns: list[str]) -> dict[str, Any]:
    workers = estimator._num_workers
    datasets = share_out(
        "train",
        train,
        workers,
        equal=estimator._equal_shares,
        columns=columns,
        shuffle_seed=estimator._seed if estimator._shuffle else None,
    )
    if evaluate is not None:
        datasets |= share_out(
            "evaluate", evaluate, workers, equal=False, columns=columns, shuffle_seed=None
        )
    return datasets


def _run_config(estimator: Estimator, name: str, folder: RuntimeDir, max_retries: int) -> Any:
    from ray import train
    from ray.train.v2.api import config

    quiet = getattr(config, "LoggingConfig", None)  # an older Ray says more
    made: Any = train.RunConfig
    return made(
        name=name,
        storage_path=estimator._storage_path or folder.folder("checkpoints"),
        failure_config=train.FailureConfig(max_failures=max_retries),
        checkpoint_config=train.CheckpointConfig(num_to_keep=1),
        callbacks=[told.callback(str(folder.path), max_retries)],
        **({} if quiet is None else {"logging_config": quiet(log_level="CRITICAL")}),
    )


def _scaling(workers: int, wants: dict[str, float], strategy: str) -> Any:
    from ray.train import ScalingConfig

    return ScalingConfig(
        num_workers=workers,
        use_gpu=bool(wants.get("GPU")),
        resources_per_worker={name: amount for name, amount in wants.items() if amount},
        placement_strategy=strategy,
    )


def _one_machine() -> bool:
    import ray

    return ray_session.all_on_this_machine(ray_session.nodes(), ray.util.get_node_ip_address())


def _run(trainer: Any) -> Any:
    """Run a trainer; an interrupt ends its workers.

    Ray Train sets a SIGINT handler of its own for the time after it, too. It ends the run and
    leaves the process; here it ends the run, and the handler from before comes back.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        with _without_cleaner(trainer):
            result = trainer.fit()
    except SystemExit:
        raise KeyboardInterrupt from None
    except RaydpMagicError:
        raise
    except Exception as error:
        raise translated(error) from error
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
    if result.checkpoint is None:
        raise TrainingError("Training ended without a model", hint="was there an epoch at all?")
    return result


def _keep_last(estimator: Estimator, entry: UnderWay, path: str, folder: RuntimeDir) -> bool:
    """Leave in the estimator what the last checkpoint of an interrupted run holds, if it has one.

    Parameters
    ----------
    estimator : Estimator
        The one that was to learn.
    entry : UnderWay
        Which is told.
    path : str
        The run's folder, as Ray Train calls it.
    folder : RuntimeDir
        Where the run has told of itself.
    """
    from ray.train.v2.api.result import Result

    try:
        result: Any = Result.from_path(path)
    except (RuntimeError, OSError, ValueError):  # interrupted before the first one
        return False
    if result.checkpoint is None:
        return False
    last = int(result.metrics["epoch"])
    points = told.look(str(folder.path)).points
    estimator._took(result, [dict(point) for point in points if point["epoch"] <= last], folder)
    entry.note(f"the model of {estimator._unit} {last} is kept")
    return True


@contextmanager
def _without_cleaner(trainer: Any) -> Iterator[None]:
    """Leave out Ray Train's cleaner of placement groups.

    A group ends with the controller that made it. The cleaner asks the state API about that, and
    may ask another Ray of this machine: then the end of each fit waits for it for 12 s.
    """
    make = getattr(trainer, "_create_default_callbacks", None)
    left_out = "PlacementGroupCleanerCallback"
    if make is not None:
        trainer._create_default_callbacks = lambda: [
            callback for callback in make() if type(callback).__name__ != left_out
        ]
    try:
        yield
    finally:
        vars(trainer).pop("_create_default_callbacks", None)  # it would hold the rows in a cycle


@contextmanager
def _quiet(*, one_machine: bool) -> Iterator[None]:
    """No log lines of Ray Data's and Train's in the cell, and a controller that looks often."""
    settings = _SETTINGS | (_ON_ONE_MACHINE if one_machine else {})
    mine = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        with quiet_logger("ray.data"), quiet_logger("ray.train"):
            yield
    finally:
        for name in mine:
            os.environ.pop(name, None)
