"""Tab completion."""

from __future__ import annotations

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter

from raydp_magic.notebook.complete import Live, candidates, sql_around


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "%raydp_cluster ",
            [
                *("cancel", "fit", "logs", "panel", "remove", "restart"),
                *("scale", "start", "status", "stop"),
            ],
        ),
        ("%raydp_cluster restart ", ["1", "2"]),
        ("%raydp_cluster remove 1", ["1"]),
        ("%raydp_cluster cancel ", ["14", "4"]),
        ("%raydp_bridge release t", ["trips"]),
        ("%raydp_cluster st", ["start", "status", "stop"]),
        ("%raydp_cluster start --exec", ["--executors"]),
        ("%raydp_cluster start --executors 2 --exec", []),
        ("%raydp_cluster start --conf a=b --conf", ["--conf"]),
        ("%raydp_cluster start --address ", ["auto"]),
        ("%raydp_cluster start --name ", []),
        ("%raydp_cluster start --memory=2", ["--memory=2g"]),
        (
            "%raydp_cluster start --placement-strategy=STRICT_S",
            ["--placement-strategy=STRICT_SPREAD"],
        ),
        ("%raydp_cluster logs ", ["0", "1", "2", "driver"]),
        ("%raydp_cluster logs d", ["driver"]),
        ("%raydp_cluster logs -n ", []),
        ("%raydp_bridge re", ["release"]),
        ("%%raydp_spark -c ", ["python", "sql"]),
        ("%%raydp_spark --to r", ["ray", "refs"]),
        ("%%raydp_sql --m", ["--maxrows"]),
        ("  %%raydp_spark --q", ["--quiet"]),
        ("%raydp_cluster nope ", None),
        ("%raydp_cluster", None),
        ("x = 1", None),
        ("%other st", None),
    ],
)
def test_candidates(text, found):
    live = Live(
        lambda: ["1", "2"], lambda: ["4", "14"], lambda: ["trips", "zones"], lambda: ["0", "1"]
    )
    assert candidates(text, live) == found


def test_a_shell_completes_in_the_first_line_of_a_cell(kernel):
    code = "%%raydp_spark --to pa\nx = 1\n"
    kernel.Completer.use_jedi = False
    with provisionalcompleter():
        completions = list(kernel.Completer.completions(code, 21))
    assert [(c.text, c.start, c.end) for c in completions] == [("pandas", 19, 21)]


def test_a_shell_completes_subcommands(kernel):
    _, matches = kernel.complete("", "%raydp_cluster sta", 18)
    assert set(matches) == {"start", "status"}


@pytest.mark.parametrize(
    ("cell", "sql"),
    [
        ("%%raydp_sql\nSELECT |1", ("SELECT ", "1")),
        ("\n%%raydp_sql -o t --to ray\nSELECT\n|x\nFROM t", ("SELECT\n", "x\nFROM t")),
        ("%%raydp_spark -q -c sql\nS|", ("S", "")),
        ("%%raydp_spark --context=sql\nS|", ("S", "")),
        ("%%raydp_spark\nspark.sql|", None),
        ("%%raydp_spark -c python\nS|", None),
        ("%%raydp_sql --t|\nSELECT", None),
        ("%%time\nS|", None),
        ("%raydp_sql SELECT * FROM |", ("SELECT * FROM ", "")),
        ("x = 1\n%raydp_sql -n 3 SELECT t|", ("SELECT t", "")),
        ("%raydp_sql -n |", None),
        ("%raydp_sql --to p|", None),
        ("%raydp_spark -c sql SELECT |", ("SELECT ", "")),
        ("%raydp_spark SELECT |", None),
        ("x = 1|", None),
        ("|", None),
    ],
)
def test_where_sql_is(cell, sql):
    before, _, after = cell.partition("|")
    line, column = before.count("\n"), len(before.split("\n")[-1])
    assert sql_around(before + after, line, column) == sql


def completed(kernel, cell, *, jedi):
    before, _, after = cell.partition("|")
    kernel.Completer.use_jedi = jedi
    with provisionalcompleter():
        found = list(kernel.Completer.completions(before + after, len(before)))
    return [before[: c.start] + c.text for c in found], [(c.text, c.type) for c in found]


@pytest.mark.parametrize("jedi", [False, True])
def test_sql_cells_complete_variables_and_their_columns(kernel, jedi):
    kernel.user_ns["rides"] = pd.DataFrame({"fare": [1.0], "odd name": ["x"]})
    kernel.user_ns["rider"] = "no table"
    _, found = completed(kernel, "%%raydp_sql\nSELECT * FROM ri|", jedi=jedi)
    assert found == [("rides", "variable")]
    texts, found = completed(kernel, "%%raydp_sql\nSELECT `o|\nFROM rides r", jedi=jedi)
    assert found == [("`odd name`", "column")]
    assert texts == ["%%raydp_sql\nSELECT `odd name`"]  # the backquote is not doubled
    _, found = completed(kernel, "%%raydp_sql\nSELECT r.| FROM rides r", jedi=jedi)
    assert [text for text, _ in found] == ["fare", "`odd name`"]


@pytest.mark.parametrize("jedi", [False, True])
def test_names_of_python_stay_out_of_sql(kernel, jedi):
    kernel.user_ns["rider"] = "no table"
    for cell in (
        "%%raydp_sql\nSELECT * FROM rid|",
        "%%raydp_sql\nSELECT 'rid|",
        "%%raydp_sql\n-- rid|",
    ):
        assert completed(kernel, cell, jedi=jedi) == ([], [])
    assert "rider" in dict(completed(kernel, "rid|", jedi=jedi)[1])
