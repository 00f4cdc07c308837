"""The still timeline stands as the live one does (labextension/tests/timeline.test.ts)."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from panel_fakes import snapshot

from raydp_magic.monitoring.snapshot import EventSnapshot
from raydp_magic.panel.timeline_svg import MAX_ROWS, lane, span, summary, timeline_svg, words

NOW = 10_000.0


def event(kind, ago, took, name=None, state=None):
    begin = NOW - ago
    end = None if took is None else begin + took
    state = state or ("running" if end is None else "done")
    return EventSnapshot(kind, name or str(ago), f"thing {ago}", begin, end, state)


def test_one_axis_of_ten_minutes_cut_at_its_start():
    bars = lane([event("spark", 900, 600), event("spark", 150, 30), event("spark", 60, None)], NOW)
    assert [(round(b.begin, 3), round(b.end, 3)) for b in bars] == [(0, 0.5), (0.75, 0.8), (0.9, 1)]
    assert lane([event("ray", 900, 10)], NOW) == []


def test_the_axis_reaches_back_to_what_is_to_be_seen_at_most_ten_minutes():
    spans = [
        [event("spark", 20, 5)],
        [event("spark", 61, 5), event("ray", 2, None)],
        [event("spark", 280, 5)],
        [event("spark", 301, 5)],
        [event("spark", 900, 400)],
        [event("spark", 900, 100), event("ray", 5, 1)],
        [],
    ]
    assert [span(events, NOW) for events in spans] == [1, 2, 5, 10, 10, 1, 1]
    [bar] = lane([event("spark", 30, 15)], NOW, 1)
    assert (bar.begin, bar.end) == (0.5, 0.75)
    young = replace(snapshot("empty"), taken_at=NOW, timeline=(event("spark", 20, 0.3),))
    assert words(young) == "The last minute: 1 Spark job"
    svg = ET.fromstring(timeline_svg(young))
    assert [text.text for text in svg.iter("text")] == ["Spark", "1 min ago", "now"]
    assert svg.find("rect/title").text.startswith("Spark job thing 20: done, 0.3 s, from ")


def test_what_overlaps_is_put_into_rows_a_few_of_them():
    together = [event("ray", 100 - n, 50, str(n)) for n in range(9)]
    rows = [bar.row for bar in lane(together, NOW)]
    assert rows[:3] == [0, 1, 2]
    assert max(rows) == MAX_ROWS - 1
    assert {bar.row for bar in lane([event("spark", 100, 10), event("spark", 80, 10)], NOW)} == {0}


def test_it_counts_in_words():
    events = [
        event("spark", 60, None),
        event("spark", 50, 5, state="failed"),
        event("transfer", 5, 1),
    ]
    assert summary(events) == "2 Spark jobs (1 running, 1 failed), 1 transfer"


def drawn(*events):
    svg = ET.fromstring(timeline_svg(replace(snapshot("empty"), taken_at=NOW, timeline=events)))
    lanes = [text.text for text in svg.iter("text")][:-2]
    return svg, lanes, list(svg.iter("rect"))


def test_conversions_have_a_lane_with_what_the_live_one_says_of_them():
    svg, lanes, bars = drawn(
        event("spark", 300, 200),
        event("transfer", 100, 30, "t1"),
        event("transfer", 90, 30, "t2", "failed"),
        event("transfer", 20, None, "t3"),
    )
    assert lanes == ["Spark", "Transfers"]
    assert svg.get("aria-label").endswith("1 Spark job, 3 transfers (1 running, 1 failed)")
    titles = [bar.find("title").text for bar in bars[1:]]
    assert titles[0].startswith("transfer thing 100: done, 30 s, from ")
    assert re.match("transfer thing 20: running, from ", titles[2])
    first, second, third = ((float(bar.get("x")), float(bar.get("y"))) for bar in bars[1:])
    assert first[0] < second[0] < third[0]
    assert first[1] < second[1]  # they overlap
    assert first[1] == third[1]
    assert bars[1].get("fill") != bars[0].get("fill") != bars[2].get("fill")
    height = float(svg.get("viewBox").split()[3])
    assert all(float(bar.get("y")) + float(bar.get("height")) < height for bar in bars)


@pytest.mark.parametrize("events", [(), (event("ray", 900, 10),)])
def test_nothing_is_no_picture(events):
    assert timeline_svg(replace(snapshot("empty"), taken_at=NOW, timeline=events)) == ""
