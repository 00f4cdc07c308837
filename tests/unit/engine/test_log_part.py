"""Following a log by byte offset."""

import os

from raydp_magic.engine import log_part
from raydp_magic.engine.log_part import LogPart, last_words, read_log


def test_parts_join_without_gap_or_overlap(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo\nthr")
    first = read_log(log, None, 10)
    assert first == LogPart(("one", "two"), 8)  # a line that is still written waits
    with log.open("ab") as more:
        more.write("ee\nvier ü\n".encode())
    second = read_log(log, first.next, 10)
    assert second.lines == ("three", "vier ü")
    assert read_log(log, second.next, 10) == LogPart((), second.next)


def test_only_the_last_lines_come_first(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"{n}\n" for n in range(100)))
    assert read_log(log, None, 2) == LogPart(("98", "99"), log.stat().st_size)


def test_what_came_too_fast_begins_with_a_whole_line(tmp_path, monkeypatch):
    monkeypatch.setattr(log_part, "MOST_BYTES", 20)
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n" for n in range(9)))
    assert read_log(log, 0, 50).lines == ("line 7", "line 8")


def test_an_offset_of_another_file_starts_anew(tmp_path):
    log = tmp_path / "log"
    log.write_text("new\n")
    assert read_log(log, 5000, 10) == LogPart(("new",), 4)


def test_no_file_is_empty(tmp_path):
    assert read_log(tmp_path / "none", None, 10) == LogPart((), 0)


def test_the_last_words_are_those_of_the_stream_that_spoke_last(tmp_path):
    files = {name: tmp_path / name for name in ("stdout", "stderr")}
    assert last_words(files, 3) == ()
    files["stderr"].write_text("a\nb\nc\n")
    files["stdout"].write_text("out of memory\n")
    os.utime(files["stderr"], (1, 1))
    assert last_words(files, 3) == ("b", "c", "out of memory")
    os.utime(files["stdout"], (0, 0))
    assert last_words(files, 3) == ("a", "b", "c")
