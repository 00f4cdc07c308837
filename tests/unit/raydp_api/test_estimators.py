"""RayDP 1.7's estimators: their arguments in their order, with their defaults."""

import importlib
import inspect

import pytest

REQUIRED = inspect.Parameter.empty
MANY = inspect.Parameter.VAR_KEYWORD

FIT = [("train_ds", REQUIRED), ("evaluate_ds", None), ("max_retries", 3)]
FIT_ON_SPARK = [
    ("train_df", REQUIRED),
    ("evaluate_df", None),
    ("max_retries", 3),
    ("fs_directory", None),
    ("compression", None),
    ("stop_spark_after_conversion", False),
]

RAYDP_1_7 = {
    "torch.TorchEstimator": [
        ("num_workers", 1),
        ("resources_per_worker", None),
        ("model", None),
        ("optimizer", None),
        ("loss", None),
        ("lr_scheduler_creator", None),
        ("scheduler_step_freq", "batch"),
        ("feature_columns", None),
        ("feature_types", None),
        ("label_column", None),
        ("label_type", None),
        ("batch_size", None),
        ("drop_last", False),
        ("num_epochs", None),
        ("shuffle", True),
        ("num_processes_for_data_loader", 0),
        ("placement_strategy", "PACK"),
        ("metrics_name", None),
        ("metrics_config", None),
        ("use_ccl", False),
        ("extra_config", MANY),
    ],
    "torch.TorchEstimator.fit": FIT,
    "torch.TorchEstimator.fit_on_spark": FIT_ON_SPARK,
    "tf.TFEstimator": [
        ("num_workers", 1),
        ("resources_per_worker", None),
        ("model", None),
        ("optimizer", None),
        ("loss", None),
        ("metrics", None),
        ("feature_columns", None),
        ("label_columns", None),
        ("merge_feature_columns", False),
        ("batch_size", 128),
        ("drop_last", False),
        ("num_epochs", 1),
        ("shuffle", True),
        ("callbacks", None),
        ("extra_config", MANY),
    ],
    "tf.TFEstimator.fit": [("train_ds", REQUIRED), ("evaluate_ds", None), ("max_retries", 0)],
    "tf.TFEstimator.fit_on_spark": [
        ("train_df", REQUIRED),
        ("evaluate_df", None),
        ("fs_directory", None),
        ("compression", None),
        ("max_retries", 3),
        ("stop_spark_after_conversion", False),
    ],
    "xgboost.XGBoostEstimator": [
        ("xgboost_params", REQUIRED),
        ("label_column", REQUIRED),
        ("num_workers", 1),
        ("resources_per_worker", None),
        ("shuffle", True),
        ("options", MANY),  # ours
    ],
    "xgboost.XGBoostEstimator.fit": FIT,
    "xgboost.XGBoostEstimator.fit_on_spark": FIT_ON_SPARK,
}


@pytest.mark.parametrize(("name", "expected"), RAYDP_1_7.items(), ids=RAYDP_1_7)
def test_arguments_are_raydp_s(name, expected):
    module, *path = name.split(".")
    value = importlib.import_module(f"raydp_magic.raydp.{module}")
    for part in path:
        value = getattr(value, part)
    parameters = inspect.signature(value).parameters.values()
    found = [
        (p.name, MANY if p.kind is MANY else p.default)
        for p in parameters
        if p.name != "self" and p.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    assert found == expected


def test_what_raydp_s_torch_estimator_does_not_know_is_said_once_and_goes_into_the_config(recwarn):
    torch = pytest.importorskip("torch")
    from raydp_magic.raydp.torch import TorchEstimator

    def make():
        return TorchEstimator(
            model=torch.nn.Linear(1, 1),
            optimizer=lambda model, config: None,
            loss=torch.nn.MSELoss(),
            label_column="y",
            seed=3,
            metrics=["Accuracy"],
            foo=3,
        )

    assert make()._config["foo"] == 3
    make()
    goes = "is no argument, and goes into `config`"
    assert [str(one.message) for one in recwarn] == [
        f"TorchEstimator: metrics= {goes}; did you mean metrics_name=?",
        f"TorchEstimator: foo= {goes}",
    ]
