"""Links that a browser opens through jupyter-server-proxy, as under JupyterHub."""

CELLS = [
    "import os; os.environ['JUPYTERHUB_SERVICE_PREFIX'] = '/user/ann/'\n%load_ext raydp_magic",
    "%raydp_cluster start --executors 1 --memory 512m",
    "spark.range(10).count()",
    "%raydp_cluster panel",
    "import sys\n!{sys.prefix}/bin/ray get-auth-token",
]


def test_proxied_pages_load(open_notebook, lab):
    book = open_notebook(CELLS, name="proxied")
    for number in range(len(CELLS)):
        book.run(number)
        book.wait_done(number)
    links = book.cell(3).locator(".raydp-footer a")
    links.first.wait_for(timeout=30_000)

    with book.page.expect_popup() as opened:
        links.get_by_text("Spark UI").click()
    spark = opened.value
    assert spark.url.startswith(f"{lab[0]}/proxy/")
    spark.get_by_text("Completed Jobs").first.wait_for()
    spark.get_by_role("link", name="Executors", exact=True).click()
    rows = spark.locator("#active-executors-table tbody tr")
    rows.nth(1).wait_for(timeout=30_000)  # the driver and one executor
    assert spark.url.startswith(f"{lab[0]}/proxy/")
    assert rows.count() == 2
    book.picture("spark-executors-proxied", spark)
    spark.get_by_role("link", name="Stages", exact=True).click()
    spark.get_by_text("Completed Stages").first.wait_for()
    spark.close()

    with book.page.expect_popup() as opened:
        links.get_by_text("Ray dashboard").click()
    ray = opened.value
    assert ray.url.startswith(f"{lab[0]}/proxy/")
    ray.get_by_role("textbox").fill(
        book.cell(4).locator(".jp-OutputArea-output").inner_text().strip()
    )
    ray.get_by_role("button", name="Submit").click()
    book.picture("ray-dashboard-token", ray)
    ray.get_by_role("link", name="Cluster", exact=True).click()
    ray.get_by_text("ALIVE").first.wait_for(timeout=60_000)
    assert ray.url.startswith(f"{lab[0]}/proxy/")
    book.picture("ray-dashboard-proxied", ray)
    ray.close()
