"""Predictions from anywhere: a table of probabilities is a model like any other, but for what needs a net."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shades import IMAGES, KINDS, N_ITEMS, NAMES, POOL, label_some, small_net

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, HitlError, ModelError, ShapeError, UnknownItem, UnknownLabel
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.imported import ImportedNet, holds_imported_net, net_of
from hitl_widgets.learn.weights import weights_version
from hitl_widgets.testing import wait_for

NUMBERS = np.array([NAMES.index(kind) for kind in KINDS])


def table(*, right=0.9, seed=0, names=NAMES):
    """Probabilities of somebody's model, which is right for that share of the items."""
    rng = np.random.default_rng(seed)
    named = np.where(rng.random(N_ITEMS) < right, NUMBERS, (NUMBERS + 1) % 3)
    probs = rng.dirichlet([1, 1, 1], N_ITEMS) * 0.3
    probs[np.arange(N_ITEMS), named] += 0.7
    return pd.DataFrame({"item_id": POOL.ids, **dict(zip(names, probs.T, strict=True))})


def values(frame):
    return frame[[name for name in frame if name != "item_id"]].to_numpy()


@pytest.fixture
def bench(tmp_path, keep):
    """Opens a workbench in one folder."""
    def open_(pool=POOL, taxonomy=NAMES, *, name="p", **more):
        wb = hw.Workbench(tmp_path / name, pool, None if (tmp_path / name).exists() else taxonomy, annotator="ada",
                          progress=False, **more)
        return keep(wb)
    return open_


@pytest.fixture
def wb(bench):
    return bench()


# -- a model like any ----------------------------------------------------------------------------------------

def test_a_table_of_probabilities_suggests_and_orders_the_queue_now_and_in_the_next_session(bench):
    wb, frame = bench(), table()
    version = wb.import_predictions(frame, model="gpt-9")
    for now in (wb, bench()):
        np.testing.assert_allclose(now.probs(), values(frame), atol=1e-6)
        predicted = now.predict()
        assert predicted["label"].tolist() == [NAMES[k] for k in values(frame).argmax(axis=1)]
        assert set(predicted["model"]) == {version}
        models = now.models()
        assert models[["model", "origin", "name", "adopted"]].to_numpy().tolist() == [
            [version, "imported", "gpt-9", True]]
        doubtful = now.project.next(12, strategy="least_confidence")
        rest = np.delete(values(frame).max(axis=1), [item.position for item in doubtful])
        chosen = [values(frame)[item.position].max() for item in doubtful if item.chosen_by == "least_confidence"]
        assert chosen
        assert max(chosen) <= np.sort(rest)[len(doubtful)]


def test_the_version_is_that_of_the_table_whatever_the_order_of_its_rows_and_columns(bench):
    wb, frame = bench(), table()
    version = wb.import_predictions(frame, model="gpt-9")
    assert wb.import_predictions(frame.sample(frac=1, random_state=1)[[*reversed(list(frame))]]) == version
    assert bench(name="q").import_predictions(frame, model="other") == version
    assert len(list(wb.project.log.events(kind="adopted"))) == 1
    changed = frame.copy()
    changed.loc[5, NAMES] = [0.2, 0.3, 0.5]
    assert wb.import_predictions(changed, model="gpt-9b") != version


def test_the_table_lies_in_safetensors(wb):
    version = wb.import_predictions(table())
    assert holds_imported_net(wb.folder / "models" / f"{version}.safetensors")
    assert [path.suffix for path in (wb.folder / "models").iterdir()] == [".safetensors"]


def test_it_waits_until_it_is_adopted_by_its_name_or_version(bench):
    wb = bench(model=small_net(), preprocess=hw.Preprocess(16, channels=1))
    given = wb.registry.adopted
    version = wb.import_predictions(table(), model="gpt-9", adopt=False)
    assert wb.registry.adopted == given
    assert wb.models()["name"].tolist() == [None, "gpt-9"]
    assert wb.models()["adopted"].tolist() == [True, False]
    assert wb.import_predictions(table(), model="gpt-9", adopt=False) == version
    assert wb.adopt("gpt-9") == version == wb.registry.adopted
    assert wb.adopt(given[:8]) == given
    assert wb.adopt(version[:6]) == version
    assert len(wb.models()) == 2
    again = bench(model=small_net(), preprocess=hw.Preprocess(16, channels=1))
    assert again.registry.adopted == version
    with pytest.raises(BadInput, match="unknown"):
        wb.adopt("gpt-8")


def test_two_tables_of_one_name_are_told_apart_by_their_versions(wb):
    first, second = (wb.import_predictions(table(seed=seed), model="gpt-9") for seed in (0, 1))
    with pytest.raises(BadInput, match="fits more than one"):
        wb.adopt("gpt-9")
    assert wb.adopt(first) == first != second


def test_another_name_for_the_same_table_is_told_and_changes_nothing(wb, said):
    version = wb.import_predictions(table(), model="gpt-9")
    assert wb.import_predictions(table(), model="mine") == version
    assert wb.models()["name"].tolist() == ["gpt-9"]
    assert any("'gpt-9'" in line for line in said)


def test_two_imported_models_are_compared_item_by_item(wb):
    poor, good = table(right=0.6, seed=1), table(right=0.95)
    before = wb.import_predictions(poor, model="poor")
    after = wb.import_predictions(good, model="good")
    flips = wb.models.flips()
    assert (flips.before, flips.after) == (before, after)
    changed = values(poor).argmax(axis=1) != values(good).argmax(axis=1)
    assert set(flips.items["item_id"]) == set(POOL.ids[changed])


def test_blind_answers_score_it_as_any_model(wb):
    wb.import_predictions(table(right=0.8), model="gpt-9")
    for item in wb.next(40, strategy="random"):
        wb.decide(item.id, label=KINDS[item.position], seen=wb.session.would_show(item))
    progress = wb.progress()
    audit = progress.accuracy[progress.accuracy["source"] == "audit"]
    assert audit["model"].tolist() == [wb.registry.adopted]
    assert len(progress.agreement) == 2
    measured = [item_id for item_id in wb.holdout if item_id in set(wb.annotations()["item_id"])]
    [of_holdout] = progress.accuracy[progress.accuracy["source"] == "holdout"].to_dict("records")
    suggested = dict(zip(POOL.ids, values(table(right=0.8)).argmax(axis=1), strict=True))
    right = [NAMES[suggested[item_id]] == KINDS[int(item_id)] for item_id in measured]
    assert (of_holdout["model"], of_holdout["origin"]) == (wb.registry.adopted, "imported")
    assert (of_holdout["n"], of_holdout["share"]) == (len(right), pytest.approx(np.mean(right)))
    assert "imported predictions" in repr(progress)
    assert "imported" in progress._repr_html_()


def test_gold_that_was_answered_before_the_import_does_not_measure_it(bench):
    """Nobody knows what an imported model learnt. A fine-tuning left such gold out, the progress measured on it."""
    wb = bench(holdout=0.0)
    for item_id in POOL.ids[:30]:
        wb.decide(item_id, label=KINDS[wb.pool.position(item_id)])
    wb.import_predictions(table(), model="gpt-9")
    wb.gold({item_id: KINDS[wb.pool.position(item_id)] for item_id in POOL.ids[:40]})
    [row] = wb.progress().accuracy.to_dict("records")
    assert (row["source"], row["origin"], row["n"]) == ("gold", "imported", 10)


@pytest.mark.long
def test_finetuning_trains_the_workbenchs_own_net_and_compares_it(wb):
    imported = wb.import_predictions(table(right=0.5), model="gpt-9")
    label_some(wb, 100)
    run = wb.finetune(epochs=20)
    assert run.adopted
    assert run.before["accuracy"] < run.after["accuracy"]
    assert "imported predictions can't be" in run.taken
    assert wb.registry.adopted == run.model
    assert wb.adopt("gpt-9") == imported
    np.testing.assert_allclose(wb.probs(), values(table(right=0.5)), atol=1e-6)


def test_finetuning_with_ones_own_net_starts_from_that_net(bench):
    wb = bench(model=small_net(), preprocess=hw.Preprocess(16, channels=1))
    given = wb.registry.adopted
    wb.import_predictions(table(right=0.5), model="gpt-9")
    assert wb.registry.starts_from("adopted") == given
    label_some(wb, 60)
    assert wb.finetune(epochs=1, min_steps=4).n_training


def test_learning_in_the_background_compares_with_it_and_takes_over_beyond_doubt(wb, said):
    wb.import_predictions(table(right=0.2), model="gpt-9")
    for k in range(150):
        wb.decide(str(POOL.ids[k]), label=KINDS[k])
    learning = BackgroundLearning(wb.project, lambda: wb.registry, notify=said.append)
    version = learning.learn()
    assert version is not None, learning.state.why
    assert wb.models().set_index("model").loc[version, "origin"] == "background"


def test_a_taxonomy_edit_carries_its_probabilities_over(wb):
    frame = table()
    wb.import_predictions(frame, model="gpt-9")
    wb.apply(edits.rename("dark", "black"))
    wb.apply(edits.merge(["light", "striped"], into="bright"))
    np.testing.assert_allclose(wb.probs()[:, list(wb.taxonomy.names).index("black")], frame["dark"], atol=1e-6)
    np.testing.assert_allclose(wb.probs().sum(axis=1), 1, atol=1e-5)
    wb.apply(edits.split("bright", ["white", "grey"]))
    shares = wb.probs()
    names = list(wb.taxonomy.names)
    np.testing.assert_allclose(shares[:, names.index("white")], shares[:, names.index("grey")], atol=1e-6)


# -- without a net -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call", [
    lambda wb: wb.explain("0"), lambda wb: wb.check_explanations(), lambda wb: wb.models.embeddings(),
    lambda wb: wb.models.embeddings("0"), lambda wb: wb.model(),
    lambda wb: wb.registry.inference.predictor.on(POOL), lambda wb: wb.registry.inference.predictor.net(None)])
def test_what_needs_a_net_says_so(wb, call):
    wb.import_predictions(table())
    with pytest.raises(ModelError, match=r"imported: there is no net that could.* wb\.finetune\(\) trains one"):
        call(wb)


def test_the_card_says_why_there_is_no_map(wb):
    wb.import_predictions(table())
    with pytest.raises(ModelError, match="no net that could be explained"):
        wb.session.explanation(0, method="gradcam", target=wb.taxonomy.label_ids[0])
    assert wb.session.prediction(0).suggestion == wb.taxonomy.label_ids[int(values(table())[0].argmax())]


# -- items that have no prediction ---------------------------------------------------------------------------

def test_a_part_of_the_pool_has_to_be_asked_for_and_the_rest_has_no_prediction(bench):
    wb, frame = bench(), table().iloc[:200]
    with pytest.raises(BadInput, match=r"40 of the pool's 240 items have no row.*'200'.*partial=True"):
        wb.import_predictions(frame)
    wb.import_predictions(frame, partial=True)
    for now in (wb, bench()):
        assert np.isnan(now.probs()).any(axis=1).tolist() == [k >= 200 for k in range(N_ITEMS)]
        assert now.session.prediction(210) is None
        assert now.predict()["label"].notna().sum() == 200
        assert len(now.project.next(30, strategy="margin")) == 30


def test_an_answered_holdout_item_without_a_row_is_said_to_have_no_prediction(wb):
    """It was said that it can't be read."""
    held = wb.holdout
    for item_id in held:
        wb.decide(item_id, label=NAMES[0])
    frame = table()
    wb.import_predictions(frame[~frame["item_id"].isin(held[:3])], partial=True)
    assert f"{len(held)} of {len(held)} items answered, 3 of them have no prediction" in wb.progress().coverage


def test_an_item_whose_content_changed_has_no_prediction(bench):
    wb = bench()
    wb.import_predictions(table())
    wb.close()
    images = IMAGES.copy()
    images[7] = 255 - images[7]
    now = bench(hw.Pool.from_images(images))
    predicted = now.predict()
    assert predicted["label"].isna().tolist() == [k == 7 for k in range(N_ITEMS)]
    assert "content has changed" in now.registry.inference.predictor.unreadable[7]
    now.import_predictions(table())  # which are of what it holds now
    assert now.predict()["label"].notna().all()


def test_files_that_were_only_copied_keep_their_predictions(tmp_path, bench):
    from PIL import Image
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for k in range(6):
            Image.fromarray(IMAGES[k]).save(tmp_path / folder / f"{k}.png")
    pool = hw.Pool.from_images(tmp_path / "a")
    wb = bench(pool)
    wb.import_predictions(table().iloc[:6].assign(item_id=pool.ids))
    wb.close()
    Image.fromarray(IMAGES[9]).save(tmp_path / "b" / "3.png")
    now = bench(hw.Pool.from_images(tmp_path / "b"))
    assert now.predict()["label"].isna().tolist() == [k == 3 for k in range(6)]


# -- the table -----------------------------------------------------------------------------------------------

def test_items_may_be_named_by_the_index_and_labels_by_name_path_former_name_or_id(wb):
    frame = table()
    version = wb.import_predictions(frame)
    ids = wb.taxonomy.label_ids
    for other in (frame.set_index("item_id"), frame.rename(columns={"item_id": "id"}),
                  frame.set_index("item_id").rename_axis(None), frame.drop(columns="item_id"),
                  frame.rename(columns=dict(zip(NAMES, ids, strict=True))),
                  frame.assign(model="gpt-9", split="test", item_id=frame["item_id"].astype(int))):
        assert wb.import_predictions(other) == version
    wb.apply(edits.rename("dark", "black"))
    assert wb.import_predictions(frame) == version


def test_rows_that_sum_to_almost_1_are_divided_by_their_sum(wb):
    frame = table()
    frame[NAMES] *= 1.0009
    wb.import_predictions(frame)
    np.testing.assert_allclose(wb.probs().sum(axis=1), 1, atol=1e-6)


def test_a_label_and_a_confidence_share_the_rest_equally(wb):
    wb.import_predictions(pd.DataFrame({"item_id": POOL.ids, "label": KINDS, "confidence": 0.8, "margin": 0.5}))
    np.testing.assert_allclose(np.sort(wb.probs()[0]), [0.1, 0.1, 0.8], atol=1e-6)
    assert wb.predict()["label"].tolist() == KINDS


def test_several_rows_of_an_item_leave_the_rest_to_the_other_labels(wb, said):
    rows = pd.DataFrame([("0", "dark", 0.5), ("0", "light", 0.3), ("1", "striped", 0.2)],
                        columns=["item_id", "label", "confidence"])
    wb.import_predictions(rows, partial=True)
    np.testing.assert_allclose(wb.probs()[:2], [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]], atol=1e-6)
    assert any("For 1 items the table's confidence is so low" in line for line in said)


def without(frame, *columns):
    return frame.drop(columns=list(columns))


def at(frame, row, column, value):
    frame = frame.astype({column: object})
    frame.loc[row, column] = value
    return frame


LONG = pd.DataFrame({"item_id": POOL.ids, "label": KINDS, "confidence": 0.8})
REFUSED = {
    "no table": (lambda f: values(f), BadInput, "a ndarray was given; a DataFrame is expected"),
    "no rows": (lambda f: f.iloc[:0], BadInput, "has no rows"),
    "no items": (lambda f: without(f, "item_id").set_axis(range(500, 740)), BadInput, "item_id is missing"),
    "unknown items": (lambda f: at(at(f, 3, "item_id", "x"), 9, "item_id", "y"), UnknownItem,
                      r"Rows 3 and 9 of the table are about items that aren't in the pool, such as 'x'"),
    "an item without a name": (lambda f: at(f, 4, "item_id", None), UnknownItem, "Row 4 of the table has no item_id"),
    "an item twice": (lambda f: pd.concat([f, f.iloc[[6]]]), BadInput,
                      "Rows 6 and 240 of the table are about one item"),
    "an item less": (lambda f: f.drop(index=5), BadInput, "1 of the pool's 240 items have no row in the table: '5'"),
    "a label without a column": (lambda f: without(f, "light"), UnknownLabel, "no column for 'light'.*give it 0"),
    "a column that is no label": (lambda f: f.assign(lynx=0.0), UnknownLabel, "columns 'lynx', which are no labels"),
    "no labels": (lambda f: f[["item_id"]], BadInput, "one for each label is expected, 'dark', 'light', 'striped'"),
    "a label twice": (lambda f: f.assign(**{hw.Taxonomy(NAMES).label_ids[0]: f["dark"]}), BadInput,
                      "are of one label, 'dark'"),
    "a column twice": (lambda f: pd.concat([f, f[["dark"]]], axis=1), BadInput, "more than one column 'dark'"),
    "NaN": (lambda f: at(f, 2, "dark", np.nan), BadInput, "Row 2 of the table has no probability"),
    "text": (lambda f: at(f, 2, "dark", "much"), BadInput, "Row 2 .* no number in the column 'dark', such as 'much'"),
    "infinity": (lambda f: at(f, 2, "dark", np.inf), BadInput, "Row 2 .* no number in the column 'dark'"),
    "negative": (lambda f: f.assign(dark=f["dark"] - 1), BadInput, "Rows 0, 1, .* have a probability below 0"),
    "a sum that isn't 1": (lambda f: at(at(f, 8, "dark", 0.9), 9, "dark", 0.95), ShapeError,
                           r"Rows 8 and 9 of the table do not sum to 1 within 0.001"),
    "long, an unknown label": (lambda f: at(LONG, 7, "label", "lynx"), UnknownLabel, "Row 7 of the table: .*'lynx'"),
    "long, no label": (lambda f: at(LONG, 7, "label", None), UnknownLabel, "Row 7 of the table: there is no label"),
    "long, no confidence": (lambda f: at(LONG, 7, "confidence", None), BadInput,
                            "Row 7 of the table has no confidence"),
    "long, percentages": (lambda f: LONG.assign(confidence=80), BadInput, "Rows 0, .* df.confidence / 100"),
    "long, twice": (lambda f: pd.concat([LONG, LONG.iloc[[6]]]), BadInput, "Rows 6 and 240 .* the same label"),
    "long, more than 1": (lambda f: pd.concat([LONG, LONG.iloc[[6]].assign(label=NAMES[NUMBERS[6] - 1])]), ShapeError,
                          r"rows 6 and 240, sum to 1\.6"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_used_is_refused_with_its_rows_and_nothing_is_kept(wb, case):
    change, kind, words = REFUSED[case]
    with pytest.raises(kind, match=words):
        wb.import_predictions(change(table()), model="gpt-9")
    assert not len(wb.models())
    assert not (wb.folder / "models").exists() or not any((wb.folder / "models").iterdir())


@pytest.mark.parametrize("name", ["", " ", "a\nb", 7, None, "0123456789abcdef", "x" * 101])
def test_a_name_that_is_none_is_refused(wb, name):
    with pytest.raises(BadInput, match="model is"):
        wb.import_predictions(table(), model=name)


def test_arguments_that_are_no_booleans_are_refused(wb):
    with pytest.raises(BadInput, match="adopt is"):
        wb.import_predictions(table(), adopt="yes")
    with pytest.raises(BadInput, match="partial is"):
        wb.import_predictions(table(), partial=1)


# -- tasks and items -----------------------------------------------------------------------------------------

def test_of_several_labels_each_has_a_probability_of_its_own(bench):
    rng = np.random.default_rng(0)
    probs = rng.random((N_ITEMS, 3))
    wb = bench(task="multilabel")
    wb.import_predictions(pd.DataFrame({"item_id": POOL.ids, **dict(zip(NAMES, probs.T, strict=True))}))
    for now in (wb, bench()):
        np.testing.assert_allclose(now.probs(), probs, atol=1e-6)
        assert now.predict()["labels"].tolist() == [tuple(np.array(NAMES)[row >= 0.5]) for row in probs]
    with pytest.raises(BadInput, match=r"Row 4 .* above 1"):
        wb.import_predictions(at(table(), 4, "dark", 1.2))
    wb.import_predictions(pd.DataFrame({"item_id": ["0", "0"], "label": ["dark", "light"], "confidence": [0.9, 0.8]}),
                          partial=True)
    np.testing.assert_allclose(wb.probs()[0], [0.9, 0.8, 0], atol=1e-6)


@pytest.mark.long
def test_texts_have_imported_predictions_too(bench):
    texts = [f"{kind} number {k}" for k, kind in enumerate(KINDS)]
    wb = bench(hw.Pool.from_texts(texts, POOL.ids))
    wb.import_predictions(table())
    for now in (wb, bench(hw.Pool.from_texts(texts, POOL.ids))):
        assert now.predict()["label"].notna().all()
        with pytest.raises(ModelError, match="no net that could be explained"):
            now.explain("0")
    label_some(wb, 40)
    assert wb.finetune(epochs=1).n_training


def test_values_alone_have_none(bench):
    wb = bench(taxonomy=hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10))]), task="scale")
    with pytest.raises(BadInput, match="values alone"):
        wb.import_predictions(table())


# -- threads, other sessions, older logs ---------------------------------------------------------------------

def test_a_session_that_is_open_takes_up_what_another_one_imports(bench):
    here, there = bench(), bench()
    there.import_predictions(table(), model="gpt-9")
    assert len(here.predict()) == N_ITEMS
    assert here.registry.adopted == there.registry.adopted
    assert here.models()["name"].tolist() == ["gpt-9"]


def test_tables_imported_on_two_threads_leave_one_adopted_and_both_known(wb):
    versions, errors = [], []

    def work(seed):
        try:
            versions.append(wb.import_predictions(table(seed=seed), model=f"m{seed}"))
            wb.predict()
        except HitlError as error:
            errors.append(error)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(wb.models()["model"]) == sorted(versions)
    np.testing.assert_allclose(wb.predict()["confidence"], wb.probs().max(axis=1), atol=1e-6)
    assert wb.registry.adopted == wb.project.adopted().body["model"]


def test_an_open_card_shows_what_was_imported_meanwhile_and_why_there_is_no_map(bench):
    wb = bench(arms={"blind": 0}, holdout=0)
    review, pushed = wb.review(), []
    review.feed.push = lambda message, buffers=None: pushed.append(message)
    review.receive({"kind": "hello"})
    wait_for(lambda: any(message["kind"] == "item" for message in pushed))
    worker = threading.Thread(target=wb.import_predictions, args=(table(),), kwargs={"model": "gpt-9"})
    worker.start()
    items = wait_for(lambda: [message["item"] for message in pushed
                              if message["kind"] == "item" and message["item"].get("suggestion")])
    worker.join()
    assert {item["model"] for item in items} == {wb.registry.adopted}
    [told] = {message["problem"] for message in wait_for(
        lambda: [message for message in pushed if message["kind"] == "map"])}
    assert told.startswith("these predictions were imported: there is no net that could be explained")
    review.close()


def test_the_net_of_a_table_is_the_same_in_whatever_order(wb):
    probs, order = values(table()), np.random.default_rng(0).permutation(N_ITEMS)
    nets = [net_of(POOL, order_, probs[order_], ["a", "b", "c"], content=POOL.content)
            for order_ in (np.arange(N_ITEMS), order)]
    assert weights_version(nets[0]) == weights_version(nets[1])
    assert isinstance(nets[0], ImportedNet)
    assert nets[0].rows(["3", "nobody"]).tolist()[1] == -1
    assert weights_version(net_of(POOL, order, probs[order], ["a", "b", "d"], content=POOL.content)) != \
        weights_version(nets[0])


def test_a_name_in_the_log_that_is_none_is_left_out(wb):
    version = wb.import_predictions(table(), model="gpt-9")
    wb.project.record("adopted", {**wb.project.adopted().body, "name": 7})
    assert "name" not in wb.project.adopted().body
    assert wb.models()["name"].tolist() == ["gpt-9"]
    assert wb.registry.adopted == version


# -- second looks --------------------------------------------------------------------------------------------

def answered_with_errors(wb, wrong, n=120):
    labels = [NAMES[(NUMBERS[k] + (k in wrong)) % 3] for k in range(n)]
    wb.import_annotations(pd.DataFrame({"item_id": POOL.ids[:n], "label": labels}), annotator="ada")


def test_second_looks_use_the_probabilities_as_they_are_and_say_once_what_they_must_be(bench, said):
    wb, wrong = bench(holdout=0), set(range(3, 120, 12))
    answered_with_errors(wb, wrong)
    wb.import_predictions(table(right=1), model="gpt-9")
    looks = wb.next(len(wrong), queue="second_look")
    assert {item.position for item in looks} == wrong
    # They are used although they are of no use: every wrong answer is probable by these.
    agreeing = pd.DataFrame({"item_id": POOL.ids, "label": [NAMES[(NUMBERS[k] + (k in wrong)) % 3]
                                                             for k in range(N_ITEMS)], "confidence": 0.99})
    wb.import_predictions(agreeing, model="overfitted")
    assert not wb.next(len(wrong), queue="second_look")
    wb.people.second_looks()
    assert [line.split(" of ")[1].split()[0] for line in said if "out-of-sample" in line] == ["'gpt-9'", "'overfitted'"]


@pytest.mark.long
def test_items_without_a_prediction_are_looked_at_by_the_quick_models(bench):
    wb, wrong = bench(holdout=0), {5, 60}
    answered_with_errors(wb, wrong)
    wb.import_predictions(table(right=1).iloc[50:], model="gpt-9", partial=True)
    assert {item.position for item in wb.next(2, queue="second_look")} == wrong


@pytest.mark.long
def test_soft_labels_rest_on_imported_probabilities(bench):
    wb = bench(holdout=0)
    answered_with_errors(wb, set())
    before = wb.training_set(certainty="soft").targets
    wb.import_predictions(table(right=1), model="gpt-9")
    assert not np.array_equal(before, wb.training_set(certainty="soft").targets)


def test_a_label_that_was_added_since_is_not_held_against_those_who_gave_it(bench):
    wb = bench(holdout=0)
    answered_with_errors(wb, set())
    wb.import_predictions(table(right=1), model="gpt-9")
    wb.apply(edits.add("grey"))
    probs = wb.registry.imported_probs([0, 1])
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(probs[:, list(wb.taxonomy.names).index("grey")], 0.25, atol=1e-6)


def test_second_looks_at_sets_use_each_labels_own_probability(bench):
    wb = bench(holdout=0, task="multilabel")
    for k in range(60):
        wb.decide(str(POOL.ids[k]), labels=[KINDS[k]] if k != 7 else [KINDS[k], NAMES[NUMBERS[k] - 1]])
    probs = np.where(np.eye(3)[NUMBERS] > 0, 0.9, 0.05)
    wb.import_predictions(pd.DataFrame({"item_id": POOL.ids, **dict(zip(NAMES, probs.T, strict=True))}))
    looks = wb.people.second_looks()
    assert looks[["item_id", "label"]].iloc[0].tolist() == ["7", NAMES[NUMBERS[7] - 1]]


@pytest.mark.long
def test_a_model_that_was_not_imported_leaves_second_looks_to_the_quick_models(bench, said):
    wb = bench(model=small_net(), preprocess=hw.Preprocess(16, channels=1))
    answered_with_errors(wb, {3})
    assert wb.registry.imported_probs([0]) is None
    wb.people.second_looks()
    assert not any("out-of-sample" in line for line in said)


# -- the guide -----------------------------------------------------------------------------------------------

@pytest.mark.long
def test_the_examples_of_the_guide_run():
    page = (Path(__file__).resolve().parents[2] / "docs" / "predictions.md").read_text("utf-8")
    given: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(example, "docs/predictions.md", "exec"), given)
    wb = given["wb"]
    assert isinstance(wb, hw.Workbench)
    assert wb.models().set_index("name").loc["logistic", "adopted"]
    wb.close()
