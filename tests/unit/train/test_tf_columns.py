"""What a batch becomes for a Keras model."""

import numpy as np
import pyarrow as pa
import pytest

from raydp_magic.errors import UsageError
from raydp_magic.train.columns import whole_columns
from raydp_magic.train.tf_checks import check_inputs
from raydp_magic.train.tf_columns import KerasColumns

BATCH = {
    "a": np.array([1, 2], "int64"),
    "b": np.array([0.5, 1.5], "float64"),
    "v": np.array([[1.0, 2.0], [3.0, 4.0]]),
    "y": np.array([0, 1], "int32"),
    "z": np.array([0.25, 0.75]),
}


class Tensor:
    def __init__(self, name, *shape):
        self.name, self.shape = name, (None, *shape)


class Model:
    def __init__(self, *inputs):
        self.inputs = list(inputs)


def test_merged_features_are_one_tensor():
    found = KerasColumns(("a", "v", "b"), ("y",), merged=True).inputs(BATCH)
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, [[1, 1, 2, 0.5], [2, 3, 4, 1.5]])


def test_separate_features_are_a_dict_and_whole_numbers_stay_so():
    found = KerasColumns(("a", "b"), ("y",), merged=False, whole=("a",)).inputs(BATCH)
    assert {name: array.dtype.name for name, array in found.items()} == {
        "a": "int64",
        "b": "float32",
    }
    assert found["a"].shape == (2,)


def test_a_single_feature_is_a_tensor_of_its_own_type():
    found = KerasColumns(("a",), ("y",), merged=False, whole=("a",)).inputs(BATCH)
    assert found.shape == (2, 1)
    assert found.dtype == "int64"


def test_one_label_is_a_vector_and_several_are_side_by_side():
    assert KerasColumns(("a",), ("y",), merged=False).targets(BATCH).tolist() == [0, 1]
    both = KerasColumns(("a",), ("y", "z"), merged=False).targets(BATCH)
    np.testing.assert_array_equal(both, [[0, 0.25], [1, 0.75]])


@pytest.mark.parametrize(
    ("model", "columns", "merged", "hint"),
    [
        (Model(Tensor("x", 2)), ("a", "b"), False, "merge_feature_columns=True"),
        (
            Model(Tensor("a"), Tensor("c")),
            ("a", "b"),
            False,
            "name its inputs as the columns: a, b",
        ),
        (Model(Tensor("a"), Tensor("b")), ("a", "b"), True, "leave merge_feature_columns out"),
        (Model(Tensor("x", 1)), ("a", "b"), True, None),
    ],
)
def test_a_model_that_does_not_fit_its_columns_is_refused(model, columns, merged, hint):
    with pytest.raises(UsageError) as refused:
        check_inputs(model, KerasColumns(columns, ("y",), merged=merged))
    assert hint is None or hint in refused.value.hint


@pytest.mark.parametrize(
    ("model", "columns", "merged"),
    [
        (Model(Tensor("x", 2)), ("a", "b"), True),
        (Model(Tensor("x", 5)), ("a", "v"), True),
        (Model(Tensor("x", 1)), ("a",), False),
        (Model(Tensor("a"), Tensor("b")), ("b", "a"), False),
        (object(), ("a", "b"), False),
    ],
)
def test_a_model_that_fits_its_columns_is_taken(model, columns, merged):
    check_inputs(model, KerasColumns(columns, ("y",), merged=merged))


def test_columns_of_whole_numbers_are_known_by_the_schema():
    schema = pa.schema({"a": pa.int16(), "b": pa.float64(), "c": pa.bool_(), "d": pa.uint32()})
    assert whole_columns(schema) == ("a", "d")


def test_a_whole_number_that_is_missing_is_refused():
    columns = KerasColumns(("a",), ("y",), merged=False, whole=("a",))
    with pytest.raises(UsageError, match="Column 'a' has rows without a value"):
        columns.inputs({"a": np.array([1.0, np.nan])})


def test_a_row_without_a_label_is_refused():
    columns = KerasColumns(("a",), ("y",), merged=False)
    with pytest.raises(UsageError, match="label column 'y' has rows without a value"):
        columns.targets({"y": np.array([1.0, np.nan])})
