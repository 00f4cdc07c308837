"""The magics in a real shell, over a stand-in cluster."""

from __future__ import annotations

import re
import signal
import sys
from types import SimpleNamespace

import pytest

from raydp_magic.errors import NotRunningError, QueryError, UsageError
from raydp_magic.notebook.failure import _show_short


def run(kernel, code):
    return kernel.run_cell(code, store_history=True)


def failed(kernel, code, capsys):
    """Run a cell that must fail; give its error and the lines a person sees."""
    capsys.readouterr()
    result = run(kernel, code)
    assert not result.success, code
    shown = capsys.readouterr()
    return result.error_in_exec, re.sub(r"\x1b\[[\d;]*m", "", shown.out + shown.err).splitlines()


@pytest.fixture
def started(kernel, capsys):
    run(kernel, "%raydp_cluster start --executors 2").raise_error()
    capsys.readouterr()
    return kernel


def test_start_shows_progress_and_binds_spark(kernel, capsys):
    run(kernel, "%raydp_cluster start --memory 512m").raise_error()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Ray ..., driver ..., 0/2 executors (1.0 s)"
    assert "1/2 executors" in lines[2]
    assert lines[-1].startswith("Spark 4.3.0 on Ray 2.60.0 is ready: 2 executors x 1 core, 512m")
    assert kernel.user_ns["spark"].version == "4.3.0"
    run(kernel, "%raydp_cluster start")
    assert "Already running" in capsys.readouterr().out


def test_a_users_spark_is_left_alone_but_for_the_body_of_a_spark_cell(kernel, capsys):
    kernel.user_ns["spark"] = 5
    run(kernel, "%raydp_cluster start").raise_error()
    assert kernel.user_ns["spark"] == 5
    assert "left alone: in `%%raydp_spark` cells it is the session" in capsys.readouterr().out
    assert run(kernel, "%%raydp_spark\nspark.version").result == "4.3.0"
    failed(kernel, "%%raydp_spark\nspark.version + 1", capsys)
    assert run(kernel, "spark").result == 5
    run(kernel, "%%raydp_spark\nspark = 6").raise_error()
    assert kernel.user_ns["spark"] == 6
    failed(kernel, "%%raydp_sql -o spark\nSELECT 1", capsys)
    assert kernel.user_ns["spark"] == 6


@pytest.mark.parametrize("stop", ["%raydp_cluster stop", "sys.modules[CLUSTER].running = None"])
def test_an_ended_session_says_so_in_one_line(started, capsys, stop):
    started.user_ns.update(sys=sys, CLUSTER="raydp_magic.cluster")
    run(started, stop).raise_error()
    error, lines = failed(started, "spark.range(3)", capsys)
    assert isinstance(error, NotRunningError)
    assert lines == str(error).splitlines()
    assert "%raydp_cluster start" in lines[1]
    capsys.readouterr()
    run(started, "spark").raise_error()
    assert "No raydp_magic cluster is running" in capsys.readouterr().out
    started.user_ns["start"] = sys.modules["raydp_magic.cluster"].start
    run(started, "start(progress=lambda _: None, wait=True, timeout=1)").raise_error()
    assert run(started, "spark.version").result == "4.3.0"


def test_a_session_that_the_user_bound_elsewhere_is_not_taken_away(started):
    run(started, "%raydp_cluster stop\nspark = 5").raise_error()
    assert run(started, "spark").result == 5


def test_a_cell_has_the_number_of_its_prompt(started, capsys):
    number = started.execution_count
    _, lines = failed(started, "%%raydp_spark\n1 / 0", capsys)
    assert any(f"In[{number}]" in line for line in lines)
    label = "spark.sparkContext.getLocalProperty('spark.job.description')"
    for cell in (label, f"%%raydp_spark\n{label}"):
        number = started.execution_count
        done = run(started, cell)
        assert done.execution_count == number
        assert done.result.startswith(f"cell [{number}] ")


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("%raydp_spark -c", UsageError, "%raydp_spark: --context"),
        ("%raydp_cluster start --executers 2", UsageError, "did you mean --executors?"),
        ("%raydp_cluster start --memory 12zebras", UsageError, "12zebras"),
        ("%raydp_cluster start --memory 10m", UsageError, "--memory 10m is less than"),
        ("%raydp_cluster start --ui-port 70000", UsageError, "--ui-port 70000 is not a port"),
        ("%raydp_cluster start --conf spark.driver.memory=1g", UsageError, "use --driver-memory."),
        ("%raydp_cluster start --address a", UsageError, "--address a is not a Ray address"),
        ("%raydp_cluster status", NotRunningError, "%raydp_cluster start"),
        ("%raydp_cluster panel", NotRunningError, "%raydp_cluster start"),
        ("%%raydp_sql\nSELECT 1", NotRunningError, "%raydp_cluster start"),
        ("%%raydp_sql", UsageError, "nothing to run"),
        ("%raydp_bridge relese x", UsageError, "did you mean `%raydp_bridge release`?"),
    ],
)
def test_mistakes_are_lines_without_traceback(kernel, capsys, code, kind, said):
    error, lines = failed(kernel, code, capsys)
    assert type(error) is kind
    assert lines == str(error).splitlines()
    assert said in "\n".join(lines)


@pytest.mark.parametrize(
    "code", ["%%raydp_spark -h", "%raydp_cluster -h", "%raydp_cluster start -h"]
)
def test_help_is_printed(kernel, capsys, code):
    run(kernel, code).raise_error()
    assert capsys.readouterr().out.startswith("usage: ")


def test_docstrings_are_the_help(kernel):
    for name in ("raydp_cluster", "raydp_spark", "raydp_sql", "raydp_bridge"):
        assert "usage: %" in kernel.find_magic(name, "line").__doc__


def test_stop_without_a_cluster_is_no_error(kernel, capsys):
    run(kernel, "%raydp_cluster stop").raise_error()
    assert "Nothing to stop" in capsys.readouterr().out


def test_stop_says_what_is_given_back(started, capsys):
    run(started, "%raydp_cluster stop").raise_error()
    assert capsys.readouterr().out == "Stopped: 2 executors x 1 core, 1g each, given back to Ray.\n"


def test_logs_and_scale(started, capsys):
    run(started, "%raydp_cluster logs 0 -n 7").raise_error()
    assert "logs of 0, 7 lines" in capsys.readouterr().out
    run(started, "%raydp_cluster scale 3").raise_error()


def test_sql_cell(started, capsys):
    run(started, "%%raydp_sql -o trips\nSELECT n, s FROM t;\n").raise_error()
    out = capsys.readouterr().out
    assert "showing the first 20 rows" in out
    assert started.user_ns["spark"].statements == ["SELECT n, s FROM t"]
    assert started.user_ns["trips"] is started.user_ns["_spark"]
    run(started, "total = _ray.count()").raise_error()
    assert started.user_ns["total"] == 30


def test_maxrows_quiet_and_line_magic(started, capsys):
    run(started, "%config RaydpMagics.maxrows = 2").raise_error()
    run(started, "%raydp_sql SELECT 'x'").raise_error()
    assert "showing the first 2 rows" in capsys.readouterr().out
    run(started, "%%raydp_sql -q\nSELECT 1").raise_error()
    assert capsys.readouterr().out == ""
    run(started, "%%raydp_sql\nCREATE VIEW v AS SELECT 1").raise_error()
    assert "done: the statement has no result" in capsys.readouterr().out


def test_conversions(started, capsys):
    run(started, "%%raydp_sql -o r --to ray\nSELECT 1").raise_error()
    assert started.user_ns["r"] is started.user_ns["_ray"]
    run(started, "%%raydp_sql -o r --to refs\nSELECT 1").raise_error()
    assert "r = 1 Ray object ref, an Arrow table" in capsys.readouterr().out
    assert run(started, "%%raydp_sql --to pandas\nSELECT 1").result == "a pandas DataFrame"
    error, _ = failed(started, "%%raydp_spark --to ray\n3", capsys)
    assert "of type int" in str(error)
    error, _ = failed(started, "%%raydp_spark -o x\ny = 3", capsys)
    assert "no value" in str(error)


def test_python_body(started, make_frame, capsys):
    assert run(started, "%%raydp_spark\nx = 40\nx + 2").result == 42
    assert run(started, "%%raydp_spark\nx + 2;  # quiet").result is None
    assert started.user_ns["x"] == 40
    started.user_ns["df"] = make_frame([("a", "int")], [("1",)])
    capsys.readouterr()
    result = run(started, "%%raydp_spark\n%time df")
    assert result.result is None
    assert "1 row" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = 1\ny = = 3", "Syntax error in line 3 of the cell, `y = = 3`"),
        ("\n\nx = (", "Syntax error in line 4 of the cell"),
        ("await x", "'await' outside function"),
        ("  a = 1\nb", "Syntax error"),
    ],
)
def test_syntax_error_is_one_line(started, capsys, body, said):
    error, lines = failed(started, f"%%raydp_spark\n{body}", capsys)
    assert isinstance(error, UsageError)
    assert said in lines[0]
    assert "Traceback" not in "\n".join(lines)


def test_a_users_exception_shows_only_the_users_frames(started, capsys):
    body = "\ndef divide(a):\n    return a / 0\n\ndivide(2)"
    error, lines = failed(started, f"%%raydp_spark\n{body}", capsys)
    assert isinstance(error, ZeroDivisionError)
    text = "\n".join(lines)
    assert "return a / 0" in text
    assert "line 4" in text
    assert "line 6" in text
    assert "raydp_magic" not in text
    assert "IPython" not in text


def test_a_spark_error_names_the_line(started, capsys):
    module = "pyspark.errors.exceptions.base"
    started.user_ns["Refused"] = type("AnalysisException", (Exception,), {"__module__": module})
    body = "a = 1\nraise Refused('[X] No such column. SQLSTATE: 42703; line 1 pos 7;\\nPlan')"
    error, lines = failed(started, f"%%raydp_spark\n{body}", capsys)
    assert isinstance(error, QueryError)
    assert lines == ["Cell line 3: No such column (line 1 of the statement, pos 7)"]


@pytest.mark.parametrize("magic", ["", "%%raydp_spark\n"])
def test_a_frame_of_an_earlier_spark_says_so_while_another_runs(started, capsys, magic):
    def count():
        raise type("Py4JNetworkError", (Exception,), {"__module__": "py4j.protocol"})

    started.user_ns["count"] = count
    started.set_custom_exc((Exception,), _show_short)
    _, lines = failed(started, f"{magic}count()", capsys)
    assert "belongs to a Spark that has ended; another one runs now" in lines[0]
    assert lines[1].startswith("Hint: make it again with `spark`")


def test_a_sql_error_counts_lines_as_the_cell_does(started, monkeypatch, capsys):
    module = "pyspark.errors.exceptions.base"
    refused = type("AnalysisException", (Exception,), {"__module__": module})
    text = "[X] No such column. SQLSTATE: 42703; line 2 pos 4;\nPlan"

    def refuse(_statement):
        raise refused(text)

    monkeypatch.setattr(started.user_ns["spark"], "sql", refuse)
    for code, where in (
        ("%%raydp_sql\nSELECT 1,\n    nope", "line 3 of the cell, pos 4"),
        ("%raydp_sql SELECT nope", "line 2 of the statement, pos 4"),
    ):
        _, lines = failed(started, code, capsys)
        assert lines == [f"No such column ({where})"]


def test_displaying_a_dataset_does_not_run_it(started, monkeypatch, capsys):
    class Dataset:
        name = None

        def schema(self, *, fetch_if_missing):
            return pytest.fail("it was run") if fetch_if_missing else None

        def _repr_mimebundle_(self, **_):
            pytest.fail("Ray's own display runs it")

    Dataset.__module__ = "ray.data.dataset"
    dataset = Dataset()
    entry = SimpleNamespace(name="trips")
    ledger = SimpleNamespace(
        entry_of=lambda value: entry if value is dataset else None, name_values=lambda _: None
    )
    monkeypatch.setitem(sys.modules, "raydp_magic.bridge.ledger", ledger)
    started.user_ns["trips"] = dataset
    run(started, "trips").raise_error()
    assert "Ray Dataset trips, rows not counted, columns not known" in capsys.readouterr().out


def test_autostart(kernel):
    run(kernel, "%config RaydpMagics.autostart = True").raise_error()
    run(kernel, "%%raydp_sql\nSELECT 1").raise_error()
    assert kernel.user_ns["spark"].statements == ["SELECT 1\n"]


def test_an_interrupted_cell_cancels_its_jobs(started, capsys):
    context = started.user_ns["spark"].sparkContext
    run(started, "tags = set(spark.sparkContext.tags)").raise_error()
    assert len(started.user_ns["tags"]) == 1
    assert context.tags == set()
    assert context.cancelled == []
    error, _ = failed(started, "import signal; signal.raise_signal(signal.SIGINT)", capsys)
    assert isinstance(error, KeyboardInterrupt)
    assert len(set(context.cancelled)) == 1  # at the signal, and what came after it at the end
    assert context.properties["restored"] == "properties"
    assert context.tags == set()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


HANGS = "def deep(n):\n    return deep(n - 1) if n else signal.raise_signal(signal.SIGINT)\n"


@pytest.mark.parametrize("magic", ["", "%%raydp_spark\n"])
@pytest.mark.parametrize("way", ["deep(1)", "call(deep, 1)"])
def test_an_interrupt_of_the_users_code_shows_where_it_was(started, capsys, magic, way):
    started.user_ns.update(signal=signal, call=library("pyspark.sql"))
    error, lines = failed(started, f"{magic}{HANGS}{way}", capsys)
    assert isinstance(error, KeyboardInterrupt)
    frames = [line for line in lines if "in " in line and "(" in line]
    assert "deep(n)" in frames[-1]
    assert any("raise_signal" in line for line in lines)
    assert not any("on_interrupt" in line for line in lines)
    assert lines[-1].startswith("KeyboardInterrupt")


@pytest.mark.parametrize("magic", ["", "%%raydp_spark\n"])
@pytest.mark.parametrize("name", ["pyspark.sql", "py4j.java_gateway", "ray", "raydp_magic.bridge"])
def test_an_interrupt_of_a_call_of_theirs_or_ours_is_one_line(started, capsys, magic, name):
    started.user_ns.update(signal=signal, call=library(name))
    _, lines = failed(started, f"{magic}\ncall(signal.raise_signal, signal.SIGINT)", capsys)
    assert len(lines) == 1
    assert lines[0].endswith("KeyboardInterrupt: stopped; what it had started is cancelled")


def library(name):
    """A function of a module, which calls what it is given."""
    module = {"__name__": name}
    exec("def call(function, *of):\n    return function(*of)", module)
    return module["call"]


def test_a_users_signal_handler_is_left_alone(started):
    def mine(*_):
        pass

    before = signal.signal(signal.SIGINT, mine)
    try:
        run(started, "import signal; handler = signal.getsignal(signal.SIGINT)").raise_error()
        assert started.user_ns["handler"] is mine
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_description_of_the_users_stays(started):
    context = started.user_ns["spark"].sparkContext
    context.setLocalProperty("spark.job.description", "mine")
    run(started, "1")
    assert context.getLocalProperty("spark.job.description") == "mine"


def test_unload_takes_everything_out(kernel):
    kernel.run_line_magic("unload_ext", "raydp_magic")
    assert kernel.find_magic("raydp_sql", "cell") is None
    assert not any(type(c).__name__ == "RaydpMagics" for c in kernel.configurables)
    assert kernel.Completer.custom_matchers == []
    for event in ("pre_run_cell", "post_run_cell"):
        assert not [f for f in kernel.events.callbacks[event] if "raydp" in repr(f)]
    assert not [f for f in kernel.input_transformers_cleanup if "raydp" in f.__module__]


def test_loading_twice_is_harmless(kernel):
    from raydp_magic import load_ipython_extension

    load_ipython_extension(kernel)
    load_ipython_extension(kernel)
    assert len(kernel.Completer.custom_matchers) == 1
    assert sum(type(c).__name__ == "RaydpMagics" for c in kernel.configurables) == 1
