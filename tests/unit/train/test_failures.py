"""A worker's error as one line, and a library that is missing."""

from __future__ import annotations

import traceback

import pytest

from raydp_magic.errors import MissingDependencyError, TrainingError, UsageError
from raydp_magic.train.estimator import need
from raydp_magic.train.failures import certain, translated


class WorkerGroupError(Exception):
    """As Ray Train raises it."""

    def __init__(self, failures):
        super().__init__("Training failed due to worker errors:\n" + "traceback " * 100)
        self.worker_failures = failures


class WrappedError(Exception):
    """As Ray Train wraps what a worker raised: the traceback as text."""

    def __init__(self, error):
        super().__init__("Traceback (most recent call last):\n" + WHERE)
        self._base_exc = error


WHERE = (
    '  File "/x/site-packages/raydp_magic/train/torch_loop.py", line 41, in train_loop\n'
    '  File "/home/me/model.py", line 12, in forward\n'
    '  File "/x/site-packages/torch/nn/linear.py", line 130, in forward\n'
    "RuntimeError: shapes"
)


def raised(error):
    try:
        raise error  # noqa: TRY301 - it needs a traceback
    except Exception as caught:
        return caught


def test_the_worker_s_error_is_a_line_that_says_where():
    error = translated(raised(WorkerGroupError({1: raised(ValueError("wrong\nshape"))})))
    assert isinstance(error, TrainingError)
    assert error.rank == 1
    assert error.message.startswith(
        "Training failed in worker 1: ValueError: wrong shape (test_failures.py, line "
    )
    assert "test_failures.py" in error.worker_traceback


def test_a_traceback_that_came_as_text_says_where_too():
    error = translated(raised(WorkerGroupError({0: WrappedError(RuntimeError("shapes"))})))
    assert error.message == "Training failed in worker 0: RuntimeError: shapes (model.py, line 12)"
    assert "in train_loop" in error.worker_traceback


def test_a_line_of_a_cell_is_called_that():
    wrapped = WrappedError(RuntimeError("shapes"))
    wrapped.args = (wrapped.args[0].replace("/home/me/model.py", "/tmp/ipykernel_12/345.py"),)
    assert "(in a cell, line 12)" in translated(raised(WorkerGroupError({0: wrapped}))).message


def test_our_own_errors_stay_what_they_are():
    own = UsageError("Column 'x' has rows without a value", hint="fill them.")
    assert translated(raised(WorkerGroupError({0: own}))) is own


def test_an_error_that_is_no_worker_s():
    error = translated(raised(RuntimeError("the controller is gone")))
    assert error.rank is None
    assert "Training failed: RuntimeError: the controller is gone" in error.message
    assert traceback.format_exception(error)


def test_a_missing_library_says_what_to_install():
    with pytest.raises(
        MissingDependencyError, match="TorchEstimator needs no_such_library"
    ) as caught:
        need("no_such_library", "TorchEstimator", extra="torch")
    assert "pip install 'raydp-magic[torch]'" in caught.value.hint
    assert isinstance(caught.value, ImportError)


def test_what_a_retry_cannot_mend():
    usage = UsageError("Column 'x' has rows without a value")
    ours = TrainingError("Training failed in worker 1: ValueError: no", rank=1)
    lost = RuntimeError("Connection closed by peer")
    assert certain({0: usage}) is usage
    assert certain({0: lost, 1: WrappedError(ours)}) is ours
    assert certain({0: lost}) is None
    assert certain({0: RuntimeError("The actor died")}) is None
