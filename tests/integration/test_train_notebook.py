"""Training in a notebook: the curve under the cell, and the stop button."""

import re

import pytest
from kernel import kernel
from machine import wait_until

SET_UP = """
%load_ext raydp_magic
import logging, signal, ray, torch
ray.init(num_cpus=3, address='local', logging_level='ERROR')
from raydp_magic.train import TorchEstimator
rows = ray.data.from_items([{'x': n / 100, 'y': n / 50} for n in range(100)])
def slowly(seconds):
    def error(outputs, labels):
        import time
        time.sleep(seconds)
        return 0.0
    return error
def estimator(epochs, seconds, **more):
    return TorchEstimator(
        model=lambda config: torch.nn.Linear(1, 1),
        optimizer=lambda model, config: torch.optim.SGD(model.parameters(), lr=0.1),
        loss=torch.nn.MSELoss(), feature_columns=['x'], label_column='y',
        batch_size=50, num_epochs=epochs, metrics=[slowly(seconds)], **more)
"""


@pytest.fixture(scope="module")
def k():
    with kernel() as running:
        running.run(SET_UP)
        yield running


def training(cell):
    return [data for data in cell.displays if "TorchEstimator: " in data.get("text/plain", "")]


def test_losses_and_a_curve_under_the_cell_and_nothing_else(k):
    cell = k.run("fitted = estimator(3, 0.5, num_workers=2).fit(rows, rows)")
    shown = training(cell)
    assert any("epoch 2/3, train_loss" in data["text/plain"] for data in shown)
    assert 'role="progressbar"' in shown[0]["text/html"]
    last = shown[-1]
    assert re.match(
        r"TorchEstimator: 3 epochs, train_loss [\d.e-]+, train_error 0, eval_loss .*, 2 workers, ",
        last["text/plain"],
    )
    assert "data:image/svg+xml;base64," in last["text/html"]
    assert "progressbar" not in last["text/html"]
    assert cell.text == ""


def test_an_error_of_the_model_is_one_line(k):
    cell = k.fail(
        "TorchEstimator(model=lambda config: torch.nn.Linear(7, 1), loss=torch.nn.MSELoss(),"
        " optimizer=lambda model, config: torch.optim.SGD(model.parameters(), lr=0.1),"
        " feature_columns=['x'], label_column='y').fit(rows, max_retries=0)"
    )
    assert cell.error["evalue"].startswith(
        "Training failed in worker 0: RuntimeError: mat1 and mat2"
    )
    assert len(cell.error["traceback"]) == 2
    assert "failed" in training(cell)[-1]["text/plain"]
    assert cell.text == ""


def test_the_stop_button_ends_the_workers_and_the_next_fit_works(k):
    k.run("before = signal.getsignal(signal.SIGINT)")
    k.run("kept = estimator(1000, 1)")
    cell = k.send("kept.fit(rows)")
    wait_for_epochs(k, cell)
    k.manager.interrupt_kernel()
    stopped = k.result(cell, 60)
    assert stopped.error["ename"] == "KeyboardInterrupt"
    last = training(stopped)[-1]["text/plain"]
    epochs = int(re.search(r", the model of epoch (\d+) is kept$", last)[1])
    assert f"TorchEstimator: {epochs} epoch" in last
    assert "stopped" in last
    assert (
        f"({epochs}, {epochs})"
        in k.run("print((len(kept.history), kept.history[-1]['epoch']))").text
    )
    assert "True" in k.run("print(kept.evaluate(rows)['loss'] >= 0)").text
    free = "print(ray.available_resources().get('CPU'))"
    wait_until(lambda: "3.0" in k.run(free).text, 30, "the workers are gone")
    assert "True" in k.run("print(signal.getsignal(signal.SIGINT) == before)").text
    k.run("estimator(1, 0).fit(rows)")


def wait_for_epochs(k, cell):
    while True:
        message = k.client.get_iopub_msg(timeout=60)
        mine = message["parent_header"].get("msg_id") == cell
        if mine and "train_loss" in str(message["content"]):
            return
