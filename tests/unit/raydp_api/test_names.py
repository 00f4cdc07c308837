"""RayDP 1.7's names are there, with its arguments in its order and its defaults."""

import inspect
import subprocess
import sys

import pytest

from raydp_magic import raydp
from raydp_magic.raydp import context

REQUIRED = inspect.Parameter.empty

RAYDP_1_7 = {
    "init_spark": [
        ("app_name", REQUIRED),
        ("num_executors", REQUIRED),
        ("executor_cores", REQUIRED),
        ("executor_memory", REQUIRED),
        ("enable_hive", False),
        ("fault_tolerant_mode", True),
        ("placement_group_strategy", None),
        ("placement_group", None),
        ("placement_group_bundle_indexes", None),
        ("configs", None),
    ],
    "stop_spark": [("cleanup_data", True)],
    "spark.spark_dataframe_to_ray_dataset": [
        ("df", REQUIRED),
        ("parallelism", None),
        ("owner", None),
    ],
    "spark.ray_dataset_to_spark_dataframe": [
        ("spark", REQUIRED),
        ("arrow_schema", REQUIRED),
        ("blocks", REQUIRED),
        ("locations", None),
    ],
    "spark.from_spark_recoverable": [
        ("df", REQUIRED),
        ("storage_level", None),  # RayDP's StorageLevel.MEMORY_AND_DISK is what None stands for
        ("parallelism", None),
    ],
    "spark.release_spark_recoverable": [("df", REQUIRED)],
    "spark.get_raydp_master_owner": [("spark", None)],
    "spark.PartitionObjectsOwner": [("actor_name", REQUIRED), ("set_reference_as_state", REQUIRED)],
    "spark.SparkCluster": [
        ("app_name", REQUIRED),
        ("num_executors", REQUIRED),
        ("executor_cores", REQUIRED),
        ("executor_memory", REQUIRED),
        ("enable_hive", REQUIRED),
        ("configs", REQUIRED),
    ],
}


@pytest.mark.parametrize(("name", "expected"), RAYDP_1_7.items(), ids=RAYDP_1_7)
def test_arguments_are_raydp_s(name, expected):
    value = raydp
    for part in name.split("."):
        value = getattr(value, part)
    parameters = inspect.signature(value).parameters.values()
    by_position = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [(p.name, p.default) for p in by_position] == expected


def test_a_spark_cluster_starts_once_and_stops_only_what_it_started(monkeypatch):
    calls = []

    def init_spark(*arguments, **options):
        calls.append((arguments, options))
        return object()

    monkeypatch.setattr(context, "init_spark", init_spark)
    monkeypatch.setattr(context, "stop_spark", calls.append)
    cluster = raydp.spark.SparkCluster("app", 2, 1, "512M", False, {"spark.x": "y"})
    cluster.stop()
    assert calls == []
    assert cluster.get_spark_session() is cluster.get_spark_session()
    assert calls == [(("app", 2, 1, "512M", False), {"configs": {"spark.x": "y"}})]
    cluster.stop(cleanup_data=False)
    cluster.stop()
    assert calls[1:] == [False]


PROGRAM = """
import raydp_magic.raydp as raydp
from raydp.estimator import EstimatorInterface
from raydp.spark import SparkCluster, SparkEstimatorInterface
from raydp.spark.interfaces import SparkEstimatorInterface as same
from raydp.torch import TorchEstimator
from raydp_magic.train import Estimator, XGBoostEstimator

assert same is SparkEstimatorInterface
for kind in (Estimator, TorchEstimator, XGBoostEstimator):
    assert issubclass(kind, EstimatorInterface) and issubclass(kind, SparkEstimatorInterface)
    assert callable(kind.fit) and callable(kind.fit_on_spark) and callable(kind.get_model)

class Mine(EstimatorInterface, SparkEstimatorInterface):
    def fit(self, train_ds, evaluate_ds=None):
        return self

    def get_model(self):
        return "model"

assert Mine().fit(None).get_model() == "model"
assert not issubclass(Mine, Estimator)
try:
    EstimatorInterface()
except TypeError:
    pass
else:
    raise AssertionError("an abstract class was made")
SparkCluster("app", 1, 1, "512M", False, None).stop()
import sys
print(sorted({"ray", "torch", "xgboost"} & set(sys.modules)))
"""


def test_a_program_s_imports_and_its_own_estimator():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]"]
