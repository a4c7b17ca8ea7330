"""What a new model says otherwise than the former one is a table, and thumbnails."""

import numpy as np
import pytest
import torch
from shades import IMAGES, NAMES, POOL, label_some, small_net
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.predict import NetPredictor


class Says(nn.Module):
    """Gives each item the logits that are written down for its brightness."""

    def __init__(self, dark, light):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([dark, light]))

    def forward(self, views):
        return self.logits[(views.mean(dim=(1, 2, 3)) > 0.5).long()]


@pytest.fixture
def two(bench):
    """Items that are dark in turn, and two models: the former is right of the light ones only, the new one of all."""
    images = np.zeros((8, 6, 6), np.uint8)
    images[1::2] = 255
    wb = bench(pool=hw.Pool.from_images(images), taxonomy=["dark", "light"], holdout=0,
               model=Says([0.0, 2.0], [0.0, 2.0]), preprocess=hw.Preprocess(6))
    former = wb.registry.adopted
    return wb, former, wb.adopt(Says([1.0, 0.0], [0.0, 2.0]))


def test_items_that_another_model_calls_otherwise_are_listed_with_both_confidences(two):
    wb, former, new = two
    flips = wb.models.flips()
    assert (flips.before, flips.after, flips.n_items, len(flips)) == (former, new, 8, 4)
    items = flips.items
    assert sorted(items["item_id"]) == ["0", "2", "4", "6"]
    assert set(items["before"]) == {"light"}
    assert set(items["after"]) == {"dark"}
    # Softmax of (0, 2): 0.8808 for light; of (1, 0): 0.7311 for dark. Moved: 0.8808 - 0.2689.
    assert items["before_confidence"].tolist() == pytest.approx([0.8808] * 4, abs=1e-4)
    assert items["after_confidence"].tolist() == pytest.approx([0.7311] * 4, abs=1e-4)
    assert items["moved"].tolist() == pytest.approx([0.6119] * 4, abs=1e-4)
    assert items["answer"].tolist() == items["right"].tolist() == items["role"].tolist() == [None] * 4


def test_where_an_answer_is_known_it_says_which_model_was_right(two):
    wb, former, new = two
    wb.gold({"0": "dark"})
    wb.decide("2", label="light")
    flips = wb.models.flips()
    items = flips.items.set_index("item_id")
    assert items.loc["0", ["answer", "right", "role"]].tolist() == ["dark", "after", "measures"]
    assert items.loc["2", ["answer", "right", "role"]].tolist() == ["light", "before", "teaches"]
    assert items.loc["4", ["answer", "right", "role"]].tolist() == [None, None, None]
    titles = sorted(axes.get_title(loc="left") for axes in flips.plot().axes)
    assert [title.rpartition("\n")[2] for title in titles] == [
        "answer: dark, as after", "answer: light, as before", "no answer yet", "no answer yet"]
    assert repr(flips).splitlines() == [
        f"{former} -> {new}: 4 of 8 items flipped",
        "of 1 whose answer measures: 1 became right, 0 became wrong, 0 were and are wrong",
        "of 1 that teach, which it may know by heart: 0 became right, 1 became wrong, 0 were and are wrong"]


def test_answers_given_in_sight_of_a_suggestion_are_told_apart(two):
    """They lean towards the model that suggested: it looked better than the other one by what it had said itself."""
    wb, former, _ = two
    light = wb.taxonomy.label("light").id
    wb.decide("2", label="light", seen=hw.Seen(suggestion=light, model=former))
    wb.decide("4", label="dark", seen=hw.Seen(suggestion=light, model=former, hidden=True))
    wb.decide("6", label="dark")  # a script doesn't say
    flips = wb.models.flips()
    assert flips.items.set_index("item_id")["blind"].to_dict() == {"0": None, "2": False, "4": True, "6": None}
    assert repr(flips).splitlines()[1:] == [
        "of 3 that teach, which it may know by heart: 2 became right, 1 became wrong, 0 were and are wrong",
        "of 1 of these that were answered without sight of a suggestion: 1 became right, 0 became wrong, 0 were and "
        "are wrong"]


def test_a_third_label_makes_neither_right(bench):
    def says(label):
        return Says(*([[3.0 * (place == label) for place in range(3)]] * 2))
    wb = bench(model=says(0), holdout=0, preprocess=hw.Preprocess(16))
    wb.adopt(says(1))
    wb.gold({POOL.ids[0]: NAMES[2]})
    assert wb.models.flips().items.set_index("item_id").loc[POOL.ids[0], "right"] == "neither"


def test_either_model_can_be_named_by_the_beginning_of_its_version(two):
    wb, former, new = two
    turned = wb.models.flips(new[:6], former[:6])
    assert (turned.before, turned.after) == (new, former)
    assert set(turned.items["before"]) == {"dark"}
    assert wb.models.flips(before=former[:6]).after == new
    assert wb.models.flips(after=former).before == new  # the adopted one is what it is held against
    assert wb.registry.adopted == new


def test_a_model_that_was_not_adopted_is_held_against_the_one_that_is(bench):
    wb = bench(model=small_net())
    label_some(wb)
    run = wb.finetune(epochs=3, adopt="never")
    flips = wb.models.flips(after=run.model)
    assert (flips.before, flips.after) == (wb.registry.adopted, run.model)
    said = wb.predict().set_index("item_id")["label"]
    assert (said[flips.items["item_id"]].to_numpy() == flips.items["before"]).all()
    wb.adopt(run.model)
    now = wb.predict().set_index("item_id")["label"]
    assert sorted(said.index[said != now]) == sorted(flips.items["item_id"])
    assert flips.items["moved"].is_monotonic_decreasing


def test_what_a_former_model_said_is_kept_and_not_asked_again(two, monkeypatch):
    wb, former, new = two
    wb.models.flips()
    monkeypatch.setattr(NetPredictor, "predict", lambda self, positions: pytest.fail("asked again"))
    monkeypatch.setattr(NetPredictor, "predict_and_embed", lambda self, positions: pytest.fail("asked again"))
    assert len(wb.models.flips()) == len(wb.models.flips(new, former)) == 4


def test_a_model_whose_weights_are_gone_is_told(two):
    wb, former, _ = two
    wb.registry.path(former).unlink()
    with pytest.raises(ModelError, match=f"weights of {former} are gone"):
        wb.models.flips()


def test_only_so_many_items_are_asked_about(two):
    wb, *_ = two
    assert wb.models.flips(n=3).n_items == 3


def test_models_from_before_a_taxonomy_edit_are_compared_under_todays_labels(bench):
    wb = bench(model=Says([3.0, 0.0, 0.0], [3.0, 0.0, 0.0]), holdout=0, preprocess=hw.Preprocess(16))
    wb.adopt(Says([0.0, 3.0, 0.0], [0.0, 0.0, 3.0]))
    assert len(wb.models.flips()) == len(POOL)
    wb.apply(edits.merge(["dark", "light"], "plain"))
    n_light = int((IMAGES.mean(axis=(1, 2)) > 127.5).sum())
    assert len(wb.models.flips()) == n_light  # dark and light are one label now
    assert set(wb.models.flips().items["after"]) == {"striped"}


def test_models_from_before_a_split_flip_only_where_they_leave_the_family(bench):
    """The largest single label was taken for the suggestion, which the card takes from the best family."""
    wb = bench(model=Says([1.0, 0.6, -2.0], [1.0, 0.6, -2.0]), holdout=0, preprocess=hw.Preprocess(16))
    wb.adopt(Says([3.0, 0.0, 0.0], [0.0, 3.0, 0.0]))
    n_light = int((IMAGES.mean(axis=(1, 2)) > 127.5).sum())
    assert len(wb.models.flips()) == n_light
    wb.apply(edits.split("dark", ["grey", "black", "brown"]))
    flips = wb.models.flips()
    assert len(flips) == n_light
    assert flips.items["before"].isin(["grey", "black", "brown"]).all()
    assert set(flips.items["after"]) == {"light"}


def test_an_item_that_cannot_be_read_is_left_out(bench, tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(POOL.picture(0).data)
    pool = hw.Pool.from_images([tmp_path / "a.png", tmp_path / "b.png"])
    wb = bench(pool=pool, model=Says([3.0, 0.0, 0.0], [3.0, 0.0, 0.0]), holdout=0,
               preprocess=hw.Preprocess(16, channels=1))
    (tmp_path / "b.png").write_bytes(b"torn")
    wb.adopt(Says([0.0, 3.0, 0.0], [0.0, 3.0, 0.0]))
    assert (wb.models.flips().n_items, len(wb.models.flips())) == (1, 1)


def test_thumbnails_are_plotted_with_names_that_hold_dollars(bench):
    wb = bench(taxonomy=["$a", "b$", "$c$"], model=Says([3.0, 0.0, 0.0], [3.0, 0.0, 0.0]), holdout=0,
               preprocess=hw.Preprocess(16))
    wb.adopt(Says([0.0, 3.0, 0.0], [0.0, 3.0, 0.0]))
    figure = wb.models.flips().plot(5)
    assert sum(bool(axes.images) for axes in figure.axes) == 5
    assert "$a 0.91" in figure.axes[0].get_title(loc="left")
    assert figure.axes[0].get_title(loc="left").endswith("no answer yet")
    assert figure._repr_png_()[0].startswith(b"\x89PNG")


def test_no_flips_are_an_empty_table(two):
    wb, _, new = two
    twin = wb.adopt(Says([1.5, 0.0], [0.0, 2.0]))
    flips = wb.models.flips(new, twin)
    assert len(flips) == 0
    assert list(flips.items) == ["item_id", "before", "before_confidence", "after", "after_confidence", "moved",
                                 "answer", "right", "role", "blind"]
    assert flips.plot()._repr_png_()[0]


@pytest.mark.parametrize(("arguments", "said"), [
    ({"before": "deadbeef"}, "'deadbeef' is unknown"), ({"after": 3}, "after is a int"), ({"n": 0}, "n is 0"),
])
def test_what_cannot_be_compared_is_said(two, arguments, said):
    with pytest.raises(BadInput, match=said):
        two[0].models.flips(**arguments)


def test_one_model_alone_has_nothing_to_be_held_against(bench):
    wb = bench(model=small_net())
    with pytest.raises(BadInput, match="nothing to compare it with"):
        wb.models.flips()
    with pytest.raises(BadInput, match="are one model"):
        wb.models.flips(wb.registry.adopted, wb.registry.adopted)
    with pytest.raises(ModelError, match="no model yet"):
        bench("q").models.flips()


def test_a_sample_of_the_pool_is_not_the_holdout_first(bench):
    """The hold-out has the smallest draws, by which the sample was ordered: it had nothing else."""
    images = np.zeros((200, 6, 6), np.uint8)
    images[1::2] = 255
    wb = bench(pool=hw.Pool.from_images(images), taxonomy=["dark", "light"], holdout=0.25,
               model=Says([0.0, 2.0], [0.0, 2.0]), preprocess=hw.Preprocess(6))
    wb.adopt(Says([1.0, 0.0], [2.0, 0.0]))
    flips = wb.models.flips(n=80)
    drawn = flips.items["item_id"]
    assert flips.n_items == 80
    assert 0 < drawn.isin(wb.holdout).sum() < 0.6 * len(drawn)
