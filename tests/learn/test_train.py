"""A net learns from what people said, and nothing else changes."""

from __future__ import annotations

import copy
import math
import threading
from functools import partial
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nets import KINDS, LABELS, Perceptron, ResNet, noise, seeded, tiny
from torch import nn
from torch.utils.data import DataLoader

from hitl_widgets.errors import BadInput, ModelError, ShapeError, TrainingStopped, UnknownLabel
from hitl_widgets.learn import checkpoint
from hitl_widgets.learn import data as training_data
from hitl_widgets.learn.checkpoint import no_worse, one_cycle
from hitl_widgets.learn.data import LabelledImages, TrainingData, balanced_order, random_affine, split_validation
from hitl_widgets.learn.losses import item_losses, mean_loss
from hitl_widgets.learn.microbatch import MicroBatches
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.optimizers import AdamW
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.learn.train import TrainingOptions, backward, initial_state, train
from hitl_widgets.learn.weights import weights_version
from hitl_widgets.testing import MemoryPool


def accuracy(net, images, targets):
    with torch.no_grad():
        return float((net(images).argmax(dim=1) == targets).float().mean())


def test_a_net_learns_and_the_one_passed_in_does_not(digits):
    images, targets = digits
    net = tiny().train()
    before = copy.deepcopy(net.state_dict())
    trained = train(net, TrainingData(images[:120], targets[:120]), TrainingOptions(epochs=6))
    assert accuracy(trained.net, images[120:], targets[120:]) > 0.9
    assert not trained.net.training
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert (trained.n_training, trained.n_validation) == (102, 18)
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]


def test_the_same_run_twice_gives_the_same_model(digits):
    images, targets = digits
    versions = []
    for noise_before, seed in ((1, 0), (2, 0), (3, 1)):
        torch.manual_seed(noise_before)
        versions.append(weights_version(train(tiny(), TrainingData(images[:60], targets[:60]),
                                              TrainingOptions(epochs=2, seed=seed, augment=random_affine)).net))
    assert versions[0] == versions[1] != versions[2]


def test_training_leaves_torchs_generator_alone(digits):
    images, targets = digits
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(tiny(), TrainingData(images[:30], targets[:30]), TrainingOptions(epochs=1))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_net_learns(kind):
    rng = np.random.default_rng(0)
    targets = np.arange(48) % 3
    brightness = 0.3 * rng.random((48, 1, 28, 28), dtype=np.float32) + 0.35 * targets[:, None, None, None]
    trained = train(seeded(KINDS[kind], 3), TrainingData(torch.from_numpy(brightness.astype(np.float32)), targets),
                    TrainingOptions(epochs=4, min_steps=128))
    assert trained.history["loss"].iloc[-1] < 0.8 * math.log(3)


def test_the_history_is_told_as_it_happens(digits):
    images, targets = digits
    rows = []
    trained = train(tiny(), TrainingData(images[:90], targets[:90]), TrainingOptions(epochs=3, min_steps=96),
                    progress=rows.append)
    assert trained.history.to_dict("records") == rows
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(0 <= row[name] <= 1 for row in rows for name in ("accuracy", "validation_accuracy"))
    # 96 batches in 3 epochs.
    assert rows[0]["step"] == 32
    assert trained.stopped_because == "done"


def test_the_best_weights_are_kept_and_training_stops_when_it_gets_no_better(digits):
    images, targets = digits
    wrong = (targets[:40] + 1) % 3  # the better it learns, the worse it does here
    trained = train(tiny(), TrainingData(images[40:100], targets[40:100], validation=(images[:40], wrong)),
                    TrainingOptions(epochs=20, patience=3))
    losses = trained.history["validation_loss"]
    assert trained.stopped_because == "early"
    assert len(losses) == trained.best_epoch + 3 < 20
    assert losses[trained.best_epoch - 1] < losses[trained.best_epoch:].min()
    with torch.no_grad():  # calibration makes it smaller still
        assert float(item_losses(trained.net(images[:40]), wrong).mean()) <= losses[trained.best_epoch - 1]


def test_of_epochs_that_are_alike_the_later_is_kept():
    lowest = np.array([0.1, 0.5, 0.3, 0.7])
    # More by 0.1 on average, with a standard error of 0.058, and then of 0.173.
    assert not no_worse(lowest + np.array([0.2, 0.0, 0.2, 0.0]), lowest)
    assert no_worse(lowest + np.array([0.4, -0.2, 0.4, -0.2]), lowest)
    assert no_worse(lowest - 0.1, lowest)
    assert no_worse(np.array([]), np.array([]))


def test_a_budget_ends_training_with_the_learning_rate_down(digits, monkeypatch):
    images, targets = digits
    # Each look at the clock takes a hundredth of a second.
    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=partial(next, count(0, 0.01))))
    trained = train(tiny(), TrainingData(images[:60], targets[:60]), TrainingOptions(epochs=100_000, budget_s=2.5))
    assert trained.stopped_because == "budget"
    assert trained.history["lr"].iloc[-1] < 0.2 * trained.history["lr"].max()


class Narrow(nn.Module):
    """A net whose memory holds so many views at once."""

    def __init__(self, at_most):
        super().__init__()
        self.net, self.at_most, self.seen = tiny(), at_most, []

    def forward(self, views):
        self.seen += [len(views)] if self.training else []
        if self.training and len(views) > self.at_most:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")
        return self.net(views)


def test_a_batch_that_does_not_fit_into_memory_is_halved(digits):
    images, targets = digits
    trained = train(Narrow(4), TrainingData(images[:60], targets[:60]), TrainingOptions(epochs=1, min_steps=32),
                    device="cpu")
    assert trained.stopped_because == "done"
    assert trained.net.seen[:3] == [16, 8, 4]
    assert 16 not in trained.net.seen[1:]  # it isn't tried again


def test_halves_give_the_gradient_of_the_whole(digits):
    images, targets = digits
    weights, nets = torch.linspace(0.1, 1, 16), [nn.Sequential(nn.Flatten(), nn.Linear(64, 3)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    halves = MicroBatches()
    halves.n_parts = 2
    whole, split_up = (backward(net, images[:16], targets[:16], weights, micro_batches=parts)
                       for net, parts in zip(nets, (MicroBatches(), halves), strict=True))
    assert split_up == pytest.approx(whole)
    torch.testing.assert_close(nets[0][1].weight.grad, nets[1][1].weight.grad)


def test_what_never_fits_into_memory_is_told(digits):
    images, targets = digits
    with pytest.raises(ModelError, match=r"not enough memory.*smaller batch_size"):
        train(Narrow(1), TrainingData(images[:60], targets[:60]), TrainingOptions(epochs=1), device="cpu")


def test_an_interrupt_gives_the_best_until_then(digits):
    images, targets = digits

    def interrupt(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt
    trained = train(tiny(), TrainingData(images[:60], targets[:60]), TrainingOptions(epochs=10), progress=interrupt)
    assert trained.stopped_because == "interrupted"
    assert len(trained.history) == 2
    assert trained.best_epoch in (1, 2)


def test_an_interrupt_before_the_first_epoch_ends_leaves_the_weights(digits):
    def interrupt(images, generator):
        raise KeyboardInterrupt
    trained = train(tiny(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(augment=interrupt))
    assert (trained.stopped_because, trained.best_epoch, len(trained.history)) == ("interrupted", 0, 0)
    assert weights_version(trained.net) == weights_version(tiny())


def test_a_loss_that_is_no_number_stops_training_and_says_when(digits):
    images, targets = digits[0][:60].clone(), digits[1][:60]
    images[:] = float("nan")
    with pytest.raises(TrainingStopped, match="the loss is nan at step 1 of 640"):
        train(tiny(), TrainingData(images, targets))


@pytest.mark.parametrize(("targets", "said"), [([1, 1, 1], "one label"), ([], "no item")])
def test_nothing_to_tell_apart_is_refused_in_words(targets, said):
    with pytest.raises(BadInput, match=said):
        train(tiny(), TrainingData(torch.zeros(len(targets), 1, 8, 8), np.array(targets, dtype=np.int64)))


def test_one_item_a_label_is_enough_to_begin(digits):
    images, targets = digits
    first = [int((targets == label).nonzero()[0, 0]) for label in range(3)]
    trained = train(tiny(), TrainingData(images[first], targets[first]), TrainingOptions(epochs=2, min_steps=64))
    assert (trained.n_training, trained.n_validation) == (3, 0)
    assert math.isnan(trained.history["validation_loss"].iloc[-1])
    assert accuracy(trained.net, images[first], targets[first]) == 1
    assert trained.best_epoch == 2


@pytest.mark.parametrize("batch_size", [1, 2, 500])
def test_no_batch_is_too_small_for_batchnorm(digits, batch_size):
    images, targets = digits
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    train(net, TrainingData(images[:35], targets[:35]), TrainingOptions(epochs=1, batch_size=batch_size))


def test_frozen_layers_stay_as_they_are(digits):
    net = tiny()
    for layer in net[:2]:
        layer.requires_grad_(False)
    trained = train(net, TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=1))
    for name in ("0.weight", "1.weight", "1.running_mean", "1.num_batches_tracked"):
        assert torch.equal(trained.net.state_dict()[name], net.state_dict()[name])
    assert not torch.equal(trained.net[-1].weight, net[-1].weight)
    with pytest.raises(BadInput, match="requires_grad=False"):
        train(net.requires_grad_(False), TrainingData(*(part[:60] for part in digits)))


def test_half_precision_nets_learn_in_full(digits):
    trained = train(tiny().half(), TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=1))
    assert trained.net[-1].weight.dtype == torch.float32


@pytest.mark.parametrize(("net", "said"), [
    (Perceptron(2, 64), "2 outputs an item, but the answers need 3 labels"),
    (Perceptron(3, 65), "raised RuntimeError"),
])
def test_a_net_that_does_not_fit_is_told_of(digits, net, said):
    with pytest.raises(ModelError, match=said):
        train(net, TrainingData(*(part[:60] for part in digits)))


def test_rare_labels_come_as_often_as_common_ones():
    targets = torch.tensor([0] * 90 + [1] * 10)
    order = balanced_order(targets, 200, torch.Generator().manual_seed(0))
    times = np.bincount(order, minlength=100)
    assert np.bincount(targets[order]).tolist() == [100, 100]
    assert set(times[:90]) <= {1, 2}
    assert set(times[90:]) == {10}


def test_an_item_is_not_learnt_by_heart_however_rare_its_label():
    order = balanced_order(torch.tensor([0] * 999 + [1]), 1000, torch.Generator().manual_seed(0))
    assert (order == 999).sum() == 10


@pytest.mark.parametrize("counts", [[990, 10], [600, 398, 2], [400, 300, 200, 50, 30, 10, 5, 3, 1, 1]])
def test_a_pass_draws_as_many_rows_as_there_are_though_rare_labels_have_few(counts):
    """What a rare label left wasn't drawn: a pass had 0.6 of its draws, and 17 % of these were of a label of 1 %."""
    targets = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    drawn = np.bincount(targets[balanced_order(targets, 1000, torch.Generator().manual_seed(0))])
    assert 1000 <= drawn.sum() <= 1000 + len(counts)
    rare = drawn < drawn.max() - 1
    assert drawn[rare].tolist() == [10 * count for count, is_rare in zip(counts, rare, strict=True) if is_rare]
    assert drawn[~rare].max() - drawn[~rare].min() <= 1


def test_the_validation_part_lies_below_a_bar_and_stays_when_items_join():
    """The smallest 15 of 100 in each label changed with each answer: up to 16 % that validated trained later."""
    rng = np.random.default_rng(0)
    targets, draws = torch.from_numpy(rng.integers(0, 4, 400)), rng.random(400)
    training, validating = split_validation(targets, draws=draws)
    assert sorted([*training, *validating]) == list(range(400))
    assert validating.tolist() == np.flatnonzero(draws < 0.15).tolist()
    learnt, earlier = split_validation(targets[:300], draws=draws[:300])
    assert set(earlier) <= set(validating)
    assert not set(learnt) & set(validating)
    assert not len(split_validation(targets[:50])[1])
    # One item of a label trains, though all of them lie below the bar.
    assert split_validation(torch.tensor([0] * 20 + [1, 1]), draws=np.linspace(0, 0.14, 22))[0].tolist() == [19, 21]


def test_without_draws_each_label_has_its_share_of_the_validation_part():
    targets = torch.tensor([0] * 100 + [1] * 40)
    assert targets[split_validation(targets)[1]].tolist() == [0] * 15 + [1] * 6


def test_the_loss_is_the_weighted_mean_for_hard_and_soft_targets():
    logits = torch.log(torch.tensor([[0.5, 0.5], [0.9, 0.1]]))
    # An index is right with 0.9 plus half of the 0.1 that both labels share.
    expected = (3 * math.log(2) - 0.95 * math.log(0.9) - 0.05 * math.log(0.1)) / 4
    weights = torch.tensor([3.0, 1.0])
    assert mean_loss(logits, torch.tensor([0, 0]), weights).item() == pytest.approx(expected)
    as_given = (3 * math.log(2) - math.log(0.9)) / 4   # probabilities are taken as they are
    assert mean_loss(logits, torch.tensor([[0.2, 0.8], [1.0, 0.0]]), weights).item() == pytest.approx(as_given)
    assert mean_loss(logits, torch.tensor([0, 0]), torch.zeros(2)).item() == 0


def test_the_learning_rate_rises_and_falls_once():
    rates = [one_cycle(done) for done in np.linspace(0, 1, 101)]
    assert max(rates) == rates[20] == 1
    assert np.all(np.diff(rates[:20]) > 0)
    assert np.all(np.diff(rates[21:]) < 0)
    assert 0 < min(rates) < 0.05


def test_weights_say_how_much_an_item_counts(digits):
    images, targets = digits[0], digits[1].clone()
    targets[45:120] = (targets[45:120] + 1) % 3
    valid = images[120:160], targets[120:160]
    got = [accuracy(train(tiny(), TrainingData(images[:120], targets[:120], weights=weights, validation=valid),
                          TrainingOptions(epochs=3, min_steps=96)).net,
                    images[160:], targets[160:]) for weights in (None, [1.0] * 45 + [0.0] * 75)]
    assert got[0] < 0.6
    assert got[1] > 0.8


def test_soft_targets_are_learnt(digits):
    images, targets = digits
    soft = 0.8 * nn.functional.one_hot(targets, 3) + 0.2 / 3
    trained = train(tiny(), TrainingData(images[:90], soft[:90]), TrainingOptions(epochs=5, min_steps=160))
    assert accuracy(trained.net, images[90:], targets[90:]) > 0.9


def test_jitter_moves_an_image_a_little_and_no_two_alike():
    square = torch.zeros(6, 1, 40, 40)
    square[:, :, 15:25, 15:25] = 1
    moved = random_affine(square, torch.Generator().manual_seed(0))
    assert moved.shape == square.shape
    assert len({image.numpy().tobytes() for image in moved}) == 6
    overlap = (moved * square).sum(dim=(1, 2, 3)) / square.sum(dim=(1, 2, 3))
    assert (overlap > 0.5).all()
    assert (overlap < 1).all()


def test_labelled_images_are_a_torch_dataset():
    data = LabelledImages(MemoryPool(noise(6)), [5, 0, 3], ["Lc", "La", "Lc"], LABELS, names=("ant", "bee", "cow"),
                          preprocess=Preprocess(14), weights=[1, 0.5, 1])
    assert data.item_ids == ["item-0005", "item-0000", "item-0003"]
    assert (data.names, data.label_ids) == (("ant", "bee", "cow"), LABELS)
    view, target, weight = data[1]
    assert (view.shape, target, weight) == ((1, 14, 14), 0, 0.5)
    batch = next(iter(DataLoader(data, batch_size=3)))
    assert batch[0].shape == (3, 1, 14, 14)
    assert batch[1].tolist() == [2, 0, 2]
    assert len(data) == len(data.images) == 3


def test_an_items_draw_belongs_to_it():
    gallery = MemoryPool(noise(300))
    all_of_them = LabelledImages(gallery, range(300), ["La"] * 300, LABELS, preprocess=Preprocess(4)).draws
    some = LabelledImages(gallery, [7, 250], ["Lb", "La"], LABELS, preprocess=Preprocess(4)).draws
    assert some.tolist() == all_of_them[[7, 250]].tolist()
    assert 0.4 < all_of_them.mean() < 0.6
    assert ((all_of_them >= 0) & (all_of_them < 1)).all()


def test_labelled_images_that_do_not_fit_are_refused():
    gallery = MemoryPool(noise(3))
    with pytest.raises(ShapeError, match="2 positions, 1 answers"):
        LabelledImages(gallery, [0, 1], ["La"], LABELS, preprocess=Preprocess(4))
    with pytest.raises(UnknownLabel, match="Lx"):
        LabelledImages(gallery, [0], ["Lx"], LABELS, preprocess=Preprocess(4))
    with pytest.raises(ShapeError, match="3 images"):
        train(Perceptron(3), TrainingData(torch.zeros(3, 1, 28, 28), [0, 1]))


@pytest.mark.parametrize("fits", [True, False])
def test_images_that_cannot_be_read_are_left_out_whether_or_not_the_rest_fits_into_memory(fits, monkeypatch):
    if not fits:
        monkeypatch.setattr(training_data, "RESIDENT_BYTES", 1000)
    images = list(noise(40))
    images[4] = images[39] = None
    data = LabelledImages(MemoryPool(images), range(40), ["La", "Lb"] * 20, LABELS, preprocess=Preprocess(28))
    trained = train(Perceptron(3), TrainingData(data.images, data.targets), TrainingOptions(epochs=1))
    assert trained.left_out == (4, 39)
    assert trained.n_training == 38


def test_views_of_several_shapes_cannot_be_learnt_from():
    data = LabelledImages(MemoryPool([noise(1)[0], noise(1, (30, 30))[0]]), [0, 1], ["La", "Lb"], LABELS,
                          preprocess=lambda image: torch.from_numpy(image[None] / np.float32(255)))
    with pytest.raises(BadInput, match="views of one shape"):
        train(ResNet(3), TrainingData(data.images, data.targets))


def test_predicting_while_training_runs_changes_neither(digits):
    images, targets = digits
    net = seeded(ResNet, 3).eval()
    alone = weights_version(train(net, TrainingData(images[:40], targets[:40]), TrainingOptions(epochs=1)).net)
    expected, wrong, done = net(images[:16]).detach(), [], threading.Event()

    def predict():
        while not done.is_set():
            with torch.no_grad():
                if not torch.allclose(net(images[:16]), expected, atol=1e-6):
                    wrong.append(1)
    thread = threading.Thread(target=predict)
    thread.start()
    beside = weights_version(train(net, TrainingData(images[:40], targets[:40]), TrainingOptions(epochs=1)).net)
    done.set()
    thread.join()
    assert wrong == []
    assert beside == alone


@pytest.mark.long
def test_two_hundred_more_labels_help_a_weak_net_on_real_images(shared_data):
    with np.load(shared_data / "fashion_mnist" / "fashion_dev.npz") as data:
        images, targets = torch.from_numpy(data["images"][:, None] / np.float32(255)), data["labels"].astype(np.int64)
        test = torch.from_numpy(data["is_test"] == 1)
    rows = np.random.default_rng(0).choice(np.flatnonzero(~test), 260, replace=False)
    known = torch.from_numpy(targets)[test]
    options = TrainingOptions(epochs=8, min_steps=256, augment=random_affine)
    weak = train(small_cnn(10), TrainingData(images[rows[:60]], targets[rows[:60]]), options)
    tuned = train(weak.net, TrainingData(images[rows], targets[rows]), options)
    assert accuracy(tuned.net, images[test], known) > accuracy(weak.net, images[test], known) + 0.05


def test_epochs_that_are_given_are_so_many_passes_over_the_training_set(digits):
    """An epoch drew 512 images at least, so that one "pass" over 85 items was six."""
    data = TrainingData(*(part[:100] for part in digits))
    trained = train(tiny(), data, TrainingOptions(epochs=3, batch_size=17))
    assert trained.n_training == 85
    assert trained.history["step"].tolist() == [5, 10, 15]
    assert trained.history["passes"].tolist() == [1, 2, 3]
    assert trained.stopped_because == "done"


def test_a_small_set_gets_a_least_number_of_steps_and_as_many_epochs():
    options = TrainingOptions()
    assert [options.steps_per_epoch(n) for n in (5, 100, 512, 2_000)] == [32, 32, 32, 125]
    assert TrainingOptions(batch_size=64).steps_per_epoch(100) == 8  # as many images
    assert TrainingOptions(epochs=10, min_steps=200).steps_per_epoch(100) == 20
    assert TrainingOptions(epochs=10).steps_per_epoch(5) == 1
    assert TrainingOptions(epochs=10).draws_per_epoch(5) == 5


def test_a_given_number_of_epochs_is_not_ended_early(digits):
    images, targets = digits
    data = TrainingData(images[40:100], targets[40:100], validation=(images[:40], (targets[:40] + 1) % 3))
    assert len(train(tiny(), data, TrainingOptions(epochs=12)).history) == 12
    assert len(train(tiny(), data, TrainingOptions()).history) < 20


@pytest.mark.parametrize("affine", [True, False])
def test_a_frozen_batchnorm_keeps_its_running_means_also_without_weights(digits, affine):
    """Without weights of its own a norm in a frozen body drifted: its running mean went from 0 to -2.9 in an epoch."""
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=affine), nn.ReLU()).requires_grad_(False)
    net = nn.Sequential(body, nn.Flatten(), nn.Linear(144, 8), nn.BatchNorm1d(8, affine=False), nn.Linear(8, 3))
    trained = train(net, TrainingData(*(part[:60] for part in digits)), TrainingOptions(epochs=2)).net
    assert torch.equal(trained[0][1].running_mean, torch.zeros(4))
    assert not torch.equal(trained[3].running_mean, torch.zeros(8))


def test_torch_without_the_fast_optimizer_on_this_device_trains_with_the_plain_one(monkeypatch):
    """Before torch 2.4 `fused=True` raised on the CPU."""
    made, plain = [], AdamW

    def old(groups, *, fused=False, **more):
        if fused:
            raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of supported devices")
        made.append(plain(groups, **more))
        return made[-1]
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    options = TrainingOptions(lr=0.1, backbone_lr_scale=0.5)
    fast = initial_state(net, options, n_steps=5).optimizer
    monkeypatch.setattr("hitl_widgets.learn.train.AdamW", old)
    slow = initial_state(net, options, n_steps=5).optimizer
    assert slow is made[0]
    assert fast.param_groups[0]["fused"]
    assert [(len(group["params"]), group["lr_scale"]) for group in slow.param_groups] \
        == [(len(group["params"]), group["lr_scale"]) for group in fast.param_groups]
