"""The panel without a browser: plain text and static HTML."""

import base64
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from raydp_magic.errors import RaydpMagicError
from raydp_magic.monitoring.snapshot import from_json
from raydp_magic.panel import panel_for, render_html, render_text
from raydp_magic.panel.amounts import (
    UNKNOWN,
    format_bytes,
    format_bytes_of,
    format_count,
    one_line,
    plural,
)
from raydp_magic.panel.kept import record

DRAWING = '<img src="data:image/svg+xml;base64,'
SVG = "{http://www.w3.org/2000/svg}"
TRUSTED = {*("div", "span", "strong", "code", "table", "tr", "th", "td", "img")}
"""What we use of the tags that JupyterLab lets through in a notebook that it does not trust."""
FOLDER = Path(__file__).parents[1] / "fixtures" / "snapshots"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
MIB = 1024**2


def snapshot(name):
    return from_json(json.loads((FOLDER / f"{name}.json").read_text()))


class Page(HTMLParser):
    """Collects tags, checks nesting, and keeps the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open += [] if tag == "img" else [tag]
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", NAMES)
def test_text_fits_a_terminal(name):
    lines = render_text(snapshot(name)).splitlines()
    assert lines
    assert max(map(len, lines)) <= 100
    assert not any(set(line) & {"\x1b", "\t", "\u202e"} for line in lines)


def test_text_says_what_a_person_asks_for():
    text = render_text(snapshot("running"))
    assert "running   2/2 executors   3/4 CPUs" in text
    assert "34/60 tasks" in text
    assert "memory 5.2/16 GiB" in text
    assert "trips  spark -> ray" in text


def test_text_aligns_its_columns():
    lines = [
        line for line in render_text(snapshot("busy_multi_node")).splitlines() if " done" in line
    ]
    assert len({line.index("/4 tasks") for line in lines}) == 1
    assert len({line.index("cached") for line in lines}) == 1


@pytest.mark.parametrize("name", ["stopped", "failed"])
def test_an_ended_cluster_says_so(name):
    assert f"The cluster has {name}; this is its last known state." in render_text(snapshot(name))
    page = render_html(snapshot(name))
    text = Page(page).text
    assert len(re.findall(f"The cluster has {name} . last known state, ", text)) == 1
    assert "as of" not in text  # the time once
    assert not re.search(r"\d/\d (executors|CPUs)", text + render_text(snapshot(name)))
    assert "#3d85c6" not in page  # the accent is for what runs


def test_what_is_left_of_an_executor_has_ended():
    assert "0  ended" in render_text(snapshot("stopped"))
    assert "ended" in Page(render_html(snapshot("stopped"))).text


@pytest.mark.parametrize(("state", "told"), [("up", False), ("starting", True), ("lost", True)])
def test_tries_are_told_only_on_the_way_back(state, told):
    now = snapshot("running")
    executor = replace(now.executors[0], tries=2, state=state)
    now = replace(now, executors=(executor,))
    assert ("try 2/6" in render_text(now)) == told
    assert ("try 2 of 6" in Page(render_html(now)).text) == told


def test_one_row_is_one_row():
    now = snapshot("running")
    now = replace(now, ledger=(replace(now.ledger[0], rows=1, blocks=1),))
    assert "1 row " in render_text(now)


def test_static_html_has_room_on_a_narrow_page():
    assert render_html(snapshot("running")).count("flex-wrap:wrap") == 5


def test_terminal_escapes_do_not_reach_the_terminal():
    assert one_line("\x1b[31mred\x07\n\tand \u202ethis") == "[31mred and this"


@pytest.mark.parametrize("name", NAMES)
def test_html_is_whole_and_self_contained(name):
    html = render_html(snapshot(name))
    page = Page(html)
    assert set(page.tags) <= TRUSTED
    assert set(page.attributes) <= {"style", "colspan", "src", "alt"}
    assert html.count("<img") == html.count(DRAWING)


def test_a_saved_timeline_is_one_picture_with_a_bar_for_each_event():
    now = snapshot("timeline")
    html = render_html(now)
    [data] = re.findall(r"base64,([^\"]+)", html)
    drawing = ET.fromstring(base64.b64decode(data))
    assert len([*drawing.iter(f"{SVG}rect")]) == len(now.timeline)
    assert f'alt="{drawing.get("aria-label")}"' in html
    assert re.match("The last [a-z ]*minutes?: [0-9]+ Spark job", drawing.get("aria-label"))
    assert "img" not in Page(render_html(replace(now, timeline=()))).tags


def test_a_notebook_that_is_not_trusted_keeps_none_of_a_drawing_s_words_beside_it():
    """What JupyterLab drops there leaves its words in the page: a title of each Ray task's bar."""
    now = snapshot("timeline")
    text = Page(render_html(now)).text
    assert " min ago" not in text
    labels = {event.label for event in now.timeline if event.kind == "ray"}
    assert labels
    assert not [label for label in labels if label in text]


def test_a_silent_ray_is_said():
    for text in (render_text(snapshot("ray_lost")), Page(render_html(snapshot("ray_lost"))).text):
        assert "Ray went away 12 s before this was taken" in text
    assert "went away" not in render_text(replace(snapshot("ray_lost"), state="stopped"))


def test_text_says_what_is_moving():
    assert "trips     spark -> ray  3,200,000 rows" in render_text(snapshot("transfers"))
    text = Page(render_html(snapshot("transfers"))).text
    assert "transfertripsspark → ray3,200,000 rows" in text
    assert "No job" not in text


def test_html_escapes_what_comes_from_outside():
    html = render_html(snapshot("hostile_text"))
    assert "<script" not in html
    assert html.count("<img") == html.count(DRAWING)
    assert "<script>window.hacked=1</script>" in Page(html).text


def test_html_has_no_colours_that_hide_on_a_dark_page():
    """Text takes the page's colour; only bars and marks have one of their own."""
    html = render_html(snapshot("executor_lost"))
    assert not re.search(r"[;\"]color:", html)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (50 * MIB, "50 MiB"),
        (int(1023.7 * MIB), "1 GiB"),
        (None, UNKNOWN),
    ],
)
def test_bytes_read_as_in_the_live_panel(amount, text):
    assert format_bytes(amount) == text


def test_used_and_total_share_a_unit():
    assert format_bytes_of(512 * MIB, 4096 * MIB) == "0.5 / 4 GiB"
    assert format_bytes_of(None, 4096 * MIB) == f"{UNKNOWN} / 4 GiB"
    assert format_count(1234567) == "1,234,567"
    assert [plural(n, "row") for n in (1, 1234, None)] == ["1 row", "1,234 rows", f"{UNKNOWN} rows"]


def test_a_panel_that_was_not_built_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("raydp_magic.panel.STATIC", tmp_path)
    with pytest.raises(RaydpMagicError, match="not built") as caught:
        panel_for(object())
    assert "make build" in caught.value.hint


def test_importing_the_panel_is_light():
    code = (
        "import sys, raydp_magic.panel as p; p.render_text; p.render_html;"
        "print([m for m in ('anywidget','ipywidgets','ray','pyspark','pandas','pyarrow')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def crowd(nodes, executors, lost):
    """A big cluster; the last executors are lost, each with its words."""
    now = snapshot("running")
    up, node = now.executors[0], now.nodes[0]
    rows = [replace(up, slot=n, id=str(n)) for n in range(executors)]
    for n in range(executors - lost, executors):
        rows[n] = replace(rows[n], state="lost", message=f"out of memory {n}")
    return replace(
        now,
        executors_wanted=executors,
        nodes=tuple(replace(node, id=f"n{n}", name=f"worker-{n}") for n in range(nodes)),
        executors=tuple(rows),
        problems=tuple(f"executor {n}: out of memory" for n in range(lost)),
    )


def test_a_saved_picture_of_a_big_cluster_is_bounded_and_shows_what_is_lost():
    now = crowd(1, 10_000, lost=1)
    html = render_html(now)
    text = render_text(now)
    assert len(html) < 300_000
    assert "out of memory 9999" in Page(html).text
    assert "out of memory 9999" in text
    assert "9999/10000 executors" in text
    for one in (Page(html).text, text):
        assert "and 9,800 more" in one
    assert len(text.splitlines()) < 250


def test_nodes_and_problems_are_bounded_too():
    now = crowd(1000, 10_000, lost=10_000)
    html = Page(render_html(now)).text
    for one in (html, render_text(now)):
        assert "and 800 more" in one
        assert "and 9,980 more" in one
    assert len(render_html(now)) < 700_000
    assert len(json.dumps(record(now))) < 300_000
    assert record(now)["problems"][-1] == (
        "Not kept in this notebook: 800 nodes, 9,800 executors, 9,980 problems"
    )


def test_a_dead_node_of_a_big_cluster_is_shown_with_its_words():
    now = crowd(1000, 1, lost=0)
    dead = replace(now.nodes[-1], alive=False, died_at=now.taken_at, death="health check failed")
    now = replace(now, nodes=(*now.nodes[:-1], dead))
    for one in (Page(render_html(now)).text, render_text(now)):
        assert "worker-999" in one
        assert "health check failed" in one
        assert "worker-199" not in one
        assert "and 800 more" in one
    assert record(now)["nodes"][0]["death"] == "health check failed"


def test_jobs_and_conversions_are_bounded_together():
    now = snapshot("transfers")
    now = replace(now, jobs=snapshot("running").jobs[:1] * 210, transfers=now.transfers[:1] * 203)
    assert "and 13 more" in Page(render_html(now)).text
    text = render_text(now)
    assert "and 10 more" in text
    assert "and 3 more" in text


def test_a_small_cluster_is_kept_whole():
    for name in NAMES:
        assert from_json(record(snapshot(name))) == snapshot(name)
        assert not re.search(r"and [\d,]+ more", render_text(snapshot(name)))
