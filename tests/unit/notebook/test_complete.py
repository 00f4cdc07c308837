"""Tab completion."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter

from raydp_magic.notebook.complete import candidates


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
        ("%raydp_cluster restart ", ["0", "1"]),
        ("%raydp_cluster remove 1", ["1"]),
        ("%raydp_cluster st", ["start", "status", "stop"]),
        ("%raydp_cluster start --exec", ["--executors"]),
        ("%raydp_cluster start --executors 2 --exec", []),
        ("%raydp_cluster start --conf a=b --conf", ["--conf"]),
        ("%raydp_cluster start --address ", []),
        ("%raydp_cluster logs ", ["0", "1", "driver"]),
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
    assert candidates(text, lambda: ["0", "1"]) == found


def test_a_shell_completes_in_the_first_line_of_a_cell(kernel):
    code = "%%raydp_spark --to pa\nx = 1\n"
    kernel.Completer.use_jedi = False
    with provisionalcompleter():
        completions = list(kernel.Completer.completions(code, 21))
    assert [(c.text, c.start, c.end) for c in completions] == [("pandas", 19, 21)]


def test_a_shell_completes_subcommands(kernel):
    _, matches = kernel.complete("", "%raydp_cluster sta", 18)
    assert set(matches) == {"start", "status"}
