"""A net hears that it was right for the wrong reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from nets import VisionTransformer, noise, seeded
from torch import nn

from hitl_widgets.errors import ModelError, ShapeError, TrainingStopped
from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.learn.rationales import (
    RationaleLoss,
    Rationales,
    augment_together,
    evaluation_mode,
    gradient_penalty,
    log_probs,
    mask_on_view,
    necessity_loss,
    occlusion_invariance,
    rationale_loss,
    regions_on_views,
    repaint,
)
from hitl_widgets.learn.reliance import measure_reliance
from hitl_widgets.learn.train import TrainingOptions, train


def value(loss):
    return float(loss.detach())


def linear(weights):
    """A linear softmax net without bias, of one-channel views of 1 x 2 pixels."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, len(weights), bias=False)).double()
    net[1].weight.data = torch.tensor(weights, dtype=torch.float64)
    return net


def corner(n=1, side=4, size=8):
    regions = torch.zeros(n, size, size, dtype=torch.bool)
    regions[:, :side, :side] = True
    return regions


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


# -- the penalty ---------------------------------------------------------------------------------------------------

def test_the_penalty_is_the_squared_jacobian_of_a_linear_softmax_inside_the_region():
    # At logits of 0 both labels have p = 1/2, and d log p_k / dx = W_k - (W_1 + W_2) / 2: for the first pixel
    # (3 - 1) / 2 = 1 and -1, whose squares add up to 2; for the second (0 - 4) / 2 = -2 and 2, which make 8.
    net, view = linear([[3.0, 0.0], [1.0, 4.0]]), torch.zeros(1, 1, 1, 2, dtype=torch.float64)
    for marked, expected in (([True, False], 2), ([False, True], 8), ([True, True], 10), ([False, False], 0)):
        assert value(gradient_penalty(net, view, torch.tensor([[marked]]))) == pytest.approx(expected)
    two = torch.tensor([[[True, False]], [[False, True]]])
    assert value(gradient_penalty(net, view.repeat(2, 1, 1, 1), two)) == pytest.approx((2 + 8) / 2)


def test_random_directions_give_the_same_penalty_on_average():
    net = linear([[3.0, 0.0], [1.0, 4.0], [-2.0, 1.0]])
    view, both = torch.tensor([[[[0.2, -0.1]]]], dtype=torch.float64), torch.ones(1, 1, 2, dtype=torch.bool)
    exact = value(gradient_penalty(net, view, both))
    drawn = value(gradient_penalty(net, view, both, directions=3000, generator=chance()))
    assert drawn == pytest.approx(exact, rel=0.05)


def test_gradients_of_the_penalty_reach_the_weights():
    net, view = linear([[3.0, 0.0], [1.0, 4.0]]), torch.zeros(1, 1, 1, 2, dtype=torch.float64)
    gradient_penalty(net, view, torch.tensor([[[True, False]]])).backward()
    # (w_11 - w_21)^2 / 2 has the slopes 2 and -2 there, and none for the pixel outside.
    assert net[1].weight.grad.tolist() == [[2, 0], [-2, 0]]


def test_the_penalty_passes_through_attention():
    net = seeded(VisionTransformer, 3)
    views = torch.rand(2, 1, 28, 28, generator=chance())
    gradient_penalty(net, views, corner(2, size=28)).backward()
    assert any(weight.grad is not None and float(weight.grad.abs().sum()) > 0 for weight in net.parameters())


# -- repainting ----------------------------------------------------------------------------------------------------

def test_repainting_changes_the_region_and_nothing_else():
    views = torch.rand(12, 3, 8, 8, generator=chance())
    painted = repaint(views, corner(12), chance())
    assert torch.equal(painted[:, :, 4:], views[:, :, 4:])
    assert torch.equal(painted[:, :, :, 4:], views[:, :, :, 4:])
    assert (painted != views).flatten(1).any(dim=1).all()
    shades = [float(view[0, :4, :4].std()) == 0 for view in painted]
    assert any(shades)  # one shade for some of them, noise or a patch for others
    assert not all(shades)


def test_a_region_is_repainted_by_a_shade_half_of_the_time_else_by_noise_or_by_what_another_item_has_there():
    views, region = torch.full((400, 1, 4, 4), 0.5), torch.zeros(400, 4, 4, dtype=torch.bool)
    region[:, 1:3, 1:3] = True
    other = torch.linspace(0.0, 1.0, 16).view(1, 1, 4, 4)
    inside = repaint(views, region, chance(), others=other)[:, 0, 1:3, 1:3].flatten(1)
    patch = (inside == other[0, 0, 1:3, 1:3].flatten()).all(dim=1)
    shade = (inside == inside[:, :1]).all(dim=1)
    # Four standard deviations of 400 draws: 0.1 about a half, 0.087 about a quarter.
    assert float(shade.float().mean()) == pytest.approx(0.5, abs=0.1)
    assert float(patch.float().mean()) == pytest.approx(0.25, abs=0.087)
    noise = inside[~shade & ~patch]
    assert len(noise) > 60
    assert len(noise.unique()) == noise.numel()
    assert float(inside[shade, 0].max() - inside[shade, 0].min()) > 0.9  # the whole range of the other's shades


def test_invariance_is_zero_for_a_net_that_ignores_the_region_and_not_for_one_that_reads_it():
    class Reads(nn.Module):
        def __init__(self, rows):
            super().__init__()
            self.scale, self.rows = nn.Parameter(torch.ones(1)), rows

        def forward(self, views):
            return torch.stack([self.scale * views[:, 0, self.rows].mean(dim=(1, 2)), torch.zeros(len(views))], dim=1)
    views = torch.rand(6, 1, 8, 8, generator=chance())
    painted = repaint(views, corner(6), chance())
    assert value(occlusion_invariance(Reads(slice(4, 8)), views, painted)) == 0
    assert value(occlusion_invariance(Reads(slice(0, 4)), views, painted)) > 1e-4


def test_invariance_is_the_root_of_the_mean_of_both_divergences():
    # Logits of 0 and of (log 3, 0): (1/2, 1/2) against (3/4, 1/4). Half of (1/4)(log 3/2) + (-1/4)(log 1/2).
    net = linear([[1.0, 0.0], [0.0, 0.0]])
    views = torch.zeros(1, 1, 1, 2, dtype=torch.float64)
    painted = torch.tensor([[[[math.log(3), 0.0]]]], dtype=torch.float64)
    assert value(occlusion_invariance(net, views, painted)) == pytest.approx(math.sqrt(math.log(3) / 8), abs=2e-3)
    two = torch.cat([views, views]), torch.cat([painted, views])  # the mean is over the roots
    assert value(occlusion_invariance(net, *two)) == pytest.approx(math.sqrt(math.log(3) / 8) / 2, abs=2e-3)


def test_the_answer_must_fall_to_half_when_what_was_missing_is_repainted():
    net, none, answer = linear([[1.0, 0.0], [0.0, 0.0]]), torch.zeros(1, 1, 1, 2, dtype=torch.float64), \
        torch.tensor([0])
    assert value(necessity_loss(net, none, none, answer)) == pytest.approx(math.log(2))
    strong = torch.tensor([[[[math.log(9), 0.0]]]], dtype=torch.float64)  # 0.9, which falls to 0.5: short by log 10/9
    assert value(necessity_loss(net, strong, none, answer)) == pytest.approx(math.log(10 / 9))
    assert value(necessity_loss(net, strong, -strong, answer)) == 0


# -- where the regions are -----------------------------------------------------------------------------------------

def test_a_region_is_found_again_on_a_cropped_view():
    mask = np.zeros((10, 20), bool)
    mask[0:5, 5:10] = True
    shown = mask_on_view(mask, Preprocess(8, fit="crop").box(10, 20), (8, 8))
    assert shown[:4, :4].all()
    assert shown.sum() == 16


@pytest.mark.parametrize(("n_pixels", "counts"), [(1, False), (2, True)])
def test_a_pixel_of_the_view_is_marked_where_a_tenth_of_it_is(n_pixels, counts):
    mask = np.zeros((4, 4), bool)  # one pixel of the view: a sixteenth of it, and two sixteenths
    mask.flat[:n_pixels] = True
    assert mask_on_view(mask, (0.0, 0.0, 4.0, 4.0), (1, 1)).item() is counts


def test_a_region_is_found_again_on_a_padded_view():
    mask = np.zeros((10, 20), bool)
    mask[:, :10] = True
    shown = mask_on_view(mask, Preprocess(8, fit="pad").box(10, 20), (8, 8))
    assert shown.nonzero()[0].min() == 2
    assert shown.sum() == 4 * 4


def test_regions_that_tell_the_net_nothing_are_left_out_and_said():
    outside, covers, fine = (np.zeros((10, 20), bool) for _ in range(3))
    outside[:, :5] = True
    covers[:, 4:16] = True
    fine[:3, 8:12] = True
    marks = regions_on_views({3: (outside, None), 5: (covers, fine), 7: (fine, None)}, Preprocess(8, fit="crop").box,
                             (8, 8))
    assert marks.rows.tolist() == [5, 7]
    assert not marks.wrong[0].any()
    assert marks.missing[0].any()
    assert "lies outside what the net sees" in marks.left_out[3]
    assert "covers all that the net sees" in marks.left_out[5]
    assert set(marks.left_out) == {3, 5}


def test_a_view_that_is_no_rectangle_of_the_item_leaves_its_region_out():
    marks = regions_on_views({0: (corner()[0].numpy(), None)}, lambda height, width: None, (8, 8))
    assert len(marks) == 0
    assert "no upright rectangle" in marks.left_out[0]


def test_marks_of_unlike_number_are_refused():
    with pytest.raises(ShapeError, match="2 rows"):
        Rationales(np.array([0, 1]), corner(1), corner(1), {})


def test_augmentation_moves_the_marks_with_the_images():
    regions = torch.zeros(20, 16, 16, dtype=torch.bool)
    regions[:, 4:8, 4:8] = True
    images, [marks] = augment_together(regions[:, None].float(), [regions], random_affine, chance(3))
    # The square is all that is bright: under every mark some of it, and none of it elsewhere.
    assert float(images[:, 0][~marks].max()) < 0.1
    assert float(images[:, 0][marks].min()) >= 0.1
    assert (marks != regions).flatten(1).any(dim=1).float().mean() > 0.8


# -- in a training -------------------------------------------------------------------------------------------------

def decoyed(n=240, seed=0, *, hint=True):
    """Two labels told by a faint bar's direction, and with a hint also by the shade of one corner: images, targets, and
    where the corner is."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 2
    images = rng.random((n, 1, 12, 12), dtype=np.float32) * 0.6
    for image, target in zip(images, targets, strict=True):
        at = rng.integers(5, 10)
        image[0, (at, slice(None))[target], (slice(4, None), at)[target]] += 0.4
    if hint:
        images[:, 0, :3, :3] = targets[:, None, None]
    return torch.from_numpy(images), torch.from_numpy(targets), corner(n, 3, 12)


def reader():
    return seeded(lambda: nn.Sequential(nn.Conv2d(1, 12, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                                        nn.Linear(12 * 16, 2)))


def right(net, images, targets):
    with torch.no_grad():
        return float((net(images).argmax(dim=1) == targets).float().mean())


def asking(net):
    class Pool:
        ids = ("a",)

        def __len__(self):
            return 1

        def load(self, position):
            return noise(1, (12, 12))[0]
    return NetPredictor(net, Pool(), ["La", "Lb"], preprocess=Preprocess(12), device="cpu")


def leaning(net, views, regions):
    return measure_reliance(asking(net), views[:60], regions[:60], views[60:120])


def marks_of(regions, rows):
    rows = np.asarray(rows)
    return Rationales(rows, regions[rows], torch.zeros_like(regions[rows]), {})


@pytest.fixture(scope="module")
def spoiled():
    images, targets, _ = decoyed()
    return train(reader(), TrainingData(images, targets), TrainingOptions(epochs=4), device="cpu").net


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("start", "reasons"), [("initial", "penalty"), ("spoiled", "invariance")])
def test_with_marks_a_net_leaves_the_false_hint_and_reads_the_image(spoiled, start, reasons):
    images, targets, regions = decoyed()
    unseen, truth, _ = decoyed(seed=1, hint=False)
    net = spoiled if start == "spoiled" else reader()
    without = train(net, TrainingData(images, targets), TrainingOptions(epochs=6, min_steps=192), device="cpu")
    heard = train(net, TrainingData(images, targets, rationales=marks_of(regions, range(20))),
                  TrainingOptions(epochs=6, min_steps=192, rationale_method=reasons), device="cpu")
    assert right(heard.net, unseen, truth) > right(without.net, unseen, truth) + 0.2
    before, after = (leaning(run.net, images, regions) for run in (without, heard))
    assert before.marked.low > after.marked.high + 0.2
    assert before.unmarked.low > after.unmarked.high + 0.1
    assert after.share < before.share


def test_marked_items_train_and_the_last_epoch_stands():
    images, targets, regions = decoyed()
    trained = train(reader(), TrainingData(images, targets, rationales=marks_of(regions, range(60))),
                    TrainingOptions(epochs=3), device="cpu")
    assert trained.best_epoch == 3
    assert trained.n_training + trained.n_validation == 240
    assert trained.n_training > train(reader(), TrainingData(images, targets), TrainingOptions(epochs=1),
                                      device="cpu").n_training


def test_the_same_training_with_marks_twice_gives_the_same_net():
    images, targets, regions = decoyed(60)
    nets = [train(reader(), TrainingData(images, targets, rationales=marks_of(regions, [1, 5])),
                  TrainingOptions(epochs=1, augment=random_affine), device="cpu").net for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*(net.parameters() for net in nets), strict=True))


def test_no_marks_change_nothing():
    images, targets, regions = decoyed(60)
    nets = [train(reader(), TrainingData(images, targets, rationales=marks), TrainingOptions(epochs=1),
                  device="cpu").net
            for marks in (None, marks_of(regions, np.array([], np.int64)))]
    assert all(torch.equal(a, b) for a, b in zip(*(net.parameters() for net in nets), strict=True))


def test_a_loss_of_the_reasons_that_is_no_number_stops_the_training():
    images, targets, regions = decoyed(60)
    images[3] = math.nan
    with pytest.raises(TrainingStopped, match="step 1 "):
        train(reader(), TrainingData(images, targets, rationales=marks_of(regions, [3])), device="cpu")


def test_a_missing_region_is_heard_without_a_wrong_one():
    images, targets, regions = decoyed(60)
    marks = Rationales(np.array([0, 1]), torch.zeros_like(regions[:2]), regions[:2], {})
    extra_loss = RationaleLoss(images[:2], targets[:2], marks, method="penalty", generator=chance())
    net = reader()
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
    assert value(extra_loss(net)) == pytest.approx(math.log(2))  # it ignores all there is


def test_each_kind_of_region_counts_by_its_share_of_the_items():
    images, targets, regions = decoyed(60)
    none = torch.zeros_like(regions[:1])
    marks = Rationales(np.arange(4), torch.cat([regions[:3], none]), torch.cat([none, none, none, regions[:1]]), {})
    net = reader()
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
    extra_loss = RationaleLoss(images[:4], targets[:4], marks, method="penalty", generator=chance())
    assert value(extra_loss(net)) == pytest.approx(math.log(2) / 4)  # nothing for three, log 2 for one


def test_another_seed_draws_otherwise_and_the_same_one_does_not():
    images, targets, regions = decoyed(40)
    losses = [value(rationale_loss(images, targets, marks_of(regions, range(20)), np.ones(40, bool),
                                   method="invariance", augment=None, seed=seed)(reader())) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_a_weight_that_is_given_counts():
    images, targets, regions = decoyed(6)
    once, thrice = (
        [value(RationaleLoss(images, targets, marks_of(regions, range(6)), method=how, weight=weight,
                             generator=chance())(reader()))
         for how in ("penalty", "invariance")] for weight in (1.0, 3.0))
    assert thrice == pytest.approx([3 * loss for loss in once])


def test_the_regions_are_moved_with_the_items():
    class Left(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, views):
            return torch.stack([self.scale * views[:, 0, :, :4].mean(dim=(1, 2)), torch.zeros(len(views))], dim=1)
    views, regions = torch.rand(6, 1, 8, 8, generator=chance()), torch.zeros(6, 8, 8, dtype=torch.bool)
    regions[:, :, :4] = True
    answers, marks = torch.zeros(6, dtype=torch.int64), marks_of(regions, range(6))
    losses = [value(RationaleLoss(views, answers, marks, method=how, augment=augment, generator=chance())(Left()))
              for how in ("penalty", "invariance")
              for augment in (None, lambda images, generator: images.roll(4, dims=3))]
    assert min(losses[0], losses[2]) > 1e-3
    assert (losses[1], losses[3]) == (0, 0)  # what was left is right now, where the net doesn't look


def test_a_region_is_repainted_with_what_any_item_has_not_the_marked_ones_alone():
    images, targets, regions = torch.full((40, 1, 12, 12), 0.5), torch.arange(40) % 2, corner(40, 3, 12)
    images[20:] = 0.9
    brightest = []

    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = reader()

        def forward(self, views):
            brightest.append(float(views.max()))
            return self.net(views)
    extra_loss = rationale_loss(images, targets, marks_of(regions, range(20)), np.ones(40, bool), method="invariance",
                          augment=None, seed=0)
    extra_loss(Watching())
    assert brightest[0] > 0.5


def test_marked_items_come_in_turn_each_time_in_a_new_order():
    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.seen = reader(), []

        def forward(self, views):
            self.seen += views[:len(views) // 2, 0, -1, -1].tolist()  # the items as they are; then repainted
            return self.net(views)
    images, targets, regions = decoyed(12)
    images[:, 0, -1, -1] = torch.arange(12)
    net = Watching()
    extra_loss = RationaleLoss(images, targets, marks_of(regions, range(12)), method="invariance", generator=chance())
    for _ in range(4):
        extra_loss(net)
    first, second = net.seen[:12], net.seen[12:]
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_a_wrong_region_needs_no_answer():
    images, targets, regions = decoyed(60)
    nobody = np.zeros(0, np.int64)
    marks = Rationales(nobody, regions[nobody], regions[nobody], {}, (images[:5], regions[:5]))
    assert len(marks) == 5
    extra_loss = rationale_loss(images[5:], targets[5:], marks, np.ones(55, bool), method="penalty", augment=None,
                                seed=0)
    net = reader()
    extra_loss(net).backward()
    assert float(net[0].weight.grad.abs().sum()) > 0
    asked = RationaleLoss(images[:5], targets[:5], marks_of(regions, range(5)), method="penalty", others=images[5:],
                 generator=chance(1))
    extra_loss = rationale_loss(images[5:], targets[5:], marks, np.ones(55, bool), method="penalty", augment=None,
                                seed=0)
    assert value(extra_loss(net)) == pytest.approx(value(asked(net)))  # as if they had been answered


def test_marked_items_that_do_not_fit_into_memory_are_halved():
    class Narrow(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.seen = reader(), []

        def forward(self, views):
            self.seen.append(len(views))
            if len(views) > 6:
                raise RuntimeError("CUDA out of memory. Tried to allocate 9 bytes.")
            return self.net(views)
    images, targets, regions = decoyed(12)
    net = Narrow()
    extra_loss = RationaleLoss(images, targets, marks_of(regions, range(12)), method="invariance", generator=chance())
    extra_loss(net)
    extra_loss(net)
    assert net.seen == [12, 6, 6]


def test_the_reasons_leave_running_means_and_modes_alone():
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).train()
    net[1].eval()
    with evaluation_mode(net):
        assert not any(layer.training for layer in net)
        log_probs(net, torch.rand(3, 1, 2, 2))
    assert [layer.training for layer in net] == [True, False, True, True]
    assert net[1].running_mean.tolist() == [0, 0, 0, 0]


def test_a_batchnorm_that_learns_goes_by_what_it_is_shown_and_keeps_none_of_it():
    def fresh():
        return nn.Sequential(nn.BatchNorm1d(1, eps=1e-9), nn.BatchNorm1d(1, eps=1e-9)).train()
    views = torch.tensor([[1.0], [5.0]])  # a mean of 3 and a deviation of 2
    net = fresh()
    with evaluation_mode(net, by_batch=True):
        assert net(views).flatten().tolist() == pytest.approx([-1, 1])
    assert [(norm.running_mean.item(), norm.num_batches_tracked.item()) for norm in net] == [(0, 0)] * 2
    assert all(norm.training and norm.track_running_stats for norm in net)
    net = fresh().eval()  # as where its weights are frozen
    with evaluation_mode(net, by_batch=True):
        assert net(views).flatten().tolist() == pytest.approx([1, 5])
    assert not any(norm.training for norm in net)


@pytest.mark.parametrize("region", ["wrong", "missing"])
def test_what_marks_say_is_not_heard_by_making_weights_before_a_batchnorm_smaller(region):
    images, targets, regions = decoyed(12)
    none = torch.zeros_like(regions)
    marks = Rationales(np.arange(12), *((regions, none) if region == "wrong" else (none, regions)), {})
    net, losses = small_cnn(2, size=12).train(), []
    net[-1].weight.data *= 30  # sure of what it says
    with torch.no_grad():
        for _ in range(30):
            net(images)  # so that its running means are those of the images
    for _ in range(2):
        losses.append(value(RationaleLoss(images, targets, marks, method="invariance", generator=chance())(net)))
        with torch.no_grad():
            net[0].weight /= 4
    assert losses[0] > 0.01
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.long
@pytest.mark.slow
def test_a_net_with_batchnorm_leaves_the_false_hint_and_still_reads_the_image():
    images, targets, regions = decoyed()
    unseen, truth, _ = decoyed(seed=1, hint=False)
    spoiled = train(small_cnn(2, size=12), TrainingData(images, targets), TrainingOptions(epochs=3), device="cpu").net
    heard = train(spoiled, TrainingData(images, targets, rationales=marks_of(regions, range(20))),
                  TrainingOptions(epochs=4), device="cpu").net
    before, after = (leaning(net, images, regions) for net in (spoiled, heard))
    assert before.marked.low > after.marked.high
    assert right(heard, unseen, truth) > right(spoiled, unseen, truth) + 0.2


def test_a_net_that_fails_on_marked_views_is_told():
    with pytest.raises(ModelError, match="RuntimeError on views with marked regions"):
        occlusion_invariance(linear([[1.0, 0.0]]), torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3))


# -- the figures ---------------------------------------------------------------------------------------------------

class Reader(nn.Module):
    """A bright place anywhere in some columns at the top tells the label; a weight, since nets have some."""

    def __init__(self, columns):
        super().__init__()
        self.scale, self.columns = nn.Parameter(torch.tensor(1e4)), columns

    def forward(self, views):
        bright = self.scale * (views[:, 0, :3, self.columns].amax(dim=(1, 2)) - 1e-3)
        return torch.stack([bright, -bright], dim=1)


def test_reliance_is_how_much_of_the_probability_moves_when_others_patches_are_painted_in():
    # The others are white, so that every painting is; a marked item is black there, and all of its probability moves.
    black, white, regions = torch.zeros(3, 1, 12, 12), torch.ones(5, 1, 12, 12), corner(3, 3, 12)
    told = measure_reliance(asking(Reader(slice(0, 3))), black, regions, white)
    assert (float(told.marked), told.marked.n) == (pytest.approx(1), 3)
    assert (float(told.unmarked), told.unmarked.n) == (0, 5)
    assert told.area == pytest.approx(9 / 144)


def test_unmarked_items_take_the_marked_regions_in_turn():
    right = torch.zeros(1, 12, 12, dtype=torch.bool)
    right[:, :3, 9:] = True
    others = torch.zeros(2, 1, 12, 12)
    others[:, :, 11] = 1  # paint may have any shade
    regions = torch.cat([corner(1, 3, 12), right])
    told = measure_reliance(asking(Reader(slice(9, 12))), torch.zeros(2, 1, 12, 12), regions, others)
    assert 0.2 < float(told.unmarked) <= 0.5  # the first takes a region where the net doesn't look


def test_the_share_of_attribution_is_of_the_predicted_label_whatever_its_sign():
    class Weighs(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.Parameter(torch.tensor([3.0, -1.0, 5.0]))

        def forward(self, views):
            first, second, third = (views[:, 0, at, at] for at in (0, 5, 9))
            return torch.stack([9 + self.weights[0] * first + self.weights[1] * second, self.weights[2] * third], dim=1)
    views = torch.rand(4, 1, 12, 12, generator=chance())
    told = measure_reliance(asking(Weighs()), views, corner(4, 3, 12), views)
    assert float(told.share) == pytest.approx(3 / 4)


def test_regions_and_views_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 12, 12\)"):
        leaning(reader(), torch.zeros(2, 1, 12, 12), corner(1, 3, 12))
