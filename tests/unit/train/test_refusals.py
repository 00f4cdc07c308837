"""What XGBoost and LightGBM refuse, as one line, and what is the same error once more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from xgboost import RabitTracker
from xgboost.collective import CommunicatorContext

from raydp_magic.errors import UsageError
from raydp_magic.train import XGBoostEstimator, lightgbm_loop, xgboost_loop
from raydp_magic.train.failures import translated
from raydp_magic.train.refusals import essential, refusal, same

NETWORK = (
    "[04:03:58] /workspace/src/collective/comm.cc:120: Allreduce failed.\\n"
    "- connection closed by peer\\nStack trace:\\n  [bt] (0) libxgboost.so(+0x11) [0x7fa32d91031e]"
).replace("\\n", "\n")


def raised(call):
    with pytest.raises((xgb.core.XGBoostError, lgb.basic.LightGBMError)) as caught:
        call()
    return caught.value


def boosted(params, labels=(0.0, 1.0)):
    table = xgb.DMatrix(np.zeros((len(labels), 1)), label=labels)
    xgb.train(params, table, 1, evals=[(table, "t")], verbose_eval=False)


def light(params, labels=(0.0, 1.0)):
    x = np.arange(60.0)[:, None]
    lgb.train(params | {"verbosity": -1}, lgb.Dataset(x, np.resize(labels, 60)), 1)


@pytest.mark.parametrize(
    ("train", "params", "labels", "said", "hint"),
    [
        (
            boosted,
            {"objective": "binary:logistc"},
            (0, 1),
            "XGBoost: Unknown objective function: `binary:logistc`",
            "did you mean 'binary:logistic'?",
        ),
        (boosted, {"eval_metric": "acc"}, (0, 1), "XGBoost: Unknown metric function acc", "metric"),
        (
            boosted,
            {"max_depth": "x"},
            (0, 1),
            "XGBoost: Invalid Parameter format for max_depth expect int but value='x'",
            "parameters",
        ),
        (boosted, {"objective": "binary:logistic"}, (0, 2), "XGBoost: label must be in", "label"),
        (light, {"objective": "binry"}, (0, 1), "LightGBM: Unknown objective type name: binry", ""),
        (light, {"num_leaves": 1}, (0, 1), "LightGBM: Check failed: (num_leaves) > (1)", ""),
        (light, {"objective": "poisson"}, (0, -1), "LightGBM: [poisson]: at least", "label"),
    ],
)
def test_a_person_s_mistake_is_a_sentence_and_a_hint(train, params, labels, said, hint):
    found = refusal(raised(lambda: train(params, labels)))
    assert found.message.startswith(said)
    assert "\n" not in found.message
    assert len(found.message) < 160
    assert hint in found.hint
    assert not any(part in str(found) for part in ("/workspace", "Stack trace", "[bt]", ".cpp"))


def test_what_is_no_mistake_is_tried_again():
    error = xgb.core.XGBoostError(NETWORK)
    assert refusal(error) is None
    assert refusal(ValueError("no such label")) is None
    assert translated(error).message == (
        "Training failed: XGBoostError: Allreduce failed. - connection closed by peer"
    )


def test_the_same_error_again_differs_by_times_and_addresses_only():
    later = NETWORK.replace("04:03:58", "04:04:05").replace("0x7fa32d91031e", "0x7f3859e0031e")
    assert later != NETWORK
    assert same(later) == same(NETWORK)
    assert same("row 12 is wrong") != same("row 13 is wrong")
    assert essential("plain words") == "plain words"


@pytest.mark.parametrize(
    "given", [{"objective": "binary:logistc"}, {"eval_metric": ["auc", "acc"]}]
)
def test_xgboost_s_names_are_looked_at_before_there_are_workers(given):
    with pytest.raises(UsageError, match="XGBoost: Unknown (objective|metric)"):
        XGBoostEstimator(given, "y")


@pytest.mark.parametrize(
    "given",
    [
        {"objective": "multi:softmax", "num_class": 3, "eval_metric": "merror"},
        {"objective": "survival:aft", "eval_metric": "aft-nloglik"},
        {"objective": "rank:ndcg", "eval_metric": ["ndcg@5", "map-"]},
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
        {},
    ],
)
def test_what_needs_more_than_a_row_is_left_to_the_workers(given):
    assert XGBoostEstimator(given, "y")


def in_a_thread(call):
    """As Ray Train calls a worker's function: the libraries' logs are a thread's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def test_lightgbm_s_lines_of_a_worker_s_thread_can_be_sorted(capsys):
    def says():
        lightgbm_loop.hush()
        x = np.arange(60.0)[:, None]
        lgb.train({"verbosity": 1}, lgb.Dataset(x, x[:, 0]), 1)

    in_a_thread(says)
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("[LightGBM] [Info] Total Bins ") for line in lines), lines


def test_lightgbm_s_warnings_are_still_told(capsys):
    hushed = lightgbm_loop._Hushed()
    for line in ("Info] Trying to bind port 1...", "Warning] Connecting to rank 1 failed, waiting"):
        hushed.info(f"[LightGBM] [{line}")
    hushed.info("[LightGBM] [Warning] Unknown parameter: foo")
    assert capsys.readouterr().err == "[LightGBM] [Warning] Unknown parameter: foo\n"


def test_xgboost_says_its_warnings_and_not_its_workers_ranks(capfd):
    def meets():
        xgboost_loop.hush()
        tracker = RabitTracker(n_workers=1, host_ip="127.0.0.1")
        tracker.start()
        with ThreadPoolExecutor(1) as pool:
            over = pool.submit(tracker.wait_for)
            with CommunicatorContext(**tracker.worker_args(), dmlc_task_id="one"):
                boosted({"foo": 3})
            over.result()

    in_a_thread(meets)
    said = capfd.readouterr()
    assert "got rank" not in said.out + said.err
    assert '"foo" } are not used' in said.err
