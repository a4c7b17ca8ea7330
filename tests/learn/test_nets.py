"""Does a net for few answers learn what it should, and nothing else?"""

import numpy as np
import pandas as pd
import pytest
import torch

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.learn.data import TrainingData
from hitl_widgets.learn.nets import (
    holds_kmeans_net,
    is_kmeans_net,
    kmeans_net,
    small_cnn,
    train_head,
    unfitted_kmeans_net,
)
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.learn.weights import load_weights, save_weights

torch.set_num_threads(1)


def stripes(n, *, seed=0, side=16):
    """Views with upright stripes (1) or level ones (0), at any place, in noise."""
    rng = np.random.default_rng(seed)
    targets, wave = rng.integers(0, 2, n), np.sin(np.arange(side) * np.pi / 2 + rng.uniform(0, 6, (n, 1)))
    upright, level = wave[:, None, :], wave[:, :, None]
    images = np.where(targets[:, None, None] == 1, upright, level) + rng.normal(0, 0.5, (n, side, side))
    return torch.from_numpy(images[:, None].astype(np.float32)), targets


def test_a_few_answers_teach_it_what_stripes_are():
    views, targets = stripes(300)
    net = train_head(kmeans_net(2, views), TrainingData(views[:20], targets[:20]),
                     TrainingOptions(epochs=5, min_steps=160)).net
    with torch.no_grad():
        right = (net(views[100:]).argmax(dim=1).numpy() == targets[100:]).mean()
    assert right > 0.95


def test_only_the_last_layer_learns():
    views, targets = stripes(60)
    net = kmeans_net(2, views)
    trained = train_head(net, TrainingData(views, targets), TrainingOptions(epochs=2)).net
    before, after = net.state_dict(), trained.state_dict()
    assert before.keys() == after.keys()
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"6.weight", "6.bias"}


def test_reading_once_is_the_same_as_reading_again_and_again():
    views, targets = stripes(40)
    net = kmeans_net(2, views)
    data, options = TrainingData(views, targets), TrainingOptions(epochs=3)
    one, two = (learn(net, data, options).net for learn in (train_head, train))
    with torch.no_grad():
        assert one(views) == pytest.approx(two(views), abs=1e-4)


@pytest.mark.parametrize("views", [torch.zeros(3, 1, 8, 8), torch.zeros(1, 3, 4, 4), torch.rand(2, 1, 30, 7)])
def test_views_that_say_nothing_or_are_few_do_no_harm(views):
    net = kmeans_net(3, views)
    assert torch.isfinite(net(views)).all()


def test_its_weights_are_known_again(tmp_path):
    views, _ = stripes(30)
    net = kmeans_net(2, views, seed=3)
    save_weights(net, tmp_path / "a.safetensors")
    save_weights(small_cnn(2), tmp_path / "b.safetensors")
    assert (holds_kmeans_net(tmp_path / "a.safetensors"), holds_kmeans_net(tmp_path / "b.safetensors"),
            holds_kmeans_net(tmp_path / "none")) == (True, False, False)
    twin = load_weights(unfitted_kmeans_net(2, channels=1), tmp_path / "a.safetensors")
    with torch.no_grad():
        assert torch.equal(twin(views), net.eval()(views))
    assert is_kmeans_net(twin)
    assert not is_kmeans_net(small_cnn(2))


@pytest.mark.long
def test_a_project_without_a_model_can_begin_with_it_and_go_over_to_a_small_cnn(tmp_path):
    images, labels = digits_on_photographs(150, size=32, seed=1)
    pool = hw.Pool.from_images(images)
    wb = hw.Workbench(tmp_path, pool, sorted(set(labels)), annotator="ada", holdout=0.2)
    hw.simulate(wb, labels.tolist(), n=60)
    run = wb.finetune(epochs=3, start="frozen")
    assert is_kmeans_net(run.net)
    assert wb.explain(str(pool.ids[0])).maps[0].shape == (32, 32)
    said = wb.predict()
    wb.close()
    again = hw.Workbench(tmp_path, pool, annotator="ada")
    assert again.predict()["confidence"].to_numpy() == pytest.approx(said["confidence"].to_numpy(), abs=1e-5)
    hw.simulate(again, labels.tolist(), n=10, seed=1)
    assert again.finetune(epochs=1).taken.startswith("the ")  # both were trained: which wins is a matter of 10 answers
    assert not is_kmeans_net(again.finetune(epochs=1, start="initial", adopt="always").net)
    assert again.adopt(run.model) == run.model
    again.close()


def test_a_model_of_yours_is_not_replaced_by_it(tmp_path):
    images, labels = digits_on_photographs(40, size=32, seed=1)
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(images), sorted(set(labels)), annotator="ada",
                      model=small_cnn(10, channels=3, size=32))
    hw.simulate(wb, labels.tolist(), n=20)
    with pytest.raises(BadInput, match="without a model of yours"):
        wb.finetune(start="frozen")
    wb.close()


def test_marks_teach_a_whole_net_where_a_frozen_backbone_is_adopted(tmp_path):
    """The frozen filters stayed, and marks changed nothing but the last layer: 2 of 5 tensors learnt."""
    views, targets = stripes(60)
    pool, said = hw.Pool.from_images((40 * views[:, 0].numpy() + 128).clip(0, 255).astype(np.uint8)), []
    wb = hw.Workbench(tmp_path, pool, ["0", "1"], annotator="ada", holdout=0.0)
    wb.import_annotations(pd.DataFrame({"item_id": pool.ids, "label": targets.astype(str)}))
    assert is_kmeans_net(wb.finetune(epochs=1, start="frozen").net)
    corner = np.zeros((16, 16), bool)
    corner[:4, :4] = True
    for item_id, target in list(zip(pool.ids, targets, strict=True))[:4]:
        wb.decide(item_id, label=str(target), wrong=corner)
    wb.project.notify = said.append
    run = wb.finetune(epochs=1)
    assert not is_kmeans_net(run.net)
    assert run.reasons == "penalty"
    assert any("starts from the small CNN's first weights" in text for text in said)
    wb.close()
