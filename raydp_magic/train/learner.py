"""`Learner`: what an estimator holds, what a library gives it, and what they share."""

from __future__ import annotations

import warnings
import weakref
from abc import ABC, abstractmethod
from contextlib import contextmanager
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from raydp_magic.errors import MissingDependencyError, UsageError
from raydp_magic.train.columns import Features, check_columns
from raydp_magic.train.kinds import kinds_of
from raydp_magic.train.nan_losses import persons_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    import ray

    from raydp_magic.engine.runtime_dir import RuntimeDir

    Batch = Mapping[str, "np.ndarray[Any, Any]"]
    """Feature columns by name, each with a value (or a row of values) per row."""

Init = TypeVar("Init", bound="Callable[..., None]")


def named(init: Init) -> Init:
    """A constructor that says which argument it does not have, and which was meant."""
    own = list(signature(init).parameters)

    @wraps(init)
    def checked(self: Any, *args: Any, **given: Any) -> None:
        for name in given:
            if name not in own:
                raise _no_argument(type(self), name)
        init(self, *args, **given)

    return checked  # type: ignore[return-value] # of the same arguments


def _no_argument(kind: type, name: str) -> UsageError:
    """Its arguments are its constructor's, and, where that hands on others, those of its base."""
    known: set[str] = set()
    for one in kind.__mro__:
        if "__init__" not in vars(one):
            continue
        found = signature(vars(one)["__init__"]).parameters.values()
        known.update(part.name for part in found if part.kind is not part.VAR_KEYWORD)
        if all(part.kind is not part.VAR_KEYWORD for part in found):
            break
    near = get_close_matches(name, known - {"self", "features"}, 1)
    return UsageError(
        f"{kind.__name__} has no argument {name!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"`help({kind.__name__})` lists them.",
    )


class Learner(ABC):
    """The part of an estimator that a person does not see.

    Parameters
    ----------
    features : Features or None
        The feature columns; None takes every column but the label.
    feature_types : type or list of type, optional
        Types of the features, where None are given.
    label_column : str or None
        The column to learn.
    num_workers : int
        Training processes, each a Ray actor.
    resources_per_worker : mapping, optional
        What Ray reserves for each: ``{"CPU": 1}`` by default, and one GPU where Ray has free ones.
    shuffle : bool
        Shuffle the rows before training.
    seed : int
        Of the shuffling.
    placement_strategy : str
        ``"PACK"``, ``"SPREAD"``, ``"STRICT_PACK"`` or ``"STRICT_SPREAD"``.
    storage_path : str, optional
        Where checkpoints go: a folder that all nodes see, or ``s3://...``. By default a temporary
        folder of this machine, which is removed with the estimator.
    """

    _library: ClassVar[str]
    """The module that must be importable."""
    _extra: ClassVar[str]
    """The extra of this package that installs it."""
    _unit: ClassVar[str] = "epoch"
    _equal_shares: ClassVar[bool] = True
    """Whether each worker must have the same number of rows."""

    @named
    def __init__(
        self,
        *,
        features: Features | None,
        feature_types: Any = None,
        label_column: str | None,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        shuffle: bool = True,
        seed: int = 0,
        placement_strategy: str = "PACK",
        storage_path: str | None = None,
    ) -> None:
        need(self._library, type(self).__name__, extra=self._extra)
        if isinstance(num_workers, bool) or not isinstance(num_workers, int) or num_workers < 1:
            raise UsageError(f"num_workers={num_workers!r}: a whole number of at least 1 is needed")
        if not label_column:
            raise UsageError(
                f"{type(self).__name__} needs the column to learn",
                hint='name it, e.g. label_column="y".',
            )
        if features is not None and label_column in features.names:
            warnings.warn(  # no mistake of an autoencoder's
                f"The label column {label_column!r} is among the feature columns: the model learns "
                "to repeat it",
                UserWarning,
                stacklevel=persons_level(),
            )
        self._features = features
        self._feature_types = feature_types
        self._used = features
        self._label_column = label_column
        self._num_workers = num_workers
        self._resources = {"CPU": 1.0} | dict(resources_per_worker or {})
        self._shuffle = shuffle
        self._seed = seed
        self._placement_strategy = placement_strategy
        self._storage_path = storage_path
        self._checkpoint: Any = None
        self._history: list[dict[str, float]] = []
        self._result: Any = None
        self._folder: weakref.finalize[..., Any] | None = None
        self._notes: tuple[str, ...] = ()  # what a fit says of itself besides

    # Hooks ---------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def _rounds(self) -> int:
        """How many epochs or boosting rounds a fit has."""

    @abstractmethod
    def _trainer(
        self, datasets: dict[str, ray.data.Dataset], run_config: Any, scaling_config: Any
    ) -> Any:
        """A trainer of Ray Train v2's, not yet running.

        Its workers find their rows with :func:`raydp_magic.train.shares.share`, and the trainer
        is given ``dataset_config=shares.as_they_are()``. They report a checkpoint with each
        epoch's ``{"epoch": 1, "train_loss": ..., "eval_loss": ..., METRIC: ...}``.
        """

    @abstractmethod
    def _load(self, folder: str) -> Any:
        """The model in a checkpoint's folder."""

    @abstractmethod
    def _predictor(self) -> Callable[[], Callable[[Batch], np.ndarray[Any, Any]]]:
        """What predicts: a picklable function that loads the model and gives a function.

        That is called with a dict of the feature columns, and returns an array with a prediction
        (a number, or a row of numbers) for each row.
        """

    @abstractmethod
    def _prediction_type(self) -> str:
        """The type of a prediction in Spark's DDL, such as ``"double"`` or ``"array<float>"``."""

    @abstractmethod
    def _scorer(self) -> Any:
        """What `evaluate` adds up with: ``add(predictions, labels)`` and ``result()``."""

    def _score_predictor(self) -> Callable[[], Callable[[Batch], np.ndarray[Any, Any]]]:
        """What predicts for the scorer: as `_predictor`, unless that has lost something."""
        return self._predictor()

    def _scored_columns(self) -> list[str]:
        """The columns whose arrays `evaluate` gives the scorer after the predictions."""
        return [str(self._label_column)]

    def _describe(self) -> dict[str, Any]:
        """What `save` notes beside the arguments; picklable."""
        return {}

    def _described(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - few need it
        """Take back what `_describe` gave."""

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Arguments that make this estimator anew; picklable by cloudpickle."""

    # Shared parts --------------------------------------------------------------------------------

    @contextmanager
    def _checkpoint_folder(self) -> Iterator[str]:
        """The last checkpoint as a folder on this machine."""
        self._trained()
        if isinstance(self._checkpoint, str):
            yield self._checkpoint
        else:
            with self._checkpoint.as_directory() as folder:
                yield folder

    def _check(
        self, name: str, data: Any, features: list[str] | None = None, *, label: bool = True
    ) -> list[str]:
        """Raise a UsageError when the columns that are needed are not there, or hold no numbers.

        Of a Dataset that is not computed yet, Ray computes the first rows: it must have room.

        Parameters
        ----------
        name : str
            What the person calls the data.
        data : DataFrame or Dataset
            The rows.
        features : list of str, optional
            The feature columns; by default those to learn from.
        label : bool
            Whether labels are needed.

        Returns
        -------
        list of str
            The feature columns.
        """
        kinds = kinds_of(name, data)
        names = self._features_in(kinds) if features is None else features
        table = None if name == "data" else name
        self._check_features(names, kinds, table)
        if label:
            self._check_labels(kinds, table)
        return names

    def _check_features(
        self, names: list[str], kinds: Mapping[str, str], table: str | None
    ) -> None:
        """Raise for feature columns of a table (None: the only one) that cannot be learnt from."""
        check_columns(names, kinds, what="feature", table=table)

    def _check_labels(self, kinds: Mapping[str, str], table: str | None) -> None:
        check_columns([str(self._label_column)], kinds, what="label", table=table)

    def _features_in(self, columns: Iterable[str]) -> list[str]:
        """The columns to learn from: the given ones, or all that have no other purpose."""
        if self._features is not None:
            return self._features.names
        return [column for column in columns if column not in self._scored_columns()]

    def _columns(self, data: Any) -> list[str]:
        """The columns that training needs, each once."""
        if self._features is None:
            return list(kinds_of("data", data))
        return list(dict.fromkeys([*self._features.names, self._label_column]))

    def _feature_names(self) -> list[str]:
        """The feature columns; those of the last fit when none were given."""
        if self._used is None:
            raise self._not_trained()
        return self._used.names

    def _took(self, result: Any, history: list[dict[str, float]], folder: RuntimeDir) -> None:
        """A fit has ended well."""
        self._result, self._history, self._checkpoint = result, history, result.checkpoint
        before, self._folder = self._folder, weakref.finalize(self, folder.close)
        if before is not None:
            before()

    def _restored(self, checkpoint: str, history: list[Any], state: Mapping[str, Any]) -> None:
        """Be what was saved."""
        self._checkpoint, self._history, self._result = checkpoint, history, None
        if self._features is None and state["features"] is not None:
            self._used = Features.of(state["features"][0], self._feature_types)
        self._described(state)

    def _trained(self) -> None:
        if self._checkpoint is None:
            raise self._not_trained()

    def _not_trained(self) -> UsageError:
        return UsageError(
            f"This {type(self).__name__} is not trained yet",
            hint="call `fit(dataset)` or `fit_on_spark(df)` first.",
        )


def need(library: str, what: str, *, extra: str) -> None:
    """Raise when an optional library cannot be imported; imports nothing.

    Raises
    ------
    MissingDependencyError
        Saying what to install.
    """
    from importlib.util import find_spec

    if find_spec(library) is None:
        raise MissingDependencyError(library, what, extra=extra)
