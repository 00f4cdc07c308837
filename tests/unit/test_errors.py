"""Errors travel between processes whole."""

from __future__ import annotations

import pickle

import pytest

from raydp_magic import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.UsageError("wrong", hint="right."),
        errors.UnsupportedTypeError("c", "interval", hint="cast it."),
        errors.AlreadyRunningError("one", "two", scale_to=3),
        errors.StartError("ended", exit_code=3, log_tail=["last"]),
        errors.PortInUseError(80, "ui_port"),
        errors.MissingDependencyError("torch", "TorchEstimator", extra="torch"),
        errors.TrainingError("failed", rank=1, worker_traceback="Traceback ..."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_can_be_pickled(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
