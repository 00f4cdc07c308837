import pytest

from raydp_magic.cluster.fit import (
    check_fit,
    check_scale,
    cpus_left,
    executor_resources,
    room_for,
    suggest,
)
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import DoesNotFitError
from raydp_magic.spec import make_spec

GIB = 1024**3


def node(cpus, gib=16.0, name="n", **more):
    have = {"CPU": float(cpus), "memory": gib * GIB, **more}
    return NodeRoom(name, name, "10.0.0.1", True, total=have, free=have)


def test_what_fits_passes():
    check_fit(make_spec(executors=2, cores=2), [node(4)])
    check_fit(make_spec(executors=2, cores=2), [node(2), node(3)])


def test_the_issue_s_own_example():
    with pytest.raises(DoesNotFitError) as caught:
        check_fit(make_spec(executors=2, cores=4), [node(2)])
    text = str(caught.value)
    assert "2 executors x 4 cores" in text
    assert "this Ray has 2 CPUs" in text
    assert "try --executors 2 --cores 1" in text


def test_cpus_of_two_nodes_do_not_make_one_executor():
    with pytest.raises(DoesNotFitError) as caught:
        check_fit(make_spec(executors=1, cores=4), [node(2), node(2)])
    assert caught.value.fits == "--executors 1 --cores 2"


def test_memory_counts_with_its_overhead():
    assert room_for([node(8, 2.0)], executor_resources(make_spec(memory="1g"))) == 1
    with pytest.raises(DoesNotFitError) as caught:
        check_fit(make_spec(executors=1, memory="64g"), [node(8, 16.0)])
    assert "16.0 GiB memory" in str(caught.value)
    assert caught.value.fits == "--executors 1 --cores 1 --memory 2g"


def test_nothing_fits():
    with pytest.raises(DoesNotFitError, match="free something first") as caught:
        check_fit(make_spec(), [node(0)])
    assert caught.value.fits is None


def test_custom_resources_and_gpus():
    spec = make_spec(executors=1, gpus=1, resources={"big": 1})
    check_fit(spec, [node(2, GPU=1.0, big=1.0)])
    with pytest.raises(DoesNotFitError, match="0 GPU"):
        check_fit(spec, [node(2, big=1.0)])


def test_a_suggestion_always_fits():
    for cpus in range(1, 9):
        for cores in range(1, 9):
            for executors in range(1, 5):
                spec = make_spec(executors=executors, cores=cores, memory="4g")
                better = suggest(spec, [node(cpus, 6.0)])
                assert better is not None
                check_fit(better, [node(cpus, 6.0)])


def test_cpus_left_for_ray_tasks():
    assert cpus_left(make_spec(executors=2, cores=1), [node(4)]) == 2


def test_growing_a_cluster_names_how_far_it_can_grow():
    spec = make_spec(executors=2, cores=1)
    check_scale(spec, 2, 4, [node(2)])
    with pytest.raises(DoesNotFitError, match="9 executors asked, 2 wanted so far") as caught:
        check_scale(spec, 2, 9, [node(2)])
    assert "scale 4" in str(caught.value)
    with pytest.raises(DoesNotFitError, match="free something first"):
        check_scale(spec, 2, 3, [node(0)])
