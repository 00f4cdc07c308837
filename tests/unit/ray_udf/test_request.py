"""Arguments of `map_batches`: what is taken, and what is refused in which words."""

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.ray_udf.request import Code, make_request


def request(fn=len, **changed):
    asked = {
        "batch_size": 10,
        "batch_format": "numpy",
        "concurrency": None,
        "num_cpus": 1,
        "num_gpus": 0,
        "resources": None,
        "constructor_args": (),
        "constructor_kwargs": None,
    }
    return make_request(fn, **(asked | changed))


class Adds:
    def __init__(self, amount, *, times=1):
        self.amount = amount * times

    def __call__(self, batch, more=0):
        return batch + self.amount + more


class Inherits(Adds):
    pass


class NotCallable:
    pass


def test_a_class_is_a_pool_and_a_function_is_not():
    assert request(Adds, constructor_args=(1,)).pool
    assert request(Inherits).pool
    assert not request(len).pool
    assert not request(Adds(1)).pool


def test_what_ray_is_asked_for():
    asked = request(num_cpus=0.5, num_gpus=0, resources={"fpga": 2})
    assert asked.wants == {"CPU": 0.5, "fpga": 2}
    assert asked.options == {"num_cpus": 0.5, "num_gpus": 0, "resources": {"fpga": 2}}
    assert request(num_cpus=0).wants == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fn": 5}, "a function or a class, not int"),
        ({"fn": NotCallable}, "Instances of NotCallable cannot be called"),
        ({"constructor_args": (1,)}, "are for a class"),
        ({"constructor_kwargs": {"a": 1}}, "are for a class"),
        ({"batch_format": "polars"}, "batch_format='polars'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": None}, "batch_size=None"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": True}, "concurrency=True"),
        ({"concurrency": (1, 2)}, "concurrency="),
        ({"num_cpus": -1}, "num_cpus=-1"),
        ({"num_gpus": "1"}, "num_gpus='1'"),
        ({"num_cpus": float("nan")}, "num_cpus=nan"),
        ({"resources": {"fpga": None}}, "fpga=None"),
        ({"resources": {"CPU": 1}}, "CPU is none of your own"),
    ],
)
def test_what_is_refused(changed, said):
    with pytest.raises(UsageError) as caught:
        request(**changed)
    assert said in str(caught.value)


def test_arguments_reach_the_function_and_the_class():
    def subtract(batch, one, *, other):
        return batch - one - other

    assert Code(subtract, (1,), {"other": 2}, (), {}, "numpy", None).ready()(10) == 7
    code = Code(Adds, (), {"more": 1}, (2,), {"times": 3}, "numpy", None)
    assert code.ready()(10) == 17
