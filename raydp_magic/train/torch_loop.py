"""What each worker of a `TorchEstimator` runs."""

from __future__ import annotations

import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp_magic.train import shares
from raydp_magic.train.columns import check_whole, labels
from raydp_magic.train.told import Teller
from raydp_magic.train.torch_parts import (
    OUTPUT,
    check_scheduler,
    inputs_of,
    make_loss,
    make_model,
    make_optimizer,
    needs_loss,
    numpy_name,
    tensor,
)
from raydp_magic.train.torch_scores import Sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

_TRAINING = "training.pt"


def train_loop(parts: dict[str, Any]) -> None:
    """Train; started by Ray Train in each worker, and anew after a failure.

    Parameters
    ----------
    parts : dict
        See :meth:`TorchEstimator._parts`.
    """
    import ray.train
    from ray.train.torch import get_device, prepare_model

    config = parts["config"]
    model = make_model(parts["model"], config)
    device = get_device()
    model.to(device)  # before the optimizer: it must see the tensors that are trained
    optimizer = make_optimizer(parts["optimizer"], model, config)
    scheduler = parts["scheduler"](optimizer, config) if parts["scheduler"] else None
    check_scheduler(scheduler, parts["step"])
    training = _Training(parts, model, optimizer, scheduler, device)
    first = training.resume(ray.train.get_checkpoint())
    training.wrapped = prepare_model(model)
    for epoch in range(first, config["num_epochs"] + 1):
        point = {"epoch": epoch} | training.train(epoch)
        point |= training.evaluate()
        training.end_epoch(point)
        training.report(point, epoch)


class _Training:
    def __init__(
        self,
        parts: dict[str, Any],
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: Any,
        device: torch.device,
    ) -> None:
        import ray.train

        self._parts = parts
        self._config = parts["config"]
        self._model = model
        self.wrapped = model
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._device = device
        self._rank = ray.train.get_context().get_world_rank()
        loss = make_loss(parts["loss"], self._config)
        if hasattr(loss, "to"):  # a module: it may hold weights of classes
            loss.to(device)
        self._sums = Sums(
            loss,
            parts["metrics"],
            parts["metrics_config"],
            device,
        )
        self._rows = shares.share("train")
        self._rows_to_evaluate = shares.share("evaluate")
        self._output: dict[str, Any] = {}

    def train(self, epoch: int) -> dict[str, float]:
        """One pass over this worker's rows; gives loss and metrics of all workers."""
        import torch

        torch.manual_seed(self._config["seed"] + 1009 * epoch + 9176 * self._rank)
        teller = Teller(self._parts["folder"] if self._rank == 0 else None, self._parts["rows"])
        self.wrapped.train()
        self._sums.reset()
        for inputs, wanted in self._batches(self._rows, epoch):
            outputs = self.wrapped(*inputs)
            loss = self._sums.add(outputs, wanted)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own has no types
            self._optimizer.step()
            if self._scheduler is not None and self._parts["step"] == "batch":
                self._scheduler.step()
            self._note_output(outputs)
            teller.tell(epoch, self._sums.rows)
        return self._sums.result("train_")

    def evaluate(self) -> dict[str, float]:
        """Loss and metrics of all workers' rows to evaluate on; empty without any."""
        import torch

        self._share_buffers()
        if self._rows_to_evaluate is None:
            return {}
        self._model.eval()
        self._sums.reset()
        with torch.inference_mode():
            for inputs, wanted in self._batches(self._rows_to_evaluate, None):
                self._sums.add(self._model(*inputs), wanted)
        return self._sums.result("eval_")

    def end_epoch(self, point: dict[str, float]) -> None:
        """Step a scheduler of epochs; the point has the numbers of all workers, so all do alike."""
        if self._scheduler is not None and self._parts["step"] == "epoch":
            loss = point.get("eval_loss", point["train_loss"])
            self._scheduler.step(*([loss] if needs_loss(self._scheduler) else []))

    def report(self, point: dict[str, float], epoch: int) -> None:
        """Tell Ray Train; the first worker adds a checkpoint."""
        import ray.train

        with tempfile.TemporaryDirectory() if self._rank == 0 else nullcontext() as folder:
            checkpoint = None
            if folder is not None:
                self._write(Path(folder), epoch)
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(point, checkpoint=checkpoint)

    def resume(self, checkpoint: Any) -> int:
        """Take up a checkpoint, if there is one; gives the epoch to begin with, from 1."""
        import torch

        if checkpoint is None:
            return 1
        with checkpoint.as_directory() as folder:
            weights = Path(folder) / "model.pt"
            self._model.load_state_dict(torch.load(weights, self._device, weights_only=True))
            # Written by `_write` in this run; schedulers may hold more than tensors.
            state = torch.load(Path(folder) / _TRAINING, self._device, weights_only=False)
            self._output = json.loads((Path(folder) / OUTPUT).read_text())
        self._optimizer.load_state_dict(state["optimizer"])
        if self._scheduler is not None:
            self._scheduler.load_state_dict(state["scheduler"])
        return int(state["epoch"]) + 1

    def _write(self, folder: Path, epoch: int) -> None:
        import torch

        scheduler = None if self._scheduler is None else self._scheduler.state_dict()
        state = {"optimizer": self._optimizer.state_dict(), "scheduler": scheduler, "epoch": epoch}
        torch.save(self._model.state_dict(), folder / "model.pt")
        torch.save(state, folder / _TRAINING)
        (folder / OUTPUT).write_text(json.dumps(self._output))

    def _batches(
        self, rows: Any, epoch: int | None
    ) -> Iterator[tuple[list[torch.Tensor], torch.Tensor]]:
        """Inputs and labels; an epoch's number stands for training, in an order of its own."""
        parts, kind = self._parts, self._parts["label_type"]
        shuffled = epoch is not None and parts["shuffle_buffer"] is not None
        seed = self._config["seed"] + (epoch or 0)
        for batch in rows.iter_batches(
            batch_size=self._config["batch_size"],
            batch_format="numpy",
            drop_last=self._config["drop_last"] and epoch is not None,
            local_shuffle_buffer_size=parts["shuffle_buffer"] if shuffled else None,
            local_shuffle_seed=seed if shuffled else None,
        ):
            check_whole(batch, parts["whole"])
            wanted = labels(batch, parts["label"], numpy_name(kind))
            inputs = inputs_of(batch, parts["features"], self._device)
            yield inputs, tensor(wanted, kind, self._device)

    def _share_buffers(self) -> None:
        """Have the first worker's buffers (such as running means), as its checkpoint has."""
        import torch.distributed as dist

        if dist.is_initialized() and dist.get_world_size() > 1:
            for buffer in self._model.buffers():
                dist.broadcast(buffer, 0)

    def _note_output(self, outputs: Any) -> None:
        if not self._output:
            kind = str(outputs.dtype).removeprefix("torch.")
            kind = numpy_name(kind)
            self._output = {"shape": list(outputs.shape[1:]), "type": kind}
