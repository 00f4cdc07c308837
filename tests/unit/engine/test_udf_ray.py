"""The environment by which a Spark worker joins Ray."""

from raydp_magic.engine.udf_ray import outside_of_ray, worker_environment


def test_a_child_of_a_ray_worker_is_told_nothing_that_is_the_workers_own():
    base = {
        "PATH": "/bin",
        "RAY_AUTH_MODE": "token",
        "RAY_JOB_ID": "ffffffff",
        "RAY_RAYLET_PID": "7",
        "RAY_CLIENT_MODE": "0",
        "RAY_ADDRESS": "elsewhere:1",
    }
    assert outside_of_ray(base, "head:6379") == {
        "PATH": "/bin",
        "RAY_AUTH_MODE": "token",
        "RAY_ADDRESS": "head:6379",
        "RAY_LOGGER_LEVEL": "error",
        "RAY_LOG_TO_DRIVER": "0",
    }


def test_a_wish_for_more_words_stays():
    assert outside_of_ray({"RAY_LOGGER_LEVEL": "debug"}, "h:1")["RAY_LOGGER_LEVEL"] == "debug"


def test_the_token_itself_is_not_handed_out():
    assert worker_environment("h:1", "token")["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_MODE" not in worker_environment("h:1")
    assert not [key for key in worker_environment("h:1", "token") if "TOKEN" in key]
