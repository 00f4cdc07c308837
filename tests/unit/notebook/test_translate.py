"""Spark's errors in our words; the texts are what Spark 4.3 and 3.5 say."""

from __future__ import annotations

import pytest

from raydp_magic.engine.translate import refused_start, translate
from raydp_magic.errors import BridgeError, ClusterError, NotRunningError, QueryError
from raydp_magic.notebook.failure import came_of_interrupt


def spark_error(
    text, kind="AnalysisException", condition=None, module="pyspark.errors.exceptions.base"
):
    made = type(kind, (Exception,), {"__module__": module, "getCondition": lambda _: condition})
    return made(text)


def test_an_earlier_spark_is_told_from_the_one_that_runs():
    gone = spark_error("Answer from Java side is empty", "Py4JNetworkError", module="py4j.protocol")
    assert "%raydp_cluster start" in str(translate(gone))
    ours = translate(gone, one_runs=True)
    assert ours.message == "This belongs to a Spark that has ended; another one runs now"
    assert "start" not in ours.hint


def test_a_stopped_context_is_an_ended_spark():
    """As PySpark's `collect()` and `schema` meet it; a person's own None is not one."""
    context = None
    with pytest.raises(AttributeError) as told:
        context.setCallSite("here")
    assert "has ended" in translate(told.value).message
    with pytest.raises(AttributeError) as theirs:
        context.count()
    assert translate(theirs.value) is None
    refused = {"__name__": "py4j.java_gateway", "error": ConnectionRefusedError(111, "refused")}
    with pytest.raises(ConnectionError) as told:
        exec("raise error", refused)
    unreadable = spark_error("[CANNOT_PARSE_DATATYPE] refused", "PySparkValueError")
    assert translate(unreadable) is None
    unreadable.__context__ = told.value
    assert "has ended" in translate(unreadable).message


@pytest.mark.parametrize(
    ("text", "condition", "message", "hint"),
    [
        (
            (
                "\n[PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC'. SQLSTATE: 42601 "
                "(line 1, pos 0)\n\n== SQL ==\nSELEC 1\n^^^\n"
            ),
            "PARSE_SYNTAX_ERROR",
            "Syntax error at or near 'SELEC' (line 1 of the statement, pos 0)",
            "Spark stopped reading at `SELEC 1`.",
        ),
        (
            (
                "\n[PARSE_SYNTAX_ERROR] Syntax error at or near end of input.(line 1, pos 10)\n\n"
                "== SQL ==\nSELECT 1 +\n----------^^^\n"
            ),
            "PARSE_SYNTAX_ERROR",
            "Syntax error at or near end of input (line 1 of the statement, pos 10)",
            "Spark stopped reading at `SELECT 1 +`.",
        ),
        (
            (
                "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter "
                "with "
                "name `carrer` cannot be resolved. Did you mean one of the following? [`carrier`, "
                "`year`]. SQLSTATE: 42703; line 1 pos 7;\n'Project ['carrer]\n"
            ),
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            (
                "A column, variable, or function parameter with name `carrer` cannot be resolved "
                "(line 1 of the statement, pos 7)"
            ),
            "did you mean `carrier`, `year`?",
        ),
        (
            (
                "[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found. Verify the "
                "spelling and correctness of the schema and catalog.\nSearch path: [x].; "
                "line 1 pos 14;"
            ),
            "TABLE_OR_VIEW_NOT_FOUND",
            "The table or view `a`.`b` cannot be found (line 1 of the statement, pos 14)",
            "`SHOW TABLES` lists what there is; df.createOrReplaceTempView('name') makes one.",
        ),
        (
            (
                "[MISSING_GROUP_BY] The query does not include a GROUP BY clause. Add GROUP BY or "
                "turn "
                "it into the window functions using OVER clauses. SQLSTATE: 42803; line 1 pos 0;\n"
                "Plan"
            ),
            "MISSING_GROUP_BY",
            "The query does not include a GROUP BY clause (line 1 of the statement, pos 0)",
            "Add GROUP BY or turn it into the window functions using OVER clauses.",
        ),
        (
            "[PATH_NOT_FOUND] Path does not exist: file:/nope.txt. SQLSTATE: 42K03",
            "PATH_NOT_FOUND",
            "Path does not exist: file:/nope.txt",
            None,
        ),
    ],
)
def test_statement_errors(text, condition, message, hint):
    ours = translate(spark_error(text, condition=condition))
    assert isinstance(ours, QueryError)
    assert ours.message == message
    assert ours.hint == hint


UNFINISHED = (
    "\n[PARSE_SYNTAX_ERROR] Syntax error at or near end of input. SQLSTATE: 42601 (line 4, pos 0)"
    "\n\n== SQL ==\nSELECT *\nFROM range(3)\nWHERE (id > 1\n^^^\n"
)


@pytest.mark.parametrize(
    ("sql_line", "where"),
    [(None, "(line 3 of the statement, pos 13)"), (2, "(line 4 of the cell, pos 13)")],
)
def test_an_unfinished_statement_ends_in_its_last_line(sql_line, where):
    error = spark_error(UNFINISHED, "ParseException", "PARSE_SYNTAX_ERROR")
    ours = translate(error, sql_line=sql_line)
    assert ours.message == f"Syntax error at or near end of input {where}"
    assert ours.hint == "Spark stopped reading at `WHERE (id > 1`."


def test_a_line_inside_a_statement_is_counted_from_the_cells_first():
    text = "[X] No such column. SQLSTATE: 42703; line 2 pos 2;\nPlan"
    assert translate(spark_error(text), sql_line=2).message == (
        "No such column (line 3 of the cell, pos 2)"
    )


STACK = (
    "\n\tat java.base/java.lang.Class.forName(Class.java:467)"
    "\n\tat py4j.ClientServerConnection.run(ClientServerConnection.java:108)\n"
)


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            ": java.lang.ClassNotFoundException: no.such.Cls",
            "there is no class no.such.Cls",
            "extraClassPath",
        ),
        (
            ": java.lang.IllegalArgumentException: spark.executor.id should be an int",
            "spark.executor.id should be an int",
            "--conf",
        ),
    ],
)
def test_a_refused_start_is_told_without_javas_stack(said, message, hint):
    text = f"An error occurred while calling JavaSparkContext.\n{said}{STACK}"
    ours = refused_start(text, ["spark.x"])
    assert ours.message == f"Spark's driver refused to start: {message}"
    assert hint in ours.hint
    assert "py4j" not in str(ours)
    assert len(str(ours).splitlines()) == 2


def test_a_master_that_does_not_answer():
    text = ": java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.\nThis"
    ours = refused_start(text + STACK)
    assert ours.message.startswith("Spark's master did not answer")
    assert "--master" in ours.hint


def test_a_dead_driver():
    error = spark_error(
        "Answer from Java side is empty", "Py4JNetworkError", module="py4j.protocol"
    )
    ours = translate(error)
    assert isinstance(ours, ClusterError)
    assert "%raydp_cluster start" in ours.hint


def test_a_python_function_that_failed_on_an_executor():
    text = (
        "An exception was thrown from the Python worker:\nTraceback (most recent call last):\n"
        '  File "/x/pyspark.zip/pyspark/worker.py", line 4327, in invoke_udf\n    run_process()\n'
        '  File "/tmp/ipykernel_12/34.py", line 4, in g\n    return 1 // 0\n'
        "ZeroDivisionError: integer division or modulo by zero\n"
    )
    ours = translate(spark_error(text, "PythonException"))
    assert ours.message.endswith("executor: ZeroDivisionError: integer division or modulo by zero")
    assert ours.hint == "raised in line 4 of its cell, in g."


def test_our_own_half_of_a_spark_task_is_told_in_its_own_words():
    frames = 'Traceback (most recent call last):\n  File "handoff.py", line 87, in ask\n'
    text = f"{frames}RuntimeError: raydp_magic: its blocks were released\n{STACK}"
    ours = translate(spark_error(text, "PythonException"))
    assert isinstance(ours, BridgeError)
    assert (ours.message, ours.hint) == ("its blocks were released", None)


def test_a_function_that_failed_in_ray_is_told_with_its_place():
    text = (
        'Traceback (most recent call last):\n  File "handoff.py", line 87, in ask\n'
        "RuntimeError: raydp_magic: the function of map_batches failed: ValueError: no: good\n"
        '  File "/home/me/model.py", line 12, in predict\n    raise ValueError("no: good")\n'
    )
    ours = translate(spark_error(text, "PythonException"))
    assert ours.message == "the function of map_batches failed: ValueError: no: good"
    assert ours.hint == "raised in line 12 of /home/me/model.py, in predict."


def test_a_hint_from_ray_is_the_hint():
    text = (
        'Traceback (most recent call last):\n  File "handoff.py", line 87, in ask\n'
        "RuntimeError: raydp_magic: the function of map_batches failed: column 'x'\nHint: do.\n"
    )
    ours = translate(spark_error(text, "PythonException"))
    assert ours.message == "the function of map_batches failed: column 'x'"
    assert ours.hint == "do."


def test_others_keep_their_own_words():
    assert translate(ValueError("x")) is None
    assert translate(ConnectionRefusedError("not Spark's")) is None
    ours = NotRunningError()
    assert translate(ours) is ours


def test_what_a_clean_up_meets_after_an_interrupt_came_of_it():
    def clean_up():
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("the job was cancelled")

    with pytest.raises(ValueError, match="cancelled") as raised:
        clean_up()
    assert came_of_interrupt(raised.value)
    assert came_of_interrupt(KeyboardInterrupt())
    assert not came_of_interrupt(ValueError())
