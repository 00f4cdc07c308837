"""Which Ray is meant, and what a refusal to join means."""

from __future__ import annotations

import pytest

from raydp_magic.engine import ray_session


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1:6379", "10.0.0.1:6379", True),
        ("localhost:6379", "127.0.0.1:6379", True),
        ("127.0.0.1:6379", "10.0.0.1:6379", True),  # this machine, by another of its addresses
        ("127.0.0.1:6380", "10.0.0.1:6379", False),
        ("10.0.0.2:6379", "10.0.0.1:6379", False),
        ("no.such.host.invalid:6379", "10.0.0.1:6379", False),
    ],
)
def test_two_spellings_of_one_address(one, other, same):
    assert ray_session._same_endpoint(one, other) is same


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (RuntimeError("InvalidAuthToken: Authentication token is missing"), "RAY_AUTH_MODE=token"),
        (RuntimeError("Failed to connect to Ray cluster at a:1"), "RAY_AUTH_MODE=token"),
        (RuntimeError("Version mismatch: Ray 2.1 and 2.2"), "same Ray and Python versions"),
    ],
)
def test_a_refusal_says_what_to_do(error, hint):
    ours = ray_session._unreachable("a:1", error)
    assert hint in ours.hint
    assert ours.address == "a:1"
    assert len(str(ours).splitlines()) == 2


def test_a_dead_address_is_told_at_once():
    with pytest.raises(ray_session.RayUnreachableError, match="No Ray answers at 127.0.0.1:1"):
        ray_session._probe("127.0.0.1:1")


def test_ray_address_local_means_a_new_one(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert ray_session._known_address() is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert ray_session._known_address() == "10.0.0.1:6379"
