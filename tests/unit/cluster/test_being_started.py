"""What a kernel is starting is known from the first on."""

import pytest

from raydp_magic.cluster import starting
from raydp_magic.spec import make_spec


def test_it_is_known_while_the_attempt_is_made_and_no_longer(monkeypatch):
    monkeypatch.setattr(starting.raydp_alias, "install", lambda: None)
    monkeypatch.setattr(starting, "_current", None)
    spec, seen = make_spec(), []

    def make(_):
        seen.append(starting.being_started())  # here Ray is imported, for seconds
        raise OSError

    with pytest.raises(OSError, match=""):
        starting.run_alone(spec, make)
    assert seen == [spec]
    assert starting.being_started() is None
