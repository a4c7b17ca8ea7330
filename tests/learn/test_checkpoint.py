"""A training that was stopped goes on where it was; the last layer may learn first."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from nets import tiny
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, TrainingStopped
from hitl_widgets.learn.checkpoint import Checkpoint, Schedule, one_cycle, parameter_groups
from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.rationales import Rationales
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.learn.weights import weights_version


class Stop(Exception):
    """Stands for whatever ends a process."""


def stopping_after(epoch):
    def progress(row):
        if row["epoch"] == epoch:
            raise Stop
    return progress


def rationales(n=6):
    wrong = torch.zeros(n, 8, 8, dtype=torch.bool)
    wrong[:, :2, :2] = True
    return Rationales(np.arange(n), wrong, torch.zeros_like(wrong), {})


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("options", "marked"), [({}, None), ({}, rationales()), ({"backbone_lr_scale": 0.3}, None),
                                                 ({"patience": 1}, None)],
                         ids=["plain", "rationales", "head first", "early"])
@pytest.mark.parametrize("stopped_after", [1, 3])
def test_a_training_that_was_stopped_ends_with_the_weights_it_would_have_had(digits, tmp_path, options, marked,
                                                                             stopped_after):
    data = TrainingData(digits[0][:90], digits[1][:90], rationales=marked)
    options = TrainingOptions(epochs=4, augment=random_affine, seed=2, **options)
    whole = train(tiny(), data, options, device="cpu")  # tiny has dropout and BatchNorm
    checkpoint = Checkpoint(tmp_path / "at" / "a.safetensors", fingerprint="a")
    try:
        train(tiny(), data, options, checkpoint=checkpoint, progress=stopping_after(stopped_after), device="cpu")
    except Stop:
        assert checkpoint.n_epochs == stopped_after
    torch.manual_seed(99)
    rows = []
    again = train(tiny(), data, options, checkpoint=checkpoint, progress=rows.append, device="cpu")
    assert weights_version(again.net) == weights_version(whole.net)
    assert (again.stopped_because, again.best_epoch) == (whole.stopped_because, whole.best_epoch)
    pd.testing.assert_frame_equal(again.history.drop(columns="elapsed_s"), whole.history.drop(columns="elapsed_s"))
    assert rows == again.history.to_dict("records")  # the curve shows the epochs before the stop too


def test_a_training_that_was_done_is_not_done_again(digits, tmp_path):
    checkpoint = Checkpoint(tmp_path / "a.safetensors", fingerprint="a")
    done = train(tiny(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=2),
                 checkpoint=checkpoint, device="cpu")

    def never(images, generator):
        raise AssertionError("another batch was drawn")
    again = train(tiny(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=2, augment=never),
                  checkpoint=checkpoint, device="cpu")
    assert weights_version(again.net) == weights_version(done.net)


def test_the_time_before_a_stop_counts_in_the_budget(digits, tmp_path, monkeypatch):
    # A clock that moves by a tenth of a second whenever it is read, so that both trainings take their time alike.
    clock = SimpleNamespace(monotonic=itertools.count(0, 0.1).__next__)
    monkeypatch.setattr("hitl_widgets.learn.checkpoint.time", clock)
    data, options = TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=100_000, budget_s=30)
    checkpoint = Checkpoint(tmp_path / "a.safetensors", fingerprint="a")
    first = train(tiny(), data, options, checkpoint=checkpoint, device="cpu")
    again = train(tiny(), data, options, checkpoint=checkpoint, device="cpu")
    assert first.stopped_because == again.stopped_because == "budget"
    assert len(first.history) > 3
    assert len(first.history) <= len(again.history) <= len(first.history) + 1


@pytest.mark.parametrize("spoil", ["of another training", "cut off", "empty", "no tensors"])
def test_a_file_that_cannot_be_gone_on_with_costs_time_only(digits, tmp_path, spoil):
    path = tmp_path / "a.safetensors"
    images, targets = (part[:60] for part in digits)
    with pytest.raises(Stop):
        train(tiny(), TrainingData(images, targets), checkpoint=Checkpoint(path, fingerprint="b"),
              progress=stopping_after(1), device="cpu")
    if spoil != "of another training":
        path.write_bytes({"cut off": path.read_bytes()[:-9], "empty": b"", "no tensors": b"\x80\x04N."}[spoil])
    checkpoint = Checkpoint(path, fingerprint="a" if spoil == "of another training" else "b")
    assert checkpoint.n_epochs == 0
    trained = train(tiny(), TrainingData(images, targets), TrainingOptions(epochs=1), checkpoint=checkpoint,
                    device="cpu")
    assert weights_version(trained.net) == weights_version(train(tiny(), TrainingData(images, targets),
                                                                 TrainingOptions(epochs=1), device="cpu").net)
    assert checkpoint.n_epochs == 1


def test_a_disk_that_takes_no_checkpoint_does_not_stop_the_training(digits, tmp_path):
    (tmp_path / "at").write_text("a file where a folder should be")
    trained = train(tiny(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=1), device="cpu",
                    checkpoint=Checkpoint(tmp_path / "at" / "a.safetensors", fingerprint="a"))
    assert trained.stopped_because == "done"


def test_weights_that_are_shared_go_into_a_checkpoint(digits, tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Linear(64, 3))
    net[3].weight = net[1].weight
    checkpoint = Checkpoint(tmp_path / "a.safetensors", fingerprint="a")
    train(net, TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=1), checkpoint=checkpoint,
          device="cpu")
    assert checkpoint.n_epochs == 1


# -- in a project: a process is killed in the middle ---------------------------------------------------------------

KILLED = """
import os, signal, sys
import numpy as np, torch
sys.path.insert(0, sys.argv[2])
import hitl_widgets as hw
from test_checkpoint import project
from hitl_widgets.widgets.live import Live
call = Live.__call__
def progress(self, row):
    call(self, row)
    if row["epoch"] == 3:  # the first epoch was saved, and then a minute hasn't passed
        os.kill(os.getpid(), signal.SIGKILL)
Live.__call__ = progress
project(sys.argv[1]).finetune(epochs=6, adopt="always")
"""


def project(folder):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 60)
    images = (rng.normal(0, 30, (60, 8, 8)) + np.array([90, 160])[kinds][:, None, None]).clip(0, 255).astype(np.uint8)
    torch.manual_seed(0)
    wb = hw.Workbench(folder, hw.Pool.from_images(images), ["dark", "light"], annotator="ada", device="cpu",
                      model=nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.3), nn.Linear(8, 2)))
    if not len(wb.annotations()):
        for item_id, kind in zip(wb.pool.ids, kinds, strict=True):
            wb.decide(item_id, label=["dark", "light"][kind])
    return wb


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed otherwise here")
def test_a_fine_tuning_whose_process_was_killed_goes_on_to_the_same_model(tmp_path, capsys):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "p"), str(Path(__file__).parent)],
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True,
                           check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    [kept] = (tmp_path / "p" / "training").iterdir()
    assert kept.suffix == ".safetensors"
    killed = project(tmp_path / "p")
    assert killed.models()["origin"].tolist() == ["given"]  # nothing was adopted, no answer is gone
    assert len(killed.annotations()) == 60
    run = killed.finetune(epochs=6, adopt="always")
    assert "stopped after epoch 1; it goes on from there" in capsys.readouterr().out
    assert not list((tmp_path / "p" / "training").iterdir())
    whole = project(tmp_path / "q").finetune(epochs=6, adopt="always")
    assert run.model == whole.model
    assert run.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]


def test_after_an_interrupt_the_same_call_goes_on_and_another_begins_anew(tmp_path, capsys, monkeypatch):
    from hitl_widgets.widgets.live import Live
    wb = project(tmp_path / "p")

    def interrupt(self, row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(Live, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            wb.finetune(epochs=3)
    assert "The same call goes on" in capsys.readouterr().out
    wb.finetune(epochs=3, seed=8)
    assert "goes on from there" not in capsys.readouterr().out
    assert not list((tmp_path / "p" / "training").iterdir())  # what was stopped is given up


def test_weights_that_led_to_a_loss_that_is_no_number_are_not_gone_on_with(tmp_path, monkeypatch):
    from hitl_widgets.learn import losses
    wb, item_losses = project(tmp_path / "p"), losses.item_losses
    there = []

    def diverging(logits, targets):
        there.extend((tmp_path / "p" / "training").glob("*"))
        return item_losses(logits, targets) * (float("nan") if there else 1)
    monkeypatch.setattr(losses, "item_losses", diverging)  # of which `mean_loss` takes the mean
    with pytest.raises(TrainingStopped, match="at step 33 "):
        wb.finetune(epochs=3, min_steps=96)
    assert there
    assert not list((tmp_path / "p" / "training").iterdir())


# -- the last layer first ------------------------------------------------------------------------------------------

def test_the_head_learns_alone_at_first_and_then_the_body_more_slowly():
    schedule = Schedule(100)
    rates = []
    for schedule.step in (0, 10, 19, 20, 50, 99):
        rates.append((schedule.lr(), schedule.lr(0.25)))
    assert [body for _, body in rates[:3]] == [0, 0, 0]
    assert [body for _, body in rates[3:]] == pytest.approx([head / 4 for head, _ in rates[3:]])
    assert [head for head, _ in rates] == pytest.approx([one_cycle(step / 100) for step in (0, 10, 19, 20, 50, 99)])


def test_weights_are_grouped_by_how_fast_they_learn():
    net = tiny()
    [head, body] = parameter_groups(net, backbone_lr_scale=0.1)
    assert [(weight.shape, head["lr_scale"]) for weight in head["params"]] == [((3, 512), 1.0), ((3,), 1.0)]
    assert (len(body["params"]), body["lr_scale"]) == (4, 0.1)
    [whole] = parameter_groups(net)
    assert (len(whole["params"]), whole["lr_scale"]) == (6, 1.0)
    net[-1].requires_grad_(False)
    [rest] = parameter_groups(net, backbone_lr_scale=0.1)
    assert (len(rest["params"]), rest["lr_scale"]) == (4, 0.1)


def test_a_net_whose_last_layer_is_not_found_learns_all_at_one_rate():
    [whole] = parameter_groups(nn.Sequential(nn.Conv2d(1, 3, 8), nn.Flatten()), backbone_lr_scale=0.1)
    assert whole["lr_scale"] == 1.0


def test_a_fine_tuning_takes_the_backbones_rate_and_says_which_it_can_take(tmp_path):
    wb = project(tmp_path / "p")
    slow, usual = (wb.finetune(epochs=2, adopt="never", **more).net for more in ({"backbone_lr_scale": 1e-6}, {}))
    start = wb.inference.predictor.net
    assert torch.allclose(slow[1].weight, start[1].weight, atol=1e-5)
    assert not torch.allclose(slow[3].weight, start[3].weight, atol=1e-3)
    assert not torch.allclose(usual[1].weight, start[1].weight, atol=1e-3)
    for scale in (0, 1.5, "slow", True):
        with pytest.raises(BadInput, match="backbone_lr_scale is"):
            wb.finetune(backbone_lr_scale=scale)


def test_while_the_head_learns_alone_the_body_stays_as_it_is(digits):
    images, targets = (part[:60] for part in digits)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3))
    seen = []

    def look(layer, given, output):
        if layer.training:
            seen.append((layer.weight.detach().clone(), layer.bias.detach().clone()))
    # 32 batches an epoch, 10 epochs: 64 batches for the head alone.
    net[1].register_forward_hook(look)
    options = TrainingOptions(epochs=10, min_steps=320, backbone_lr_scale=0.3)
    train(net, TrainingData(images, targets), options, device="cpu")
    assert all(torch.equal(seen[0][0], weight) for weight, _ in seen[:65])
    assert not torch.equal(seen[0][0], seen[80][0])


def test_a_checkpoint_is_written_once_a_minute_at_most_and_when_the_training_ends(digits, tmp_path, monkeypatch):
    """Each epoch wrote net, best weights and both moments to the disk: 1.4 GB for 86 million weights."""
    checkpoint, written = Checkpoint(tmp_path / "a.safetensors", fingerprint="a"), []
    monkeypatch.setattr(checkpoint, "write", lambda tensors, facts: written.append(len(facts["history"])))
    train(tiny(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=5), checkpoint=checkpoint,
          device="cpu")
    assert written == [1, 5]
    monkeypatch.setattr("hitl_widgets.learn.checkpoint.SAVE_EVERY_S", 0.0)
    train(tiny(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=3), checkpoint=checkpoint,
          device="cpu")
    assert written == [1, 5, 1, 2, 3]


class Slow(nn.Module):
    """A net that takes two milliseconds an image by a clock of its own."""

    def __init__(self):
        super().__init__()
        self.net, self.clock = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), SimpleNamespace(now=0.0)

    def __deepcopy__(self, memo):
        twin = Slow()
        twin.clock = self.clock
        return twin

    def forward(self, views):
        self.clock.now += 0.002 * len(views)
        return self.net(views)


def test_a_budget_holds_also_where_validation_and_measuring_take_long(digits, monkeypatch):
    """Only batches looked at the clock: validating and measuring came on top of the budget."""
    data = TrainingData(digits[0][:60], digits[1][:60], validation=(digits[0][60:160], digits[1][60:160]))
    net = Slow()
    for module in ("checkpoint", "train"):
        monkeypatch.setattr(f"hitl_widgets.learn.{module}.time", SimpleNamespace(monotonic=lambda: net.clock.now))
    trained = train(net, data, TrainingOptions(epochs=1_000, budget_s=2.5, n_measured=300), device="cpu")
    assert trained.stopped_because == "budget"
    assert len(trained.history)
    # 300 items are measured then, in 0.6 s. One batch more than planned is 32 ms.
    assert 2.5 * 0.85 < net.clock.now + 300 * 0.002 < 2.5 * 1.1
