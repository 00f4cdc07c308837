import pytest

from raydp_magic.errors import UsageError
from raydp_magic.spec import ClusterSpec, format_mib, make_spec, parse_memory

GROUP = "66013d445aeb68d6b9d51a1380ed01000000"


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("1g", 1024),
        ("512m", 512),
        ("1.5g", 1536),
        ("2GB", 2048),
        (" 1 GiB ", 1024),
        ("1t", 1 << 20),
        (700, 700),
        ("2048k", 2),
    ],
)
def test_memory_is_read_the_way_people_write_it(text, mib):
    assert parse_memory(text) == mib


@pytest.mark.parametrize(
    "text", ["12zebras", "", "g", "-1g", "1,5g", "1e3m", None, True, "0m", 0, "1gg"]
)
def test_what_is_no_memory_is_refused_with_a_hint(text):
    with pytest.raises(UsageError, match="memory=") as caught:
        parse_memory(text)
    assert "\nHint: " in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"executors": 0}, "executors=0"),
        ({"executors": -1}, "executors=-1"),
        ({"executors": True}, "executors=True"),
        ({"executors": 1.5}, "executors=1.5"),
        ({"cores": 0}, "cores=0"),
        ({"memory": "12zebras"}, "memory='12zebras'"),
        ({"memory": "100m"}, "450 MiB"),
        ({"driver_memory": "64m"}, "driver_memory='64m'"),
        ({"gpus": -1}, "gpus=-1"),
        ({"resources": {"disk": "much"}}, "resources['disk']"),
        ({"address": "nonsense"}, "address='nonsense'"),
        ({"address": "host:99999"}, "address='host:99999'"),
        ({"ui_port": 70000}, "ui_port=70000"),
        ({"conf": {"spark.master": "local"}}, "spark.master"),
        ({"conf": {"spark.authenticate": "false"}}, "spark.authenticate"),
        ({"conf": {"executor.memory": "1g"}}, "executor.memory"),
        ({"max_restarts": -1}, "max_restarts=-1"),
        ({"memory_overhead": -1}, "memory_overhead=-1"),
        ({"ray_cpus": 0}, "ray_cpus=0"),
        ({"ray_cpus": "half"}, "ray_cpus='half'"),
        ({"placement_strategy": "pack"}, "placement_strategy='pack'"),
        ({"placement_group": 5}, "placement_group=5"),
        ({"placement_group": GROUP, "placement_strategy": "PACK"}, "exclude each other"),
        ({"bundle_indexes": [0]}, "without a placement_group"),
        ({"placement_group": GROUP, "bundle_indexes": []}, "bundle_indexes is empty"),
        ({"placement_group": GROUP, "bundle_indexes": [0, -1]}, "bundle_indexes=-1"),
    ],
)
def test_a_wrong_request_names_what_is_wrong_and_what_would_do(request_, named):
    with pytest.raises(UsageError) as caught:
        make_spec(**request_)
    message, hint = str(caught.value).split("\nHint: ")
    assert named in message
    assert "\n" not in message
    assert hint


def test_ray_is_asked_for_heap_and_overhead():
    assert make_spec(memory="1g").reserved_bytes == (1024 + 384) * 1024**2
    assert make_spec(memory="10g").reserved_bytes == (10240 + 1024) * 1024**2
    assert make_spec(memory="1g", memory_overhead="1g").reserved_bytes == 2048 * 1024**2


def test_two_ways_to_write_one_request_are_the_same_request():
    assert make_spec(memory="1g") == make_spec(memory="1024m")
    assert make_spec(memory="1g") != make_spec(memory="2g")
    one, other = {"spark.a": 1, "spark.b": True}, {"spark.b": "true", "spark.a": "1"}
    assert make_spec(conf=one) == make_spec(conf=other)


def test_a_request_is_described_in_the_magic_s_words():
    spec = make_spec(
        executors=3, cores=2, memory="1.5g", gpus=1, resources={"big": 1}, conf={"spark.x": "y"}
    )
    assert (
        spec.describe()
        == "--executors 3 --cores 2 --memory 1536m --gpus 1 --resource big=1 --conf spark.x=y"
    )
    assert ClusterSpec().describe() == "--executors 2 --cores 1 --memory 1g"


def test_format_mib():
    assert [format_mib(m) for m in (1024, 600, 2048)] == ["1g", "600m", "2g"]


def test_what_a_setting_s_name_calls_private_is_not_shown():
    text = make_spec(conf={"spark.hadoop.fs.s3a.secret.key": "hunter2"}).describe()
    assert "hunter2" not in text
    assert "--conf spark.hadoop.fs.s3a.secret.key=***" in text


def test_ray_cpus_are_apart_from_task_slots():
    half = make_spec(executors=2, cores=1, ray_cpus=0.5)
    assert (half.reserved_cpus, half.cpus) == (0.5, 2)
    assert "--cores 1 --memory 1g --ray-cpus 0.5" in half.describe()
    assert make_spec(cores=2, ray_cpus=2) == make_spec(cores=2)
    assert make_spec(cores=2).reserved_cpus == 2


def test_no_overhead_can_be_asked_for_and_is_said():
    spec = make_spec(memory="1g", memory_overhead=0)
    assert spec.reserved_bytes == 1024**3
    assert "--memory-overhead 0g" in spec.describe()
    assert make_spec(memory="1g", memory_overhead="0g") == spec


def test_a_placement_group_is_kept_as_its_id():
    class Id:
        def hex(self):
            return GROUP

    class Group:
        id = Id()

    spec = make_spec(placement_group=Group(), bundle_indexes=[1, 0])
    assert spec == make_spec(placement_group=GROUP, bundle_indexes=(1, 0))
    assert hash(spec)
    assert spec.describe().endswith(f"--placement-group {GROUP} --bundle-indexes 1,0")
    assert "--placement-strategy SPREAD" in make_spec(placement_strategy="SPREAD").describe()
