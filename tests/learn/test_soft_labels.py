"""Is all that people said weighed, and does the model learn from it by degrees?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shades
import torch
from sklearn.datasets import load_digits
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.learn.data import LabelledImages
from hitl_widgets.learn.soft_labels import _majority, soft_labels
from hitl_widgets.quality.pooling import Votes

N_ANSWERS, N_GOLD = 240, 40
NAMES = [str(digit) for digit in range(10)]
DIGITS = load_digits()
IMAGES, TRUTH = (DIGITS.images * 15.9).astype(np.uint8), DIGITS.target


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(folder="p", n=400, **more):
        wb = hw.Workbench(tmp_path / folder, hw.Pool.from_images(IMAGES[:n]), hw.Taxonomy(NAMES), annotator="ada",
                          device="cpu", model=net(), **{"holdout": 0.0, **more})
        made.append(wb)
        return wb
    yield open_
    for wb in made:
        wb.close()


def answered(wb, *, error=0.25, n=N_ANSWERS, n_gold=N_GOLD, certainty=True, seed=0):
    """Votes to the first items, the last of them gold; what is right among those that teach."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n + n_gold) < error
    said = np.where(wrong, (TRUTH[:n + n_gold] + rng.integers(1, 10, n + n_gold)) % 10, TRUTH[:n + n_gold])
    felt = np.where(wrong, rng.integers(0, 8, n + n_gold), rng.integers(4, 11, n + n_gold))
    wb.import_annotations(pd.DataFrame({"id": wb.pool.ids[:n + n_gold], "label": [NAMES[label] for label in said],
                                        "certainty": felt.astype(float) if certainty else np.nan}))
    wb.gold({item_id: NAMES[TRUTH[row + n]] for row, item_id in enumerate(wb.pool.ids[n:n + n_gold])})
    return dict(zip(wb.pool.ids[:n], (~wrong[:n]).tolist(), strict=True))


def test_the_answers_believed_least_are_wrong_and_gold_is_not_among_them(opened):
    wb = opened()
    right = answered(wb)
    believed = soft_labels(wb.project, wb.registry.untrained_embeddings)
    assert sorted(believed.item_ids) == sorted(right)
    assert believed.probs.sum(axis=1) == pytest.approx(np.ones(N_ANSWERS))
    assert believed.pooling.n_known == N_GOLD
    assert believed.pooling.certainty_slope > 0.2
    least = believed.answers.sort_values("right")["item_id"][:20]
    assert sum(not right[item_id] for item_id in least) >= 18
    label_of = {label: i for i, label in enumerate(NAMES)}
    top = [wb.taxonomy.name_of(wb.taxonomy.label_ids[column]) for column in believed.probs.argmax(axis=1)]
    truth = TRUTH[believed.positions]
    assert (np.array([label_of[name] for name in top]) == truth).mean() > np.mean(list(right.values())) + 0.1


@pytest.mark.long
def test_a_fine_tuning_by_degrees_learns_more_than_one_that_takes_all_at_its_word(opened):
    gains = []
    for seed in (0, 1):
        wb = opened(folder=f"p{seed}", n=900)
        answered(wb, n=400, error=0.4, seed=seed)
        wb.gold({item_id: NAMES[TRUTH[wb.pool.position(item_id)]] for item_id in wb.pool.ids[440:]})
        off, soft = (float(wb.finetune(epochs=20, adopt="never", start="initial", certainty=how,
                                       seed=seed).after["accuracy"]) for how in ("off", "soft"))
        gains.append(soft - off)
    assert np.mean(gains) > 0.01


@pytest.mark.long
def test_run_again_from_the_top_a_soft_run_is_read_from_the_log(opened):
    wb = opened()
    answered(wb)
    once = wb.finetune(epochs=1, certainty="soft")
    wb.close()
    again = opened().finetune(epochs=1, certainty="soft")
    assert again.net is None
    assert again.model == once.model


@pytest.mark.long
def test_the_soft_training_set_has_a_row_of_probabilities_for_each_item(opened):
    wb = opened()
    answered(wb)
    items = wb.training_set(certainty="soft")
    assert items.targets.shape == (N_ANSWERS, 10)
    assert items.targets.dtype == np.float32
    view, target, weight = items[3]
    assert (view.shape, target.shape, weight) == ((1, 8, 8), (10,), 1.0)
    [batch] = torch.utils.data.DataLoader(items, batch_size=N_ANSWERS)
    assert batch[1].shape == (N_ANSWERS, 10)
    assert wb.training_set().targets.shape == (N_ANSWERS,)


def test_what_was_answered_unsure_teaches_too(opened):
    wb = opened()
    answered(wb, n=200)
    guessed, without = wb.pool.ids[300], wb.pool.ids[301]
    wb.decide(guessed, "unsure", label=NAMES[TRUTH[300]], certainty=2)
    wb.decide(without, "unsure")
    wb.decide(wb.pool.ids[302], "skip")
    items = wb.training_set(certainty="soft")
    rows = dict(zip(items.item_ids, items.targets, strict=True))
    assert len(rows) == 202
    column = items.names.index(NAMES[TRUTH[300]])
    assert rows[guessed].argmax() == column
    assert 0.15 < rows[without].max() < 0.9
    assert {guessed, without}.isdisjoint(wb.training_set().item_ids)


@pytest.mark.long
def test_several_annotators_answers_become_a_distribution(opened):
    wb = opened(annotators_per_item=3)
    answered(wb, n=100, n_gold=0, error=0.0)
    for item_id, label in zip(wb.pool.ids[:60], TRUTH[:60], strict=True):
        wb.decide(item_id, label=NAMES[label], annotator="bob", certainty=7)
    split = wb.pool.ids[0]
    wb.decide(split, label=NAMES[(TRUTH[0] + 1) % 10], annotator="bob")
    believed = soft_labels(wb.project, wb.registry.untrained_embeddings)
    assert believed.annotators == ["bob", "import"]
    row = believed.item_ids.index(split)
    agreed_row = believed.item_ids.index(wb.pool.ids[1])
    assert believed.probs[row].max() < believed.probs[agreed_row].max()
    assert len(believed.answers) == 160


@pytest.mark.long
@pytest.mark.parametrize("felt", [None, 10.0])
def test_one_annotator_without_gold_who_errs_nowhere_is_believed(opened, felt):
    wb = opened()
    wb.import_annotations(pd.DataFrame({"id": wb.pool.ids[:200], "label": [NAMES[label] for label in TRUTH[:200]],
                                        "certainty": felt}))
    believed = soft_labels(wb.project, wb.registry.untrained_embeddings)
    assert believed.pooling.n_known == 0
    names = np.array(NAMES)[TRUTH[believed.positions]]
    said = [wb.taxonomy.name_of(wb.taxonomy.label_ids[column]) for column in believed.probs.argmax(axis=1)]
    assert (names == said).mean() > 0.97


def test_hold_out_answers_never_teach_nor_calibrate(opened):
    wb = opened(holdout=0.5)
    answered(wb, n_gold=0)
    believed = soft_labels(wb.project, wb.registry.untrained_embeddings)
    assert believed.item_ids
    assert not set(believed.item_ids) & set(wb.holdout)


@pytest.mark.long
def test_an_item_that_can_not_be_read_is_passed_over(tmp_path):
    from PIL import Image
    folder = tmp_path / "images"
    folder.mkdir()
    for row in range(60):
        Image.fromarray(IMAGES[row]).resize((16, 16)).save(folder / f"{row:02}.png")
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(folder), hw.Taxonomy(NAMES), annotator="ada", holdout=0.0,
                      device="cpu")
    for row, item_id in enumerate(wb.pool.ids):
        wb.decide(item_id, label=NAMES[TRUTH[row]])
    (folder / "07.png").unlink()
    assert np.isfinite(soft_labels(wb.project, wb.registry.untrained_embeddings).probs).all()
    for certainty in ("soft", "weight"):
        run = wb.finetune(epochs=1, certainty=certainty)
        assert run.n_training + run.n_validation == 59
    wb.close()


def test_with_no_answer_there_is_nothing_to_learn_by_degrees(opened):
    wb = opened()
    assert len(wb.training_set(certainty="soft")) == 0
    with pytest.raises(BadInput, match="no annotations"):
        wb.finetune(certainty="soft")


def test_with_unsure_alone_there_is_nothing_to_tell_apart(opened):
    wb = opened()
    for item_id in wb.pool.ids[:20]:
        wb.decide(item_id, "unsure")
    with pytest.raises(BadInput, match="one label"):
        wb.finetune(certainty="soft")


def test_a_way_to_count_certainty_that_does_not_exist_is_refused(opened):
    with pytest.raises(BadInput, match="weight, soft, off"):
        opened().training_set(certainty="hard")


@pytest.mark.parametrize("rows", [np.full((3, 4), 0.25), np.full((3, 2), 0.4), np.array([[2.0, -1.0]] * 3)])
def test_rows_that_are_no_probabilities_of_these_labels_are_refused(rows):
    with pytest.raises(ShapeError, match="2 probabilities"):
        LabelledImages(hw.Pool.from_images(IMAGES[:3]), [0, 1, 2], rows, ["a", "b"], preprocess=torch.from_numpy)


class Wrapped(nn.Module):
    """A net without a linear layer that gives its outputs."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(64, 10, generator=torch.Generator().manual_seed(0)) / 8)

    def forward(self, views):
        return views.flatten(1) @ self.weight


@pytest.mark.long
def test_soft_labels_and_second_looks_need_no_last_layer(tmp_path):
    """Both raised ModelError where a net's last layer isn't found, though two of three features need none."""
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(IMAGES[:200]), hw.Taxonomy(NAMES), annotator="ada", holdout=0.0,
                      model=Wrapped(), device="cpu")
    answered(wb, n=120, n_gold=20)
    assert wb.registry.untrained_embeddings([0, 1]) is None
    assert len(wb.training_set(certainty="soft")) == 120
    assert len(wb.people.second_looks())
    assert wb.finetune(epochs=1, certainty="soft", adopt="never").calibrated.startswith("not calibrated")
    wb.close()


def test_the_independent_net_is_the_one_with_which_the_project_began(tmp_path):
    """A session that passed trained weights judged answers by a net that had learnt them."""
    pool = hw.Pool.from_images(IMAGES[:50])
    for seed in (0, 1):
        wb = hw.Workbench(tmp_path, pool, hw.Taxonomy(NAMES), annotator="ada", model=net(seed), device="cpu")
        embeddings = wb.registry.untrained_embeddings(range(5))
        wb.close()
        if seed == 0:
            first = embeddings
    assert np.array_equal(first, embeddings)


@pytest.mark.long
def test_soft_labels_of_a_team_that_copies_the_model_know_what_was_on_the_screen(tmp_path):
    """Where most answers were copied from a wrong suggestion, the label isn't as certain as their number says."""
    rng, n = np.random.default_rng(0), 120
    with hw.Workbench(tmp_path, shades.POOL, shades.NAMES, holdout=0.0, annotators_per_item=3, progress=False) as wb:
        ids = [wb.taxonomy.label(name).id for name in shades.NAMES]
        wrong = rng.random(n) < 0.3
        for place, item_id in enumerate(shades.POOL.ids[:n]):
            truth = shades.NAMES.index(shades.KINDS[place])
            suggested = (truth + 1) % 3 if wrong[place] else truth
            for who in ("ann", "bob", "cleo"):
                shown = bool(rng.random() < 0.7)
                label = suggested if shown and rng.random() < 0.6 else truth if rng.random() < 0.9 else \
                    int(rng.integers(3))
                wb.decide(item_id, label=shades.NAMES[label], annotator=who, seen=hw.Seen(
                    suggestion=ids[suggested], hidden=not shown, model="m", chosen_by="random",
                    arm="shown" if shown else "blind", arm_probability=0.7 if shown else 0.3))
        soft = soft_labels(wb.project, wb.registry.untrained_embeddings)
        crowd = wb.project.answers().crowd()
    truth_of = dict(zip(shades.POOL.ids, shades.KINDS, strict=True))
    right = np.array([shades.NAMES[top] == truth_of[item_id] for item_id, top in
                      zip(soft.item_ids, soft.probs.argmax(axis=1), strict=True)])
    assert crowd.method == "exposure"
    assert crowd.copying is not None
    assert abs(crowd.copy_rate - 0.6) < 0.12
    assert abs(crowd.model - (1 - wrong.mean())) < 0.08
    assert right.mean() > 0.9
    assert abs(soft.probs.max(axis=1).mean() - right.mean()) < 0.08


def test_where_answers_are_tied_no_label_teaches_the_quick_models():
    """The tie fell to the label that comes first in the taxonomy."""
    votes = Votes.of([0, 0, 1, 1, 1, 2, 3, 3], [2, 0, 2, 1, 1, 2, 1, 2], annotator=[0, 1, 0, 1, 2, 0, 0, 1],
                     unsure=[False] * 6 + [True, False])
    assert _majority(votes, 5, 3).tolist() == [-1, 1, 2, 2, -1]
    assert _majority(Votes.of([], []), 0, 3).tolist() == []
