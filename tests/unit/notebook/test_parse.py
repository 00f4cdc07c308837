"""Command lines: what is read, and the one line that a wrong one gets."""

from __future__ import annotations

import pytest

from raydp_magic.errors import UsageError
from raydp_magic.notebook import parse
from raydp_magic.notebook.command_parser import in_flags
from raydp_magic.notebook.grammar import BRIDGE_COMMANDS, CELLS, CLUSTER_COMMANDS


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("start", parse.Start()),
        ("start --executors 3 --cores=2", parse.Start(executors=3, cores=2)),
        ("start --memory 1.5g --no-wait", parse.Start(memory="1.5g", wait=False)),
        ("start --conf spark.a=1=2", parse.Start(conf=(("spark.a", "1=2"),))),
        ("start --name 'two words'", parse.Start(name="two words")),
        (
            "start --resource a=1 --resource b=.5 --gpus 0.5",
            parse.Start(resources=(("a", 1.0), ("b", 0.5)), gpus=0.5),
        ),
        ("status", parse.Status()),
        ("stop", parse.Stop()),
        ("scale 4", parse.Scale(4)),
        ("restart 1", parse.Restart("1")),
        ("remove 1", parse.Remove("1")),
        ("cancel 4", parse.Cancel(4)),
        ("fit --executors 3 --memory 2g", parse.Fit(3, 1, "2g")),
        ("fit --gpus 1 --resource a=2", parse.Fit(gpus=1.0, resources=(("a", 2.0),))),
        ("logs", parse.Logs()),
        ("logs driver -n 5", parse.Logs("driver", 5)),
        ("logs 0 --stream stdout", parse.Logs("0", stream="stdout")),
        ("panel", parse.Panel()),
    ],
)
def test_cluster_lines(line, command):
    assert parse.parse_cluster(line) == command


def test_start_arguments_are_those_of_start():
    arguments = parse.parse_cluster("start --conf spark.a=b").arguments()
    assert arguments["conf"] == {"spark.a": "b"}
    assert arguments["resources"] == {}
    assert arguments["wait"] is True


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("strat", "no subcommand 'strat'", "did you mean `%raydp_cluster start`?"),
        ("quux", "no subcommand 'quux'", "use one of start, status"),
        ("--executors 2", "begins with a subcommand", "use one of"),
        ("start --executers 4", "no flag --executers", "did you mean --executors?"),
        ("start --exec 4", "no flag --exec", "--executors"),
        ("start --zzz", "no flag --zzz", "-h` lists its flags"),
        ("start --executors 0", "--executors: a whole number of at least 1", "start -h"),
        ("start --executors -3", "not '-3'", "start -h"),
        ("start --executors two", "not 'two'", "start -h"),
        ("start --executors", "--executors: expected one argument", "start -h"),
        ("start --gpus nan", "a number of at least 0", "start -h"),
        ("start --conf x", "KEY=VALUE is needed, not 'x'", "start -h"),
        ("start --conf =1", "KEY=VALUE is needed", "start -h"),
        ("start --conf a=1 --conf a=2", "--conf a is given twice", "keep one"),
        ("start --name 'x", "quotation mark is not closed", "close it"),
        ("start 3", "'3' is one word too many", "start -h"),
        ("scale", "missing N", "scale -h"),
        ("logs -n 0", "--lines: a whole number", "logs -h"),
    ],
)
def test_wrong_cluster_lines(line, said, hint):
    with pytest.raises(UsageError) as caught:
        parse.parse_cluster(line)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", ["", *CLUSTER_COMMANDS])
def test_every_cluster_command_has_help(name, flag):
    command = parse.parse_cluster(f"{name} {flag}")
    assert isinstance(command, parse.Help)
    assert command.text.startswith(f"usage: %raydp_cluster {name}".rstrip())
    assert "examples:" in command.text


@pytest.mark.parametrize("name", BRIDGE_COMMANDS)
def test_every_bridge_command_has_help(name):
    assert isinstance(parse.parse_bridge(f"{name} -h"), parse.Help)


@pytest.mark.parametrize("magic", CELLS)
@pytest.mark.parametrize("body", [None, "", "SELECT 1"])
def test_cells_have_help(magic, body):
    assert isinstance(parse.parse_cell(magic, "-h", body), parse.Help)


def test_bridge_lines():
    assert parse.parse_bridge("") == parse.BridgeList()
    assert parse.parse_bridge("list") == parse.BridgeList()
    assert parse.parse_bridge("release trips") == parse.BridgeRelease("trips")


@pytest.mark.parametrize(
    ("magic", "line", "body", "cell"),
    [
        ("raydp_spark", "", "1\n", parse.Cell("1\n")),
        ("raydp_spark", "-c sql -q", "SELECT 1", parse.Cell("SELECT 1", "sql", quiet=True)),
        (
            "raydp_sql",
            "-o trips --to ray -n 5",
            "SELECT 1",
            parse.Cell("SELECT 1", "sql", output="trips", to="ray", maxrows=5),
        ),
        (
            "raydp_sql",
            "SELECT 'a  b' -- c",
            None,
            parse.Cell("SELECT 'a  b' -- c", "sql", first_line=None),
        ),
        (
            "raydp_sql",
            "-n 3 -o x SELECT 1",
            None,
            parse.Cell("SELECT 1", "sql", "x", 3, first_line=None),
        ),
        (
            "raydp_sql",
            "-- a comment\n1",
            None,
            parse.Cell("-- a comment\n1", "sql", first_line=None),
        ),
    ],
)
def test_cells(magic, line, body, cell):
    assert parse.parse_cell(magic, line, body) == cell


@pytest.mark.parametrize(
    ("magic", "line", "body", "said"),
    [
        ("raydp_spark", "", " \n", "%%raydp_spark has nothing to run"),
        ("raydp_sql", "-n 5", None, "%raydp_sql has nothing to run"),
        ("raydp_sql", "SELECT 1", "x", "'SELECT' is one word too many"),
        ("raydp_sql", "-c sql", "x", "no flag -c"),
        ("raydp_spark", "-c scala", "x", "--context: invalid choice: 'scala'"),
        ("raydp_spark", "-o class", "x", "a Python keyword"),
        ("raydp_spark", "-o 1x", "x", "not a Python name"),
        ("raydp_spark", "-n -1", "x", "--maxrows: a whole number of at least 0"),
        ("raydp_spark", "--to csv", "x", "--to: invalid choice"),
        ("raydp_spark", "-o 'x", "x", "quotation mark"),
        ("raydp_spark", "-o spark", "x", "--output spark would take the session's name"),
        ("raydp_spark", "-c", None, "%raydp_spark: --context: expected one argument"),
    ],
)
def test_wrong_cells(magic, line, body, said):
    with pytest.raises(UsageError) as caught:
        parse.parse_cell(magic, line, body)
    assert said in caught.value.message
    assert caught.value.hint
    if body is None:  # a line magic is named as it was typed
        assert "%%" not in str(caught.value)


@pytest.mark.parametrize("flag", ["--memory", "--memory-overhead", "--driver-memory"])
@pytest.mark.parametrize("amount", ["1024", "12zebras", "''"])
def test_an_amount_of_memory_names_its_flag_and_its_form(flag, amount):
    with pytest.raises(UsageError) as caught:
        parse.parse_cluster(f"start {flag} {amount}")
    assert f"{flag}: an amount such as 512m, 1g or 1.5g is needed" in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeout=0: more than 0 seconds", "--timeout 0: more than 0 seconds"),
        ("try timeout=120.", "try --timeout 120."),
        ("min_nodes beside max_nodes=-1, which", "--min-nodes beside --max-nodes -1, which"),
        ("name='it', a name of 4 cores", "--name it, a name of 4 cores"),
        ("use cores= and name=.", "use --cores and --name."),
        ("use head_gpus= for those", "use head_gpus= for those"),
    ],
)
def test_arguments_are_spelt_as_flags(text, said):
    names = ("timeout", "min_nodes", "max_nodes", "name", "cores")
    assert in_flags(text, names) == said


def test_no_memory_beside_the_heap_is_an_amount():
    assert parse.parse_cluster("start --memory-overhead 0m").memory_overhead == "0m"
