"""Does the whole loop hold together: label, predict, fine-tune, adopt, and go on after a restart?"""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from shades import IMAGES, KINDS, N_ITEMS, NAMES, POOL, TRUTH, label_some, small_net
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits, quality
from hitl_widgets.errors import BadInput, IdReused, ImageError, ModelError, StoreError
from hitl_widgets.quality.votes import VOTE_COLUMNS

# -- the model -----------------------------------------------------------------------------------------------

@pytest.mark.long
def test_without_a_model_it_labels_and_trains_a_net_of_its_own(bench):
    wb = bench()
    label_some(wb)
    run = wb.finetune(epochs=3, min_steps=96)
    assert run.adopted
    assert run.after["accuracy"] > 0.8
    assert run.after.n == len(wb.project.reference()) > 0
    assert np.isnan(run.before["accuracy"])
    assert "no model before" in repr(run)
    assert wb.predict()["model"].unique().tolist() == [run.model]


def test_the_net_that_was_passed_in_is_never_changed(bench):
    net = small_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    wb = bench(model=net)
    label_some(wb)
    wb.finetune(epochs=2)
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_gain_is_measured_on_the_same_items_with_its_interval(bench):
    wb = bench(model=small_net())
    for item_id in [*wb.pool.ids[:60], *wb.holdout]:
        wb.decide(item_id, label=TRUTH[item_id])
    run = wb.finetune(epochs=4)
    assert run.before.n == run.after.n == len(wb.holdout) >= 30
    assert float(run.gain) == pytest.approx(run.after["accuracy"] - run.before["accuracy"])
    assert run.gain.low < run.gain <= run.gain.high
    assert run.table()["label"].tolist() == [*NAMES, "all", "balanced accuracy"]
    assert run.plot().axes


@pytest.mark.parametrize(("act", "message"), [
    (lambda wb: wb.predict(budget_s="1"), "budget_s is '1'"),
    (lambda wb: wb.progress(0), "n_answers is 0"),
    (lambda wb: wb.revert(1), "edit '1' can't be taken back"),
    (lambda wb: wb.next(3, strategy=lambda probs: np.ones(3)), "scores of shape")])
def test_wrong_arguments_are_named_in_a_sentence(bench, act, message):
    """These raised a TypeError, an AttributeError and numpy's ValueError, or named an argument that there isn't."""
    wb = bench(model=small_net())
    wb.predict()
    with pytest.raises(hw.errors.HitlError, match=message):
        act(wb)
    assert repr(wb.next(0)) == "<0 items>"


def test_few_holdout_answers_say_that_they_are_too_few(bench):
    wb = bench(model=small_net())
    label_some(wb, 40)
    assert 0 < len(wb.project.reference()) < 30
    assert "few items" in repr(wb.finetune(epochs=1))


def test_without_a_holdout_the_figures_say_so(bench):
    wb = bench(model=small_net(), holdout=0)
    label_some(wb)
    run = wb.finetune(epochs=1)
    assert "no hold-out" in repr(run.gain)
    assert run.adopted


@pytest.mark.long
def test_the_same_run_twice_gives_the_same_model(bench):
    models = []
    for folder in ("one", "two"):
        wb = bench(folder, model=small_net())
        label_some(wb)
        models.append(wb.finetune(epochs=2, seed=3).model)
    assert models[0] == models[1]


@pytest.mark.long
def test_a_worse_model_is_not_adopted(bench):
    wb = bench(model=small_net())
    label_some(wb, 120)
    good = wb.finetune(epochs=6, min_steps=192)
    assert good.after["accuracy"] > 0.9
    for item_id in wb.annotations()["item_id"]:   # people who err all at once
        wb.decide(item_id, label=NAMES[(NAMES.index(TRUTH[item_id]) + 1) % 3], seen={})
    bad = wb.finetune(epochs=6, min_steps=192)
    assert bad.gain.high < 0
    assert not bad.adopted
    assert wb.registry.adopted == good.model
    assert "the former model stands" in repr(bad)
    assert wb.finetune(epochs=6, min_steps=192, adopt="always").adopted


def test_opened_again_the_adopted_checkpoint_is_loaded(bench):
    wb = bench(model=small_net())
    label_some(wb)
    run = wb.finetune(epochs=2)
    expected = wb.predict()
    wb.close()
    again = bench(model=small_net(seed=9))
    assert again.registry.adopted == run.model
    pd.testing.assert_frame_equal(again.predict(), expected)


def test_restart_and_run_all_ends_where_it_ended_before(bench):
    def notebook():
        wb = bench(model=small_net())
        hw.simulate(wb, TRUTH, n=40)
        first = wb.finetune(epochs=2)
        hw.simulate(wb, TRUTH, n=30)
        second = wb.finetune(epochs=2)
        state = wb.annotations(), wb.registry.adopted, second.model, repr(second.after), wb.project.round
        wb.close()
        return first, state
    _, once = notebook()
    first_again, twice = notebook()
    pd.testing.assert_frame_equal(once[0], twice[0])
    assert once[1:] == twice[1:]
    assert first_again.model == once[2]


@pytest.mark.parametrize(("between", "label", "status"), [
    (lambda wb: wb.import_predictions(pd.DataFrame({"item_id": wb.pool.ids, "dark": 0.2, "light": 0.7, "striped": 0.1}
                                                   )), "dark", "decided"),
    (lambda wb: wb.apply(edits.rename("dark", "dim")), "dim", "decided"),
    (lambda wb: wb.apply([edits.rename("dark", "dim"), edits.add("dark")]), "dim", "decided"),
    (lambda wb: wb.apply(edits.merge(["dark", "light"], into="plain")), "plain", "decided"),
    (lambda wb: wb.apply(edits.split("dark", into=["dark", "black"])), None, "to_review"),
    (lambda wb: wb.apply(edits.retire("dark")), None, "to_review")],
    ids=["another model", "rename", "a new label of that name", "merge", "split", "retire"])
def test_a_decision_that_a_script_names_is_the_same_act_whatever_came_in_between(bench, between, label, status):
    """The second run of a notebook was refused with IdReused or UnknownLabel."""
    wb = bench(holdout=0)
    once = wb.decide("3", label="dark", id="script-0003")
    between(wb)
    again = wb.decide("3", label="dark", id="script-0003")
    assert (again.label_id, again.verdict, again.seen) == (once.label_id, once.verdict, once.seen)
    table = wb.annotations().replace({np.nan: None})
    assert table[["label", "status"]].to_numpy().tolist() == [[label, status]]
    with pytest.raises(IdReused):
        wb.decide("3", label="light", id="script-0003")


def test_a_decision_that_a_script_names_may_say_what_was_seen_and_not_under_which_labels(bench):
    wb = bench(holdout=0)
    wb.decide("3", label="dark", id="script-0003", seen={"hidden": True})
    wb.apply(edits.split("dark", into=["dim", "black"]))
    assert wb.decide("3", label="dark", id="script-0003", seen={"hidden": True}).seen.taxonomy == 1
    assert len(wb.history().query("kind == 'decided'")) == 1
    with pytest.raises(IdReused):
        wb.decide("3", label="dark", id="script-0003", seen={"hidden": False})


def test_nothing_to_learn_from_is_said(bench):
    wb = bench()
    with pytest.raises(BadInput, match="no annotations to learn from"):
        wb.finetune()
    label_id = wb.taxonomy.label("dark").id
    for item in [item for item in wb.next(40) if not item.blind][:12]:
        wb.decide(item.id, label=label_id)
    with pytest.raises(BadInput, match="one label"):
        wb.finetune(epochs=1)


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"epochs": 2.5}, {"budget_s": -1}, {"start": "scratch"},
                                 {"adopt": True}])
def test_arguments_of_finetune_that_make_no_sense_are_refused(bench, bad):
    with pytest.raises(BadInput, match=next(iter(bad))):
        bench().finetune(**bad)


class Raises(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.layer, self.how = nn.Linear(256, 3), how

    def forward(self, views):
        if self.how == "raises" and views.std() > 0:
            raise RuntimeError("no such thing")
        logits = self.layer(views.flatten(1))
        return logits * float("nan") if self.how == "nan" else logits


@pytest.mark.parametrize(("net", "words"), [
    (small_net(4), "4 outputs.*3 labels"),
    (Raises("raises"), "RuntimeError.*no such thing"),
    (Raises("nan"), "finite"),
    ("resnet18", "torch.nn.Module"),
])
def test_a_model_that_does_not_fit_is_told_when_it_comes(bench, net, words):
    with pytest.raises(ModelError, match=words):
        bench(model=net)
    assert bench(model=None).annotations().empty   # and nothing was harmed


def test_an_output_with_logits_serves(bench):
    class Output:
        def __init__(self, logits):
            self.logits = logits

    class Hugging(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small_net()

        def forward(self, views):
            return Output(self.net(views))
    assert len(bench(model=Hugging()).predict(5)) == 5


def test_predictions_come_for_the_next_items_or_within_a_budget(bench):
    wb = bench(model=small_net())
    upcoming = wb.next(7).ids
    frame = wb.predict(7)
    assert frame["item_id"].tolist() == upcoming
    assert frame.columns.tolist() == ["item_id", "label", "confidence", "margin", "model"]
    assert frame["confidence"].between(1 / 3, 1).all()
    assert np.isnan(wb.probs()).any()
    assert len(wb.predict(budget_s=60)) == N_ITEMS
    assert wb.probs().shape == (N_ITEMS, 3)
    assert wb.probs().sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_once_there_is_a_model_the_doubtful_items_come_first(bench):
    wb = bench(model=small_net())
    label_some(wb)
    wb.finetune(epochs=1)
    items = [item for item in wb.next(20, strategy="margin") if item.chosen_by != "holdout"]
    assert {item.chosen_by for item in items} == {"margin"}
    default = [item.chosen_by for item in wb.next(20) if item.chosen_by != "holdout"]
    assert set(default) == {"diverse_margin", "audit"}
    assert default.count("audit") <= 2
    margins = wb.predict().set_index("item_id")["margin"]
    left = margins.drop([*wb.annotations()["item_id"], *wb.holdout])
    assert [item.id for item in items] == left.sort_values().index[:len(items)].tolist()


def test_predicting_without_a_model_says_what_to_do(bench):
    with pytest.raises(ModelError, match="pass model="):
        bench().predict()


def test_an_unreadable_image_is_left_out_and_the_work_goes_on(bench, tmp_path):
    from PIL import Image
    folder = tmp_path / "images"
    folder.mkdir()
    for k, image in enumerate(IMAGES[:40]):
        Image.fromarray(image).save(folder / f"{k:02d}.png")
    (folder / "07.png").write_bytes(b"no image at all")
    wb = bench(pool=hw.Pool.from_images(folder), model=small_net(), holdout=0)
    frame = wb.predict().set_index("item_id")
    assert frame.loc["07.png"].isna()[["label", "confidence"]].all()
    assert frame.drop("07.png").notna().all(axis=None)
    for k in range(40):
        wb.decide(f"{k:02d}.png", label=KINDS[k], flags=["bad_data"] if k == 7 else [])
    assert wb.finetune(epochs=1).n_training < 40


def test_after_a_taxonomy_edit_labelling_and_training_go_on(bench):
    wb = bench(model=small_net())
    label_some(wb)
    wb.finetune(epochs=2)
    wb.apply(edits.merge(["dark", "light"], "plain"))
    assert len(wb.next(5)) == 5
    run = wb.finetune(epochs=2, adopt="always")
    assert wb.probs().shape == (N_ITEMS, 2)
    assert wb.predict(3)["label"].isin(["plain", "striped"]).all()
    wb.close()
    again = bench(model=small_net(), taxonomy=None)
    assert again.registry.adopted == run.model


def test_the_taxonomy_is_that_of_now_where_another_kernel_edits_it(bench):
    one, other = bench(), bench()
    one.apply(edits.add("violet"))
    assert "violet" in other.taxonomy.names  # it had the labels of its last call
    other.close()
    assert "violet" in other.taxonomy.names


def test_a_model_that_was_refused_leaves_no_project_behind(bench):
    with pytest.raises(ModelError):
        bench(model=small_net(2))
    assert bench(taxonomy=NAMES[:2], model=small_net(2)).taxonomy.names == ("dark", "light")


def test_without_the_adopted_models_net_nothing_is_trained_in_its_place(bench, capsys):
    wb = bench(model=small_net())
    label_some(wb)
    adopted = wb.finetune(epochs=1).model
    wb.close()
    without = bench()
    assert adopted in capsys.readouterr().out
    for act in (without.finetune, without.predict):
        with pytest.raises(ModelError, match=r"open the project with model=\.\.\."):
            act()
    without.close()
    assert bench(model=small_net()).registry.adopted == adopted


def test_a_project_with_a_net_of_its_own_says_that_it_goes_on_with_it(bench):
    wb = bench()
    label_some(wb)
    wb.finetune(epochs=1, start="initial")
    wb.close()
    with pytest.raises(ModelError, match="leave model= out"):
        bench(model=small_net())


@pytest.mark.slow
def test_lost_weights_cost_time_never_labels(bench, tmp_path):
    wb = bench()
    label_some(wb)
    wb.finetune(epochs=1)
    n = len(wb.annotations())
    wb.close()
    for weights in (tmp_path / "p" / "models").iterdir():
        weights.unlink()
    again = bench()
    assert len(again.annotations()) == n
    with pytest.raises(ModelError, match="start='initial'"):
        again.finetune(epochs=1)
    assert again.finetune(epochs=1, start="initial").adopted
    assert len(again.predict(3)) == 3


def test_a_project_with_a_model_of_its_own_opens_without_its_pool_for_reading(bench):
    wb = bench()
    label_some(wb)
    wb.finetune(epochs=1)
    n = len(wb.annotations())
    wb.close()
    reading = bench(pool=None, taxonomy=None)
    assert len(reading.annotations()) == n
    with pytest.raises(BadInput, match="without a pool"):
        reading.finetune(epochs=1)


def test_an_item_and_a_decision_may_stand_for_their_ids(bench):
    wb = bench()
    [item] = wb.next(1)
    wb.retract(wb.decide(item, label="dark"))
    assert wb.annotations().empty


@pytest.mark.parametrize("folder", ["", None, 3])
def test_a_folder_must_be_named(folder):
    with pytest.raises(BadInput, match="folder is"):
        hw.Workbench(folder, POOL, NAMES)


@pytest.mark.parametrize("bad", [{"n": "x"}, {"n": 0}, {"strategy": "foo"}, {"certainty": "always"}])
def test_arguments_of_review_that_make_no_sense_are_refused(bench, bad):
    with pytest.raises(BadInput):
        bench().review(**bad)


# -- the whole project in one file ---------------------------------------------------------------------------

def test_an_archive_holds_the_whole_project(bench, tmp_path):
    wb = bench(model=small_net())
    label_some(wb)
    run = wb.finetune(epochs=2)
    path = wb.archive(tmp_path / "project.zip")
    other = hw.Workbench.from_archive(path, tmp_path / "elsewhere", pool=POOL, model=small_net())
    pd.testing.assert_frame_equal(other.annotations(), wb.annotations())
    *before, exported = wb.history().to_dict("records")  # that names left the project is noted after they did
    assert exported["kind"] == "exported"
    assert other.history()["id"].tolist() == [event["id"] for event in before]
    assert other.registry.adopted == run.model
    other.close()
    reading = hw.Workbench.from_archive(path, tmp_path / "third")
    assert len(reading.consensus()) == len(wb.consensus())
    reading.close()


def test_an_archive_unpacks_nothing_outside_its_folder(bench, tmp_path):
    path = bench().archive(tmp_path / "project.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("models/../../evil.txt", "x")
    with pytest.raises(BadInput, match="no part of a project"):
        hw.Workbench.from_archive(path, tmp_path / "new")
    assert not (tmp_path / "evil.txt").exists()


def test_a_damaged_archive_is_refused_and_leaves_nothing(bench, tmp_path):
    path = bench().archive(tmp_path / "project.zip")
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("log.db")
    middle = info.header_offset + info.compress_size // 2
    data[middle:middle + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(BadInput, match="damaged"):
        hw.Workbench.from_archive(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"hello")
    with pytest.raises(BadInput, match="can't be read as an archive"):
        hw.Workbench.from_archive(tmp_path / "x.zip", tmp_path / "new")
    with pytest.raises(BadInput, match="isn't empty"):
        hw.Workbench.from_archive(tmp_path / "x.zip", tmp_path)


# -- who and where -------------------------------------------------------------------------------------------

def test_the_default_annotator_is_the_hub_user_else_the_systems(bench, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    assert bench("hub", annotator=None).annotator == "grace"
    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setattr("getpass.getuser", lambda: "jovyan")
    wb = bench("binder", annotator=None)
    assert (wb.annotator, wb.session.annotator_is_default) == ("jovyan", True)
    wb.session.rename_annotator("grace")
    assert wb.decide("0", label="dark").annotator == "grace"


def test_a_pool_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"hw\.Pool\.from_images"):
        hw.Workbench(tmp_path / "p", IMAGES, NAMES)


def test_a_folder_that_is_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "p").write_text("a file")
    with pytest.raises(StoreError, match="p"):
        hw.Workbench(tmp_path / "p", POOL, NAMES)


def test_a_damaged_log_names_the_newest_good_copy(bench, tmp_path):
    wb = bench(model=small_net())
    label_some(wb)
    wb.finetune(epochs=1)
    n = len(wb.annotations())
    wb.close()
    (tmp_path / "p" / "log.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=rf"copies.*{n}"):
        bench(model=small_net())


def test_an_example_is_an_item_or_an_image_in_the_projects_folder_and_nothing_outside(bench, tmp_path):
    wb = bench()
    for path in (wb.folder / "like.png", tmp_path / "secret.png"):
        Image.fromarray(np.full((200, 100), 7, np.uint8)).save(path)
    (wb.folder / "notes.txt").write_text("no image")
    for name, size in ((str(wb.pool.ids[0]), None), ("like.png", (48, 96))):
        with Image.open(io.BytesIO(wb.session.example(name))) as image:
            assert image.format == "PNG"
            assert size in (None, image.size)
    for name, words in (("../secret.png", "outside the project's folder"), (str(tmp_path / "secret.png"), "outside"),
                        ("nowhere.png", "neither an item"), ("notes.txt", "isn't an image")):
        with pytest.raises(ImageError, match=words):
            wb.session.example(name)


def test_a_saliency_method_that_does_not_exist_is_named_before_the_card_opens(bench):
    wb = bench(model=small_net())
    with pytest.raises(BadInput, match="'nope' is unknown; known are gradcam"):
        wb.review(explain=["gradcam", "nope"])


# -- accessors, with, HTML -----------------------------------------------------------------------------------

def test_an_accessor_is_called_for_its_table_and_has_methods_as_well(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(["a", "b"]), annotator="ada") as wb:
        assert list(wb.models()) == ["model", "origin", "adopted_at", "accuracy", "n", "n_training",
                                     "adopted"]
        wb.apply(hw.edits.rename("a", "c"))
        assert wb.edits()["prose"].tolist() == ["Rename “a” to “c”."]
        assert wb.edits.counts()["label"].tolist() == ["c", "b"]


def test_the_table_of_people_counts_their_current_answers(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(["a", "b"]), annotator="ada") as wb:
        wb.decide(POOL.ids[0], label="a")
        wb.decide(POOL.ids[1], "skip")
        wb.decide(POOL.ids[2], "unsure", annotator="bob")
        table = wb.people()
    assert table[["n_answers", "n_unsure", "n_skipped"]].to_numpy().tolist() == [[1, 0, 1], [1, 1, 0]]
    assert table["annotator"][0] == "ada"
    assert "bob" not in repr(table), "other people's names aren't shown unless the project said so at its start"


def test_the_owner_of_a_project_made_with_names_sees_them_in_the_table_of_people(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(["a", "b"]), annotator="ada", names=True) as wb:
        wb.decide(POOL.ids[0], label="a")
        wb.decide(POOL.ids[2], label="b", annotator="bob")
        assert wb.people()["annotator"].tolist() == ["ada", "bob"]


def test_a_workbench_closes_at_the_end_of_with(tmp_path):
    with pytest.raises(ZeroDivisionError), hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(["a", "b"])) as wb:
        raise ZeroDivisionError
    with pytest.raises(hw.errors.StoreError):
        wb.decide(POOL.ids[0], label="a")


def test_another_annotator_can_be_set(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(["a", "b"]), annotator="ada") as wb:
        wb.annotator = "bob"
        assert wb.decide(POOL.ids[0], label="a").annotator == "bob"
        with pytest.raises(BadInput):
            wb.annotator = ""


def test_the_html_of_a_workbench_shows_counts_and_escapes_labels(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(["<b>a</b>", "b"]), annotator="ada") as wb:
        wb.decide(POOL.ids[0], label="<b>a</b>")
        page = wb._repr_html_()
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "<b>a</b>" not in page
    assert '<td class="n">1</td>' in page
    with hw.Workbench(tmp_path / "p") as reader:
        assert "No pool" in reader._repr_html_()


def test_a_wrong_method_or_device_is_refused_before_there_is_a_model(bench):
    with pytest.raises(BadInput, match="'gradcamm' is unknown; did you mean 'gradcam'"):
        bench().review(explain="gradcamm")
    with pytest.raises(BadInput, match="device 'gpu' is unknown; 'auto' or one of"):
        bench("q", device="gpu")


def test_the_names_of_methods_are_those_that_there_are():
    from hitl_widgets.explain.attribute import METHODS
    from hitl_widgets.records import METHOD_NAMES
    assert tuple(METHODS) == METHOD_NAMES


def test_an_item_of_the_pool_is_taken_wherever_an_item_is(bench):
    wb = bench(model=small_net())
    assert wb.decide(wb.pool[3], label=wb.taxonomy.names[0]).item_id == wb.pool.ids[3]
    assert wb.explain(wb.pool[:2], "saliency").item_ids == wb.pool.ids[:2].tolist()
    assert wb.explain(wb.pool[0], "saliency").item_ids == [wb.pool.ids[0]]


def test_votes_say_what_each_annotator_had_seen(tmp_path):
    """The answer before the suggestion was shown counts; repeats, imports and scripts are told apart."""
    a, b, c, d = POOL.ids[:4]
    with hw.Workbench(tmp_path, POOL, NAMES, annotator="ada", holdout=0.0) as wb:
        ids = {name: wb.taxonomy.label(name).id for name in NAMES}
        shown = {"suggestion": ids[NAMES[0]], "model": "m1", "chosen_by": "margin", "arm": "shown",
                 "arm_probability": 0.9}
        wb.decide(a, label=NAMES[1], seen=shown)
        first = wb.decide(b, label=NAMES[1], certainty=3, seen={**shown, "arm": "answer_first", "hidden": True,
                                                                 "arm_probability": 0.2, "certainty": "given"})
        wb.decide(b, label=NAMES[0], seen={**shown, "arm": "answer_first", "arm_probability": 0.2})
        again = wb.decide(a, label=NAMES[2], seen={"repeat_of": wb.annotations()["decision_id"][0], "hidden": True})
        wb.decide(c, "unsure", seen=shown)
        wb.decide(d, "skip", seen=shown)
        wb.import_annotations(pd.DataFrame({"item_id": [d], "label": [NAMES[2]]}), annotator="bob")
        votes = wb.votes()
        assert list(votes.columns) == VOTE_COLUMNS
        rows = votes.set_index(["item_id", "annotator", votes["repeat_of"].notna()])
        assert rows.loc[(a, "ada", False), ["label", "shown", "suggestion", "arm", "arm_probability"]].tolist() == \
            [NAMES[1], True, NAMES[0], "shown", 0.9]
        assert rows.loc[(b, "ada", False), ["label", "label_after", "shown", "arm", "arm_probability"]].tolist() == \
            [NAMES[1], NAMES[0], False, "answer_first", 0.2]
        assert rows.loc[(a, "ada", True), "label"] == NAMES[2]
        assert wb.annotations().set_index("item_id").loc[a, "label"] == NAMES[1], "a repeat never stands"
        assert pd.isna(rows.loc[(c, "ada", False), "label"])
        assert rows.loc[(d, "bob", False), "shown"] is pd.NA
        assert len(votes) == 5
        wb.retract(again.id)
        assert wb.votes()["repeat_of"].isna().all()
        wb.apply(hw.edits.rename(NAMES[1], "another name"))
        assert set(wb.votes()["label"].dropna()) == {"another name", NAMES[2]}
        assert first.id not in set(wb.annotations()["decision_id"])


def test_planted_suggestions_and_answers_after_seeing_the_suggestion_never_count(tmp_path):
    a, b = POOL.ids[:2]
    with hw.Workbench(tmp_path, POOL, NAMES, annotator="ada", holdout=0.0) as wb:
        ids = {name: wb.taxonomy.label(name).id for name in NAMES}
        wb.decide(a, label=NAMES[0], seen={"suggestion": ids[NAMES[0]], "planted": True, "chosen_by": "gold"})
        wb.decide(b, label=NAMES[1], seen={"suggestion": ids[NAMES[0]], "arm": "answer_first", "hidden": True})
        wb.decide(b, label=NAMES[0], seen={"suggestion": ids[NAMES[0]], "arm": "answer_first"})
        wb.decide(b, label=NAMES[2], seen={"suggestion": ids[NAMES[0]], "chosen_by": "revision"})
        assert wb.consensus().set_index("item_id")["label"].to_dict() == {b: NAMES[1]}
        assert wb.votes().set_index("item_id").loc[b, ["label", "label_after"]].tolist() == [NAMES[1], NAMES[2]]
        assert wb.annotations().set_index("item_id")["label"].to_dict() == {a: NAMES[0], b: NAMES[2]}
        trained = wb.project.answers().training()
        assert trained.set_index("item_id")["label_id"].to_dict() == {b: ids[NAMES[1]]}


def test_of_two_who_disagree_the_more_reliable_is_believed_and_what_one_alone_said_stands(tmp_path):
    rng, truth = np.random.default_rng(0), np.array(KINDS[:200], object)
    said = {who: np.where(rng.random(200) < right, truth, np.roll(NAMES, 1)[[NAMES.index(name) for name in truth]])
            for who, right in (("ann", 0.97), ("bob", 0.97), ("cleo", 0.6))}
    with hw.Workbench(tmp_path, POOL, NAMES, holdout=0.0, annotators_per_item=3, progress=False) as wb:
        for who, labels in said.items():
            some = slice(0, 120) if who == "bob" else slice(0, 160) if who == "ann" else slice(0, 200)
            wb.import_annotations(pd.DataFrame({"item_id": POOL.ids[:200][some], "label": labels[some]}), annotator=who)
        counted, found = wb.consensus("majority").set_index("item_id"), wb.consensus().set_index("item_id")
        tied = counted["label"].isna()
        assert tied.sum() > 8
        ann = pd.Series(said["ann"], POOL.ids[:200])
        assert found["label"][tied].eq(ann[tied[tied].index]).all()
        assert found["prob"].between(1 / 3, 1).all()
        assert found["tied"].map(len).sum() == 0
        alone = list(POOL.ids[160:200])
        assert found["label"][alone].tolist() == said["cleo"][160:].tolist()
        assert found["share"].between(0, 1).all()


def test_with_few_shared_items_answers_are_counted(tmp_path):
    with hw.Workbench(tmp_path, POOL, NAMES, holdout=0.0, annotators_per_item=2, progress=False) as wb:
        for who, label in (("ann", NAMES[0]), ("bob", NAMES[1])):
            wb.decide(POOL.ids[0], label=label, annotator=who)
        [row] = wb.consensus().to_dict("records")
        assert (row["label"], row["tied"], row["n_answers"]) == (None, (NAMES[0], NAMES[1]), 2)
        assert np.isnan(row["prob"])


def test_the_votes_of_a_project_are_what_every_measure_takes(tmp_path):
    """Its columns hold objects and missing values, as no table made by hand does."""
    with hw.Workbench(tmp_path, POOL, NAMES, holdout=0.0, annotators_per_item=3, progress=False) as wb:
        ids = [wb.taxonomy.label(name).id for name in NAMES]
        for place, item_id in enumerate(POOL.ids[:40]):
            for turn, who in enumerate(("ann", "bob", "cleo")):
                shown = (place + turn) % 3 > 0
                wb.decide(item_id, label=NAMES[(place + (turn == 2 and place % 4 == 0)) % 3], annotator=who,
                          seen=hw.Seen(suggestion=ids[place % 2], hidden=not shown, model="m", chosen_by="random",
                                       arm="shown" if shown else "blind", arm_probability=2 / 3 if shown else 1 / 3))
        votes, truth = wb.votes(), pd.Series([NAMES[place % 3] for place in range(40)], POOL.ids[:40])
    agreement, bias = quality.agreement(votes), quality.automation_bias(votes, truth=truth)
    assert set(agreement.table["coefficient"]) >= {"percent", "krippendorff_alpha", "gwet_ac1"}
    assert bias.effect is not None
    assert bias.anchoring.n == 120
    assert quality.consensus(votes).labels.eq(truth).mean() > 0.9
    assert quality.schools(votes).n == 1


def test_what_votes_say_is_shown_in_words_and_as_html(tmp_path):
    votes = pd.DataFrame([(f"i{i}", who, NAMES[i % 2], bool((i + k) % 2), NAMES[0], "shown" if (i + k) % 2 else "blind",
                           0.5) for i in range(40) for k, who in enumerate(("<b>ann</b>", "bob", "cleo", "dan"))],
                         columns=["item_id", "annotator", "label", "shown", "suggestion", "arm", "arm_probability"])
    for result in (quality.automation_bias(votes), quality.schools(votes), quality.consensus(votes)):
        assert "DataFrame" not in repr(result)
        assert "Series" not in repr(result)
        assert "<b>" not in result._repr_html_()
    assert "take the suggestion, all cards" in quality.automation_bias(votes)._repr_html_()


def test_a_card_of_texts_takes_the_methods_that_explain_texts(tmp_path):
    with hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(["call now", "see you"]), ["ham", "spam"],
                      progress=False) as wb:
        for methods in ("gradcam", "contributions", ("integrated_gradients", "erasure"), None):
            assert wb.review(explain=methods, learn=False) is not None
        with pytest.raises(BadInput, match=r"'occlusion' is unknown; known are contributions, .* of a pool of texts"):
            wb.review(explain="occlusion")
        with pytest.raises(BadInput, match="did you mean 'erasure'"):
            wb.review(explain="erase")
