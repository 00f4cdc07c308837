import pytest

from raydp_magic.cluster.fit import (
    check_bundles,
    check_fit,
    check_scale,
    cpus_left,
    executor_resources,
    room_for,
    suggest,
)
from raydp_magic.engine.ray_session import NodeRoom
from raydp_magic.errors import DoesNotFitError, UsageError
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


def test_parts_of_cpus_count_as_ray_counts_them():
    half = make_spec(executors=4, ray_cpus=0.5)
    check_fit(half, [node(2)])
    assert cpus_left(half, [node(3)]) == 1
    with pytest.raises(DoesNotFitError, match="0.5 Ray CPUs each") as caught:
        check_fit(make_spec(executors=5, ray_cpus=0.5), [node(2)])
    assert "try --executors 4 --cores 1 --ray-cpus 0.5" in str(caught.value)
    with pytest.raises(DoesNotFitError) as caught:
        check_fit(make_spec(executors=1, cores=1, ray_cpus=3), [node(2)])
    assert caught.value.fits == "--executors 1 --cores 1 --ray-cpus 1"


@pytest.mark.parametrize(
    ("strategy", "cpus", "fits"),
    [
        ("STRICT_SPREAD", (4,), False),
        ("STRICT_SPREAD", (1, 1), True),
        ("STRICT_PACK", (1, 1), False),
        ("STRICT_PACK", (1, 2), True),
        ("SPREAD", (2,), True),
        ("PACK", (1, 1), True),
    ],
)
def test_a_strategy_that_no_node_can_satisfy_is_refused_at_once(strategy, cpus, fits):
    spec = make_spec(executors=2, cores=1, placement_strategy=strategy)
    nodes = [node(n) for n in cpus]
    if fits:
        check_fit(spec, nodes)
        return
    with pytest.raises(DoesNotFitError, match=strategy) as caught:
        check_fit(spec, nodes)
    assert f"on {len(nodes)} node" in str(caught.value)
    assert "try --executors 1 --cores 1" in str(caught.value)


GROUP = "66013d445aeb68d6b9d51a1380ed01000000"
BUNDLE = {"CPU": 1.0, "memory": 1.5 * GIB}


def test_executors_that_fit_into_their_bundles_pass():
    check_bundles(make_spec(placement_group=GROUP), 2, {0: BUNDLE, 1: BUNDLE})
    twice = {"CPU": 2.0, "memory": 3 * GIB}
    check_bundles(make_spec(placement_group=GROUP, bundle_indexes=[1]), 2, {0: {}, 1: twice})
    check_bundles(make_spec(placement_group=GROUP), 3, {0: twice, 1: BUNDLE})


def test_the_bundle_that_is_too_small_is_named_and_what_it_should_be():
    small = {0: BUNDLE, 1: {"CPU": 1.0}}
    with pytest.raises(DoesNotFitError, match="1 executor in bundle 1") as caught:
        check_bundles(make_spec(placement_group=GROUP), 2, small)
    message, hint = str(caught.value).split("\nHint: ")
    assert "it reserves 1 CPU, one executor needs 1 CPU, 1.4 GiB memory" in message
    assert '{"CPU": 1, "memory": 1476395008}' in hint
    with pytest.raises(DoesNotFitError, match="2 executors in bundle 0"):
        check_bundles(make_spec(placement_group=GROUP, bundle_indexes=[0]), 2, {0: BUNDLE})


def test_a_bundle_that_the_group_lacks_is_named():
    with pytest.raises(UsageError, match="no bundle 2"):
        check_bundles(make_spec(placement_group=GROUP, bundle_indexes=[0, 2]), 1, {0: BUNDLE})


def test_bundles_decide_how_far_a_cluster_can_grow_not_what_is_free_beside_them():
    spec = make_spec(placement_strategy="PACK")
    check_scale(spec, 1, 2, [node(0)])
    with pytest.raises(DoesNotFitError, match="start with executors=3"):
        check_bundles(spec, 3, {0: BUNDLE, 1: BUNDLE})


def test_what_a_group_holds_is_not_taken_twice():
    assert cpus_left(make_spec(placement_group=GROUP), [node(1)]) == 1


def test_gpus_of_a_ray_that_is_still_to_be_started_are_not_counted():
    free = {"CPU": 4.0, "memory": 16.0 * 2**30, "GPU": float("inf")}
    room = NodeRoom("", "", "", is_head=True, total=free, free=free)
    check_fit(make_spec(executors=2, gpus=1), [room])
    with pytest.raises(DoesNotFitError, match="this Ray has 4 CPUs, 16.0 GiB memory free"):
        check_fit(make_spec(executors=2, cores=400, gpus=1), [room])
