"""The review answers the card's acts and feeds it items; no browser here, only messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from hitl_widgets import errors
from hitl_widgets.records import Estimate, Item, Items, LearningState, new_id
from hitl_widgets.taxonomy.labels import Taxonomy
from hitl_widgets.testing import MemoryHost, rings, wait_for
from hitl_widgets.widgets import card
from hitl_widgets.widgets.card import KEPT, STRIP, Review
from hitl_widgets.widgets.comm import Card, Feed
from hitl_widgets.widgets.messages import learning_of
from hitl_widgets.widgets.window import SIZE as WINDOW


class Browser:
    """Stands where the card's JavaScript stands: sends acts, keeps what is pushed."""

    def __init__(self, review: Review) -> None:
        self.review, self.pushed = review, []
        self._lock = threading.Lock()
        review.feed.push = self._receive  # type: ignore[method-assign]

    def _receive(self, message: dict[str, Any], buffers: list[Any] | None = None) -> None:
        with self._lock:
            self.pushed.append((message, buffers or []))

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        with self._lock:
            return [message for message, _ in self.pushed if message["kind"] == kind]

    @property
    def items(self) -> list[str]:
        """The ids of the items pushed, in order."""
        return [message["item"]["item_id"] for message in self.of_kind("item")]

    def hello(self, **more: Any) -> dict[str, Any]:
        return self.review.receive({"kind": "hello", **more})

    def decide(self, item_id: str, verdict: str = "skip", /, **more: Any) -> dict[str, Any]:
        return self.review.receive({"kind": "decide", "decision_id": new_id(), "item_id": item_id, "verdict": verdict,
                                    "acted_at": "2026-03-01T09:30:00.250Z", "annotator": "ada", **more})


@pytest.fixture
def open_review() -> Iterator[Callable[..., tuple[MemoryHost, Review, Browser]]]:
    opened: list[Review] = []

    def opening(desk: MemoryHost | None = None, **settings: Any) -> tuple[MemoryHost, Review, Browser]:
        desk = desk or MemoryHost()
        review = Review(desk, **settings)
        opened.append(review)
        return desk, review, Browser(review)

    yield opening
    for review in opened:
        review.close()


def test_nothing_is_pushed_before_the_card_says_hello(open_review):
    desk, _, browser = open_review()
    desk.adopt("d4e5f6")  # which pushes to a card that is there
    assert browser.pushed == []
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)


def test_hello_is_answered_ready_and_a_window_of_items_follows(open_review):
    desk, _, browser = open_review()
    ready = browser.hello()
    assert (ready["kind"], ready["annotator"], ready["certainty"]) == ("ready", "ada", "keep")
    assert [label["name"] for label in ready["taxonomy"]["labels"]] == [label.name for label in desk.taxonomy]
    assert ready["taxonomy"]["labels"][0]["key"] == "1"
    wait_for(lambda: len(browser.items) == WINDOW)
    assert browser.items == desk.pool.ids[:WINDOW]


def test_an_item_comes_with_its_picture_its_best_predictions_and_then_its_map(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) == WINDOW)
    message, buffers = next(row for row in browser.pushed if row[0]["kind"] == "item")
    item, prediction = message["item"], desk.prediction(0)
    assert buffers[0].startswith(b"\x89PNG")
    assert item["suggestion"] == prediction.suggestion == item["probs"][0][0]
    assert len(item["probs"]) == 5
    assert [p for _, p in item["probs"]] == sorted((p for _, p in item["probs"]), reverse=True)
    message, buffers = next(row for row in browser.pushed if row[0]["kind"] == "map")
    assert (message["item_id"], message["method"], message["target"]) == ("item-0000", "gradcam", prediction.suggestion)
    assert buffers[0].dtype == np.uint8
    assert buffers[0].shape == (message["height"], message["width"]) == (14, 14)
    assert message["box"] == (0, 0, 28, 28)


def test_a_decision_is_stored_with_what_was_seen_and_leaves_the_window(open_review):
    desk, review, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    label = desk.taxonomy.label_ids[3]
    seen = {"suggestion": desk.taxonomy.label_ids[0], "probs": {desk.taxonomy.label_ids[0]: 0.7}, "model": "a1b2c3",
            "taxonomy": 1, "chosen_by": "margin", "shown_ms": 812, "certainty": "given"}
    reply = browser.decide("item-0000", "correct", label_id=label, certainty=7, seen=seen, flags=["second_look"])
    decision = desk.decisions[0]
    assert reply == {"kind": "stored", "decision_id": decision.id}
    assert (decision.item_id, decision.label, decision.certainty) == ("item-0000", "Dress", 7)
    assert decision.seen.to_dict() == seen
    assert decision.flags == ("second_look",)
    assert decision.acted_at.isoformat() == "2026-03-01T09:30:00.250000+00:00"
    assert "19 items waiting" in repr(review)


def test_a_decision_sent_twice_is_stored_once_and_answered_twice(open_review):
    desk, _, browser = open_review()
    id = new_id()
    replies = [browser.decide("item-0000", "unsure", decision_id=id) for _ in range(2)]
    assert replies == [{"kind": "stored", "decision_id": id}] * 2
    assert len(desk.decisions) == 1


@pytest.mark.parametrize(("change", "words"), [
    ({"item_id": ""}, "item_id"),
    ({"acted_at": "yesterday"}, "acted_at 'yesterday'"),
    ({"acted_at": "2026-03-01T09:30:00"}, "acted_at"),
    ({"seen": {"colour": "red"}}, "colour"),
    ({"verdict": "perhaps"}, "perhaps"),
    ({"certainty": 11, "verdict": "unsure"}, "11"),
    ({"kind": "dance"}, "dance"),
])
def test_a_malformed_act_is_rejected_with_its_reason(open_review, change, words):
    desk, _, browser = open_review()
    reply = browser.decide("item-0000", **change) if "kind" not in change else browser.review.receive(change)
    assert reply["kind"] == "rejected"
    assert words in reply["reason"]
    assert "again" not in reply
    assert desk.decisions == []


@pytest.mark.parametrize("act", [None, "decide", 3, [], {}])
def test_whatever_arrives_gets_an_answer(open_review, act):
    _, _, browser = open_review()
    assert browser.review.card.answer(act)["kind"] == "rejected"


@pytest.mark.parametrize("trouble", [errors.DiskFull("the disk is full."), RuntimeError("a fault of ours")])
def test_what_cannot_be_stored_now_is_to_be_sent_again(open_review, trouble, caplog):
    desk, review, _ = open_review()
    desk.refuse = trouble
    act = {"kind": "decide", "decision_id": new_id(), "item_id": "item-0000", "verdict": "unsure",
           "acted_at": "2026-03-01T09:30:00Z", "annotator": "ada"}
    reply = review.card.answer(act)
    assert (reply["kind"], reply["decision_id"], reply["again"]) == ("rejected", act["decision_id"], True)
    assert str(trouble) in reply["reason"]
    assert isinstance(trouble, errors.HitlError) or "a fault of ours" in caplog.text
    desk.refuse = None
    assert review.card.answer(act)["kind"] == "stored"


def test_an_undone_item_waits_first_in_the_window_again(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    stored = browser.decide("item-0000", "unsure")
    undone = browser.review.receive({"kind": "retract", "decision_id": new_id(), "retracts": stored["decision_id"],
                                     "acted_at": "2026-03-01T09:31:00Z", "annotator": "ada"})
    assert undone["kind"] == "stored"
    assert desk.log[-1] == ("retracted", stored["decision_id"])
    browser.pushed.clear()
    browser.hello()
    wait_for(lambda: browser.items)
    assert browser.items[0] == "item-0000"


def test_an_item_undone_and_decided_again_while_more_are_looked_for_does_not_come_twice(open_review, monkeypatch):
    """The queue had it as open, and it went to the pages once more though it was decided by then."""
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    claim, decided = desk.claim, []

    def slowly(*args, **more):
        if not decided:
            decided.extend(decision.id for decision in desk.decisions if decision.item_id == "item-0000")
            browser.review.receive({"kind": "retract", "decision_id": new_id(), "retracts": decided[0],
                                    "acted_at": "2026-03-01T09:31:00Z", "annotator": "ada"})
            found = claim(*args, **more)
            browser.decide("item-0000", "unsure")
            return found
        return claim(*args, **more)

    monkeypatch.setattr(desk, "claim", slowly)
    for item_id in [*browser.items[1:WINDOW - 15], "item-0000"]:
        browser.decide(item_id, "unsure")
    wait_for(lambda: decided and len(browser.items) >= WINDOW + 4)
    assert browser.items.count("item-0000") == 1


def test_the_window_is_refilled_and_no_item_comes_twice(open_review):
    desk, _, browser = open_review()
    browser.hello()
    for place in range(40):
        wait_for(lambda place=place: len(browser.items) > place)
        browser.decide(browser.items[place], "unsure")
    wait_for(lambda: len(browser.items) >= 56)
    assert browser.items == desk.pool.ids[:len(browser.items)]


def test_what_the_browser_has_is_not_pushed_again_after_a_new_handshake(open_review):
    _, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) == WINDOW)
    browser.pushed.clear()
    browser.hello(have=[f"item-{i:04d}" for i in range(18)])
    wait_for(lambda: len(browser.of_kind("map")) == 2)
    assert browser.items == ["item-0018", "item-0019"]


def test_n_items_and_then_enough(open_review):
    _, _, browser = open_review(n=3)
    browser.hello()
    wait_for(lambda: len(browser.items) == 3)
    browser.decide("item-0000", "skip")
    wait_for(lambda: len(browser.items) == 4)  # a skip answers nothing: another item takes its place
    for item_id in browser.items[1:]:
        browser.decide(item_id, "unsure")
    wait_for(lambda: browser.of_kind("end"))
    assert browser.of_kind("end")[0]["reason"] == "enough"
    assert len(browser.items) == 4


def test_an_empty_queue_says_so(open_review):
    _, _, browser = open_review(MemoryHost(rings(2)))
    browser.hello()
    wait_for(lambda: len(browser.items) == 2)
    for item_id in browser.items:
        browser.decide(item_id, "unsure")
    wait_for(lambda: browser.of_kind("end"))
    assert browser.of_kind("end")[0]["reason"] == "empty"


def test_a_broken_image_is_pushed_with_its_reason_and_the_work_goes_on(open_review):
    _, _, browser = open_review(MemoryHost(broken=("item-0001",)))
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    items = {m["item"]["item_id"]: m["item"] for m in browser.of_kind("item")}
    assert "ends after 12 of 400 bytes" in items["item-0001"]["broken"]
    assert "broken" not in items["item-0002"]


def test_a_model_that_fails_is_told_on_the_item_and_does_not_stop_the_labelling(open_review):
    desk = MemoryHost()

    def failing(position):
        raise errors.ModelError("the net gave 9 outputs, 10 labels are expected.")
    desk.prediction = failing
    _, _, browser = open_review(desk)
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    item = browser.of_kind("item")[0]["item"]
    assert "9 outputs" in item["problem"]
    assert "suggestion" not in item


def test_a_fault_in_the_background_is_shown_and_passes(open_review, caplog):
    desk, _, browser = open_review()
    claim, desk.claim = desk.claim, lambda *a, **k: 1 / 0
    browser.hello()
    wait_for(lambda: browser.of_kind("problem"))
    assert "division by zero" in browser.of_kind("problem")[0]["reason"]
    desk.claim = claim
    wait_for(lambda: browser.items)
    assert browser.of_kind("problem")[-1]["reason"] is None


def test_a_blind_item_gets_no_map(open_review):
    _, _, browser = open_review(MemoryHost(blind=("item-0001",)))
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) == WINDOW - 1)
    assert "item-0001" not in {m["item_id"] for m in browser.of_kind("map")}
    assert [m["item"]["item_id"] for m in browser.of_kind("item") if m["item"]["blind"]] == ["item-0001"]


class DrawnHost(MemoryHost):
    """Every item is shown in one arm."""

    def __init__(self, arm: Any) -> None:
        super().__init__()
        self.arm = arm

    def claim(self, *args: Any, **how: Any) -> Items:
        return Items([replace(item, arm=self.arm, arm_probability=0.5, blind=self.arm in ("blind", "answer_first"))
                      for item in super().claim(*args, **how)])

    def item(self, item_id: str) -> Item:
        return replace(super().item(item_id), arm=self.arm, arm_probability=0.5, blind=self.arm == "blind")


def test_an_item_without_map_gets_none_and_may_not_ask_for_one(open_review):
    _, _, browser = open_review(DrawnHost("no_map"))
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    reply = browser.review.receive({"kind": "map", "item_id": "item-0000", "method": "gradcam",
                                    "target": browser.of_kind("item")[0]["item"]["suggestion"]})
    assert (reply["kind"], "shown without a map" in reply["reason"]) == ("rejected", True)
    assert browser.of_kind("map") == []
    assert all(m["item"]["no_map"] and not m["item"]["blind"] for m in browser.of_kind("item"))


def test_an_item_that_is_answered_first_has_its_map_with_it(open_review):
    _, _, browser = open_review(DrawnHost("answer_first"))
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) == WINDOW)
    assert all(m["item"]["answer_first"] and m["item"]["blind"] for m in browser.of_kind("item"))


def test_a_blind_item_that_is_looked_at_again_brings_its_map_for_when_it_is_told(open_review):
    _, _, browser = open_review(DrawnHost("blind"))
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    browser.review.receive({"kind": "fetch", "item_id": "item-0150"})
    wait_for(lambda: browser.of_kind("map"))
    assert [m["item_id"] for m in browser.of_kind("map")] == ["item-0150"]


def test_a_blind_review_is_no_part_of_what_is_drawn(open_review):
    _, _, browser = open_review(DrawnHost("shown"), blind=True)
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    assert all(m["item"]["blind"] and "exposure" not in m["item"] for m in browser.of_kind("item"))


def test_a_blind_review_hides_everything(open_review):
    desk, _, browser = open_review(blind=True)
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    for item_id in desk.pool.ids[:WINDOW]:
        browser.decide(item_id)
    wait_for(lambda: len(browser.items) > WINDOW)  # by now the first ones would have their maps
    assert all(m["item"]["blind"] for m in browser.of_kind("item"))
    assert browser.of_kind("map") == []


def test_several_methods_are_prepared_the_first_one_first(open_review):
    _, _, browser = open_review(explain=["gradcam", "saliency"])
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) == 2 * WINDOW)
    methods = [m["method"] for m in browser.of_kind("map")]
    assert methods == ["gradcam"] * WINDOW + ["saliency"] * WINDOW


def test_another_models_items_come_before_what_waits_goes_and_the_first_two_stay(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    browser.pushed.clear()
    claim = desk.claim
    desk.claim = lambda n, **more: Items(list(reversed(claim(60, **more)))[:n])  # the new model sees another order
    desk.adopt("d4e5f6")
    wait_for(lambda: browser.of_kind("drop"))
    kinds = [message["kind"] for message, _ in browser.pushed]
    assert kinds[:kinds.index("drop")].count("item") >= 4
    [drop] = browser.of_kind("drop")
    assert (drop["keep"], drop["item_ids"]) == (KEPT, desk.pool.ids[KEPT:WINDOW])
    wait_for(lambda: len(browser.items) == WINDOW - KEPT)
    assert {m["item"]["model"] for m in browser.of_kind("item")} == {"d4e5f6"}
    wait_for(lambda: desk.released == drop["item_ids"])


def test_an_item_that_the_new_model_asks_too_is_pushed_anew_and_stays(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    browser.pushed.clear()
    desk.adopt("d4e5f6")
    wait_for(lambda: browser.of_kind("drop") and len(browser.items) == WINDOW - KEPT)
    assert browser.items == desk.pool.ids[KEPT:WINDOW]
    assert browser.of_kind("drop")[0]["item_ids"] == desk.released == []


def test_what_waits_is_decided_and_undone_while_the_new_models_items_are_on_their_way(open_review, monkeypatch):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    claim, goes_on = desk.claim, threading.Event()

    def slowly(*args, **more):
        goes_on.wait(60)
        return claim(*args, **more)

    monkeypatch.setattr(desk, "claim", slowly)
    desk.adopt("d4e5f6")
    wait_for(lambda: "2 items waiting" in repr(browser.review))
    kept = [browser.decide(item_id, "unsure") for item_id in desk.pool.ids[:5]]
    assert {reply["kind"] for reply in kept} == {"stored"}
    browser.review.receive({"kind": "retract", "decision_id": new_id(), "retracts": kept[4]["decision_id"],
                            "acted_at": "2026-03-01T09:31:00Z", "annotator": "ada"})
    assert browser.of_kind("drop") == []
    goes_on.set()
    wait_for(lambda: len(browser.of_kind("drop")) > 0)
    assert desk.pool.ids[4] not in browser.of_kind("drop")[0]["item_ids"]


def test_an_edit_of_the_taxonomy_takes_out_what_waits_at_once(open_review, monkeypatch):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    desk.taxonomy = Taxonomy([*desk.taxonomy.names, "Scarf"])
    browser.pushed.clear()
    for listener in desk._listeners:
        listener("taxonomy")
    wait_for(lambda: len(browser.items) == WINDOW - KEPT)
    kinds = [message["kind"] for message, _ in browser.pushed]
    assert kinds.index("taxonomy") < kinds.index("drop") < kinds.index("item")


def test_the_card_says_what_the_model_learns_in_the_background_and_nothing_where_it_does_not(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: browser.of_kind("learning"))
    assert browser.of_kind("learning") == [{"kind": "learning", "learning": None}]
    share = Estimate(47 / 60, 0.66, 0.87, n=60)
    desk.learn(LearningState("waiting", 63, 17, share, "It learnt 60 answers, the adopted model 40."))
    pushed = wait_for(lambda: [push["learning"] for push in browser.of_kind("learning")][1:])
    assert pushed == [{"name": "waiting", "learnt": 60, "next": "next in 17",
                       "text": "The model has learnt 60 answers (right on 78 % of answers it hadn't seen)",
                       "why": "Answers to items of the random hold-out measure, and aren't learnt. It learnt 60 "
                              "answers, the adopted model 40."}]
    desk.learn(LearningState("frozen", 63, 17, share, "Suggestions are planted."))
    wait_for(lambda: len(browser.of_kind("learning")) == 3)
    assert browser.of_kind("learning")[2]["learning"]["text"] == \
        "The model is frozen while the bias experiment runs"


@pytest.mark.parametrize(("state", "text", "follows"), [
    (LearningState("waiting", 3, 17), "The model learns from your answers", "first in 17"),
    (LearningState("waiting", 31, 9, why="It errs more."), "The model learns from your answers", "again in \u20079"),
    (LearningState("waiting", 20, 0), "The model learns from your answers", "learning now"),
    (LearningState("failed", 20, 20, why="no"), "Learning failed", "next try in 20"),
    (LearningState("learning", 1220, 0, Estimate(0.9, 0.8, 0.95, n=1200)),
     "The model has learnt 1,200 answers (right on 90 % of answers it hadn't seen)", "learning now"),
    (LearningState("failed", 1220, 20, Estimate(0.9, 0.8, 0.95, n=1200)),
     "The model has learnt 1,200 answers (right on 90 % of answers it hadn't seen)",
     "learning failed, next try in 20")])
def test_what_is_learnt_is_said_in_plain_words(state, text, follows):
    entry = learning_of(state)
    assert (entry["text"], entry["next"]) == (text, follows)
    assert entry["why"].endswith(state.why)


def test_a_page_that_opens_anew_is_told_again_what_is_learnt(open_review):
    desk, _, browser = open_review()
    desk.learn(LearningState("waiting", 3, 17))
    for n in (1, 2):
        browser.hello(tab="a", n=n)
        wait_for(lambda n=n: len(browser.of_kind("learning")) == n)
    assert browser.of_kind("learning")[0] == browser.of_kind("learning")[1]


def test_a_new_name_starts_a_new_queue(open_review):
    desk, _, browser = open_review(MemoryHost(annotator="jovyan", annotator_is_default=True))
    assert browser.hello()["annotator_is_default"]
    wait_for(lambda: len(browser.items) == WINDOW)
    ready = browser.review.receive({"kind": "name", "annotator": "grace"})
    assert (ready["annotator"], ready["annotator_is_default"]) == ("grace", False)
    wait_for(lambda: len(browser.items) == 2 * WINDOW)
    assert sorted(desk.released) == desk.pool.ids[:WINDOW]


def test_a_second_review_closes_the_first_which_still_stores_what_was_under_way(open_review):
    desk, first, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    _, second, _ = open_review(desk)
    assert browser.of_kind("closed")
    assert sorted(desk.released) == desk.pool.ids[:WINDOW]
    assert browser.decide("item-0000", "unsure")["kind"] == "stored"
    assert "closed" in repr(first)
    assert "closed" not in repr(second)


def test_acts_are_answered_while_an_item_takes_for_ever_to_prepare(open_review, monkeypatch):
    desk, _, browser = open_review()
    picture, asked, gate = desk.pool.picture, threading.Event(), threading.Event()

    def stuck(position: int) -> Any:
        asked.set()
        gate.wait()
        return picture(position)

    monkeypatch.setattr(desk.pool, "picture", stuck)
    browser.hello()
    asked.wait()
    for item_id in desk.pool.ids[:20]:
        assert browser.decide(item_id, "unsure")["kind"] == "stored"
    assert browser.items == []
    gate.set()
    wait_for(lambda: browser.items)


def test_eight_threads_decide_at_once_and_nothing_is_lost(open_review):
    desk, _, browser = open_review()
    browser.hello()
    ids = desk.pool.ids[:160]
    threads = [threading.Thread(target=lambda part=ids[i::8]: [browser.decide(item_id, "unsure") for item_id in part])
               for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(d.item_id for d in desk.decisions) == ids


@pytest.mark.parametrize("settings", [{"certainty": "maybe"}, {"n": 0}])
def test_a_review_that_makes_no_sense_is_refused(settings):
    with pytest.raises(errors.BadInput):
        Review(MemoryHost(), **settings)


def test_no_trait_holds_an_item(open_review):
    _, review, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) == WINDOW)
    own = set(Card.class_trait_names(sync=True)) - set(__import__("anywidget").AnyWidget.class_trait_names(sync=True))
    assert own == {"feed"}
    assert review.card.get_state()["feed"] == review.feed.model_id
    assert not any(isinstance(v, (bytes, memoryview, np.ndarray)) for v in review.card.get_state().values())


def test_after_a_send_the_card_listens_where_the_browser_chose():
    """ipykernel notes the thread that sent last; left there, a running cell would keep the card's acts waiting."""
    card = Card(Feed(), lambda act: {"kind": "noted"})
    sent = []

    def send(**message: Any) -> None:
        sent.append(message)
        card.comm._reply_subshell_id = "the running cell's"

    card.comm.send = send
    card.send({"kind": "noted"})
    assert sent
    assert "_reply_subshell_id" not in vars(card.comm)


def test_closing_a_review_ends_its_thread(open_review):
    _, review, browser = open_review()
    browser.hello()
    assert review._thread.is_alive()
    review.close()
    review._thread.join(5)
    assert not review._thread.is_alive()


def test_the_page_gets_the_last_decisions_that_stand_with_thumbnails_of_the_newest(open_review):
    desk, _, browser = open_review()
    for i in range(20):
        browser.decide(f"item-{i:04d}", "answer", label_id=desk.taxonomy.label_ids[i % 10], note=f"note {i}")
    desk.retract(desk.decisions[3].id)
    browser.hello()
    wait_for(lambda: len(browser.of_kind("thumbnail")) == STRIP)
    past = browser.of_kind("past")[0]["past"]
    assert [p["item_id"] for p in past] == [f"item-{i:04d}" for i in range(20) if i != 3]
    assert (past[0]["label"], past[0]["note"], past[0]["verdict"]) == ("T-shirt/top", "note 0", "answer")
    assert {m["item_id"] for m in browser.of_kind("thumbnail")} == {f"item-{i:04d}" for i in range(4, 20)}


def test_an_item_asked_for_again_comes_with_its_picture_and_maps_though_it_was_decided(open_review):
    _, _, browser = open_review(explain=["gradcam", "saliency"])
    browser.hello()
    browser.decide("item-0150", "unsure")
    assert browser.review.receive({"kind": "fetch", "item_id": "item-0150"}) == {"kind": "noted"}
    wait_for(lambda: [m for m in browser.of_kind("map") if m["item_id"] == "item-0150" and m["method"] == "saliency"])
    [pushed] = [m for m in browser.of_kind("item") if m["item"]["item_id"] == "item-0150"]
    assert pushed["again"]
    assert (pushed["item"]["height"], pushed["item"]["blind"]) == (28, False)


def test_an_item_that_is_gone_is_refused_by_name(open_review):
    _, _, browser = open_review()
    reply = browser.review.receive({"kind": "fetch", "item_id": "nowhere"})
    assert (reply["kind"], reply["item_id"]) == ("rejected", "nowhere")
    assert "nowhere" in reply["reason"]


def test_undoing_a_revision_tells_the_page_what_stands_again(open_review):
    desk, _, browser = open_review()
    first, second = desk.taxonomy.label_ids[:2]
    browser.hello()
    browser.decide("item-0000", "answer", label_id=first)
    browser.decide("item-0000", "answer", label_id=second, seen={"chosen_by": "revision"})
    undone = browser.review.receive({"kind": "retract", "decision_id": new_id(), "retracts": desk.decisions[1].id,
                                     "acted_at": "2026-03-01T09:31:00Z", "annotator": "ada"})
    assert undone["kind"] == "stored"
    wait_for(lambda: [p["label_id"] for p in browser.of_kind("past")[-1]["past"]] == [first]
             if browser.of_kind("past") else False)


def test_examples_come_as_small_pictures_for_and_against(open_review):
    label = {"name": "cat", "examples": ["item-0003", "gone"], "counter_examples": ["item-0005"]}
    desk, _, browser = open_review(MemoryHost(labels=[label, "dog"]))
    assert browser.hello()["taxonomy"]["labels"][0]["n_examples"] == 3
    browser.review.receive({"kind": "examples", "label_ids": [desk.taxonomy.label_ids[0]]})
    wait_for(lambda: browser.of_kind("examples"))
    message, buffers = next(row for row in browser.pushed if row[0]["kind"] == "examples")
    assert [(e["name"], e["against"]) for e in message["examples"]] == [
        ("item-0003", False), ("gone", False), ("item-0005", True)]
    assert [bool(b) for b in buffers] == [True, False, True]
    assert "gone" in message["examples"][1]["problem"]


def test_the_archive_is_handed_to_the_page(open_review, monkeypatch):
    desk, _, browser = open_review()
    monkeypatch.setenv("BINDER_LAUNCH_HOST", "https://mybinder.org/")
    assert browser.hello()["temporary"]
    browser.review.receive({"kind": "archive"})
    wait_for(lambda: browser.of_kind("archive"))
    message, buffers = next(row for row in browser.pushed if row[0]["kind"] == "archive")
    assert message["name"].endswith(".zip")
    assert buffers == [b"PK archive of memory"]
    monkeypatch.setattr(desk, "archive", lambda path: (_ for _ in ()).throw(errors.DiskFull("the disk is full.")))
    browser.review.receive({"kind": "archive"})
    wait_for(lambda: len(browser.of_kind("archive")) == 2)
    assert "the disk is full" in browser.of_kind("archive")[1]["problem"]


@pytest.mark.parametrize(("keys", "said"), [
    ({"jump": "j"}, "'jump' is no action of the keys"), ({"skip": "5"}, "'5' for 'skip' is no key"),
    ({"skip": "X"}, "'X' for 'skip' is no key"), ({"skip": "u"}, "wanted for 'unsure' and for 'skip'"),
    ({"skip": ["x", ""]}, "'' for 'skip' is no key")])
def test_keys_that_can_not_be_are_refused(open_review, keys, said):
    with pytest.raises(errors.BadInput, match=said):
        open_review(keys=keys)


def test_keys_of_ones_own_choosing_reach_the_card(open_review):
    _, _, browser = open_review(keys={"skip": "x", "accept": ["Enter", "Shift+J", "F2"]})
    table = browser.hello()["keys"]
    assert table["skip"][0] == ["x"]
    assert table["accept"][0] == ["Enter", "Shift+J", "F2"]
    assert table["undo"][0] == ["z", "Backspace"]
    assert all(words for _, words in table.values())


def test_an_act_is_taken_after_the_one_it_names_or_not_at_all(open_review):
    desk, _, browser = open_review()
    desk.refuse = errors.LogBusy("the log is held.")
    ids = a, b, c = [new_id() for _ in range(3)]
    refused = [browser.decide("item-0000", decision_id=a), browser.decide("item-0001", decision_id=b, after=a)]
    desk.refuse = None
    refused.append(browser.decide("item-0002", decision_id=c, after=b))
    assert [(reply["again"], reply["reason"]) for reply in refused] == [(True, "the log is held.")] * 3
    assert desk.log == []
    for decision_id, after in [(a, None), (b, a), (c, b), (a, None)]:
        stored = browser.decide(f"item-000{ids.index(decision_id)}", decision_id=decision_id, after=after)
        assert stored["kind"] == "stored"
    assert [decision.id for decision in desk.decisions] == ids


def test_what_follows_a_malformed_act_or_one_that_fails_for_a_reason_of_its_own_does_not_wait(open_review):
    desk, review, browser = open_review()
    assert "again" not in browser.decide("item-0000", "correct", decision_id="malformed", label_id="no such label")
    assert browser.decide("item-0001", decision_id="thenext1", after="malformed")["kind"] == "stored"
    desk.refuse = RuntimeError("a fault of ours")
    act = {"kind": "decide", "decision_id": "troubled", "item_id": "item-0002", "verdict": "skip", "annotator": "ada",
           "acted_at": "2026-03-01T09:30:00Z", "after": "thenext1"}
    assert review.card.answer(act)["again"]
    desk.refuse = None
    assert browser.decide("item-0003", decision_id="thelast1", after="troubled")["kind"] == "stored"
    undo = {"kind": "retract", "decision_id": "the-undo", "retracts": "troubled", "acted_at": "2026-03-01T09:30:00Z",
            "annotator": "ada", "after": "thelast1"}
    assert review.receive(undo)["again"]
    assert review.receive(act)["kind"] == "stored"
    assert review.receive(undo)["kind"] == "stored"


def test_a_reason_and_its_regions_are_stored_and_told_again(open_review):
    desk, _, browser = open_review()
    wrong = {"size": [28, 28], "runs": [30, 4, 750]}
    label_id = desk.taxonomy.label_ids[0]
    browser.decide("item-0000", "answer", label_id=label_id, reason="wrong", wrong=wrong, missing=None)
    [decision] = desk.decisions
    assert (decision.reason, decision.missing) == ("wrong", None)
    assert np.argwhere(decision.wrong.mask()).tolist() == [[1, 2], [1, 3], [1, 4], [1, 5]]
    refused = browser.decide("item-0001", "answer", label_id=label_id, wrong={"size": [28, 28], "runs": [3]})
    assert "runs" in refused["reason"]
    assert "again" not in refused
    browser.hello()
    wait_for(lambda: browser.of_kind("past"))
    [past] = browser.of_kind("past")[0]["past"]
    assert (past["reason"], past["wrong"], past["missing"]) == ("wrong", wrong, None)


def test_a_map_for_another_label_is_pushed_when_it_is_asked_for(open_review):
    desk, _, browser = open_review()
    browser.hello()
    other = desk.taxonomy.label_ids[7]
    ask = {"kind": "map", "item_id": "item-0000", "method": "gradcam", "target": other}
    assert browser.review.receive(ask) == {"kind": "noted"}
    wait_for(lambda: [m for m in browser.of_kind("map") if m["target"] == other])
    assert "isn't shown here" in browser.review.receive({**ask, "method": "lime"})["reason"]


def test_a_map_of_one_label_against_another_is_pushed_and_the_log_tells_that_it_was_seen(open_review):
    desk, _, browser = open_review()
    browser.hello()
    one, other = desk.taxonomy.label_ids[2:4]
    ask = {"kind": "map", "item_id": "item-0000", "method": "gradcam", "target": one, "against": other}
    assert browser.review.receive(ask) == {"kind": "noted"}
    wait_for(lambda: [m for m in browser.of_kind("map") if (m["target"], m["against"]) == (one, other)])
    assert "needs against" in browser.review.receive({**ask, "against": 3})["reason"]
    seen = {"suggestion": one, "method": "gradcam", "target": one, "against": other}
    assert browser.decide("item-0000", "accept", label_id=one, seen=seen)["kind"] == "stored"
    assert desk.decisions[0].seen.to_dict() == seen
    refused = browser.decide("item-0001", "accept", label_id=one, seen={**seen, "against": one})
    assert "compared with another" in refused["reason"]


def test_the_parts_of_an_item_are_pushed_when_they_are_asked_for(open_review):
    _, _, browser = open_review(MemoryHost(rings(2, 700), broken=("item-0001",)))
    browser.hello()
    for item_id in ("item-0000", "item-0001"):
        assert browser.review.receive({"kind": "segments", "item_id": item_id}) == {"kind": "noted"}
    wait_for(lambda: len(browser.of_kind("segments")) == 2)
    (said, [numbers]), (broken, nothing) = (row for row in browser.pushed if row[0]["kind"] == "segments")
    assert (said["height"], said["width"]) == numbers.shape == (320, 320)
    assert numbers.dtype == "<u2"
    assert 20 < numbers.max() < 200
    assert "ends after 12" in broken["problem"]
    assert nothing == []
    assert browser.review.receive({"kind": "segments", "item_id": "nowhere"})["kind"] == "rejected"


# -- what others do ------------------------------------------------------------------------------------------

def test_an_item_is_decided_once_though_two_tabs_decide_it_at_the_same_moment(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    answers = [browser.decide("item-0000", "answer", label_id=label, known=[]) for label in desk.taxonomy.label_ids[:2]]
    assert [answer["kind"] for answer in answers] == ["stored", "rejected"]
    assert answers[1]["decided"] is True
    assert "again" not in answers[1]
    assert "another tab" in answers[1]["reason"]
    assert len(desk.decisions) == 1
    wait_for(lambda: browser.of_kind("past")[-1]["past"])
    assert browser.of_kind("past")[-1]["past"][-1]["decision_id"] == answers[0]["decision_id"]


def test_an_undo_of_a_refused_decision_is_refused_for_good_and_the_other_decision_stands(open_review):
    desk, _, browser = open_review()
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    first = browser.decide("item-0000", "answer", label_id=desk.taxonomy.label_ids[0], known=[])
    refused = browser.decide("item-0000", "answer", label_id=desk.taxonomy.label_ids[1], known=[])
    undone = browser.review.receive({"kind": "retract", "decision_id": new_id(), "retracts": refused["decision_id"],
                                     "after": refused["decision_id"], "acted_at": "2026-03-01T09:31:00Z"})
    assert undone["kind"] == "rejected"
    assert "again" not in undone
    assert desk.standing(["item-0000"]) == {"item-0000": first["decision_id"]}


def test_an_item_comes_with_the_decision_that_stands_and_knowing_it_one_may_decide_anew(open_review):
    desk, _, browser = open_review()
    desk.decide("item-0000", "skip", id="decided-first")
    browser.hello()
    browser.review.receive({"kind": "fetch", "item_id": "item-0000"})
    wait_for(lambda: "item-0000" in browser.items)
    sent = next(push["item"] for push in browser.of_kind("item") if push["item"]["item_id"] == "item-0000")
    assert sent["standing"] == "decided-first"
    assert browser.decide("item-0000", "unsure", known=["decided-first"])["kind"] == "stored"


def test_an_item_that_a_script_decides_leaves_the_card_within_seconds_and_others_are_told_of(open_review):
    desk, review, browser = open_review()
    desk.news.append("bob adopted model 0000000.")
    browser.hello()
    wait_for(lambda: len(browser.items) == WINDOW)
    desk.decide("item-0003", "unsure", id="decided-by-hand")
    desk.news.append("bob adopted model 63f5c4a.")
    wait_for(lambda: {"kind": "drop", "item_ids": ["item-0003"], "keep": 1, "decision_id": "decided-by-hand"}
             in browser.of_kind("drop"))
    wait_for(lambda: browser.of_kind("news"))
    assert [news["text"] for news in browser.of_kind("news")][-1] == "bob adopted model 63f5c4a."
    assert "item-0003" not in review._window.item_ids


def test_a_page_that_opens_on_a_closed_card_is_told_which_one_took_over(open_review):
    """It said that the next items were on their way, for ever."""
    desk, _, browser = open_review()
    open_review(desk)
    assert browser.hello()["kind"] == "ready"
    wait_for(lambda: len(browser.of_kind("closed")) == 2)
    assert [push["reason"] for push in browser.of_kind("closed")] == ["Another review has taken over."] * 2


def test_a_card_that_is_closed_names_the_cell_of_the_one_that_took_over():
    """It named the next cell: while one runs, the shell counts the one after it already."""
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        vars(shell)["kernel"] = None  # that of a notebook has one
        shell.run_cell("from hitl_widgets.widgets.widget import took_over", store_history=True)
        shell.run_cell("words = took_over('review')", store_history=True)
        assert shell.user_ns["words"] == "The review in cell [2] has taken over."
    finally:
        InteractiveShell.clear_instance()


def test_an_edit_and_a_model_of_another_kernel_reach_an_open_card_with_their_authors(bench):
    """A colleague's card offered the old labels to the end, and nobody's model."""
    from shades import small_net

    from hitl_widgets import edits
    ada, bob = (bench(annotator=name, model=small_net()) for name in ("ada", "bob"))
    review = ada.review(explain=None)
    browser = Browser(review)
    try:
        assert browser.hello()["taxonomy"]["version"] == 1
        wait_for(lambda: browser.items)
        bob.apply(edits.split("dark", ["black", "brown"]))
        model = bob.adopt(small_net(4, seed=5))
        wait_for(lambda: len(browser.of_kind("news")) == 2)
        assert {news["text"] for news in browser.of_kind("news")} == {
            "bob edited the taxonomy: Split “dark” into “black” and “brown”.", f"bob adopted model {model[:7]}."}
        wait_for(lambda: browser.of_kind("taxonomy"))
        names = [label["name"] for label in browser.of_kind("taxonomy")[-1]["taxonomy"]["labels"]]
        assert sorted(names) == ["black", "brown", "light", "striped"]
        wait_for(lambda: browser.of_kind("item")[-1]["item"].get("model") == model)
    finally:
        review.close()


def test_two_notebooks_of_one_person_decide_an_item_once(bench):
    first, second = bench(), bench()
    item_id = first.next(1, strategy="random")[0].id
    pages = []
    for wb in (first, second):
        card._open.clear()  # as in another process, which closes nothing here
        pages.append(Browser(wb.review(explain=None, strategy="random")))
        pages[-1].hello()
    wait_for(lambda: all(item_id in page.items for page in pages))
    label_id = first.taxonomy.label_ids[0]
    answers = [page.decide(item_id, "answer", label_id=label_id, known=[]) for page in pages]
    assert [answer["kind"] for answer in answers] == ["stored", "rejected"]
    assert "another tab or notebook meanwhile: dark" in answers[1]["reason"]
    assert len(first.annotations()) == len(second.annotations()) == 1
    wait_for(lambda: any(item_id in drop["item_ids"] for drop in pages[1].of_kind("drop")))
    for page in pages:
        page.review.close()


ODD = [5, 1.5, -1, True, "no", "", None, [], [1], ["a"], {}, {"a": 1}, {"La": "x"}, 2**70, 1e300, float("inf"),
       float("nan"), "\ud800", "x" * 20_000, {"size": 5, "runs": 1}, [[1]],
       "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"]


def test_an_act_with_odd_values_is_stored_or_refused_for_good_and_harms_nothing_that_follows(bench):
    """Such acts were sent for ever, or stored, and then no edit could be previewed, or the log couldn't be read."""
    from hitl_widgets import edits
    wb = bench()
    review = wb.review(explain=None)
    label_id = wb.taxonomy.label_ids[0]
    item_ids = iter([*wb.pool.ids] * 10)
    seen_fields = ["suggestion", "probs", "hidden", "method", "target", "display", "model", "taxonomy", "certainty",
                   "chosen_by", "shown_ms", "scripted", "against", "no_such_field"]
    fields = ["item_id", "verdict", "label_id", "certainty", "note", "flags", "reason", "wrong", "missing", "seen",
              "known", "annotator", "acted_at", "decision_id", "after"]
    acts = [{field: odd} for field in fields for odd in ODD]
    acts += [{"seen": {"chosen_by": "margin", field: odd}} for field in seen_fields for odd in ODD]
    for change in acts:
        if change.get("after"):
            continue  # it waits for an act that may still come
        act = {"kind": "decide", "decision_id": new_id(), "item_id": next(item_ids), "verdict": "answer",
               "label_id": label_id, "acted_at": "2026-03-01T09:30:00Z", "annotator": "ada", **change}
        reply = review.card.answer(act)
        assert reply["kind"] in ("stored", "rejected"), change
        assert "again" not in reply, (change, reply)
    assert wb.preview(edits.split("dark", ["black", "brown"])).n_items >= 0
    assert len(wb.annotations())
    assert len(wb.history())
    assert wb.progress() is not None
    assert wb.apply(edits.split("dark", ["black", "brown"])).version == 2
    review.close()


def test_an_act_with_an_id_that_is_no_text_is_answered_for_good(bench):
    """The reply repeated half a surrogate pair, and couldn't be sent: the act came again and again."""
    import json
    wb = bench()
    review = wb.review(explain=None)
    for odd in ("\ud800", 5, ["a"], {}):
        for field in ("decision_id", "after", "retracts", "item_id", "page"):
            for kind in ("decide", "retract", "fetch", "hello", "here"):
                reply = review.card.answer({"kind": kind, "decision_id": new_id(), "item_id": wb.pool.ids[0],
                                            "verdict": "skip", "acted_at": "2026-03-01T09:30:00Z", "retracts": "x",
                                            field: odd})
                json.dumps(reply, ensure_ascii=False).encode()
                assert "again" not in reply, (field, odd, reply)
    seen = {"repeat_of": "\ud800"}
    assert "repeat_of" in review.card.answer({
        "kind": "decide", "decision_id": new_id(), "item_id": wb.pool.ids[0], "verdict": "skip",
        "acted_at": "2026-03-01T09:30:00Z", "seen": seen})["reason"]
    review.close()


def test_a_log_that_has_a_time_in_words_opens_and_can_be_edited(bench):
    from hitl_widgets import edits, events, records
    wb = bench()
    decision = wb.decide(wb.pool.ids[0], label="dark", seen={"shown_ms": 800.0, "chosen_by": "margin"})
    event = events.decided(decision)
    body = {**event.body, "seen": {**event.body["seen"], "shown_ms": "fast", "hidden": "no"}}
    odd = events.Event(id="written-by-an-older-version", kind="decided", annotator="ada", acted_at=records.utc_now(),
                       item_id=wb.pool.ids[1], body=body)
    wb.project.log.append(odd)
    wb.close()
    again = bench()
    assert [d.seen.shown_ms for d in again.project.latest()] == [800.0, None]
    assert again.preview(edits.split("dark", ["black", "brown"])).n_items == 2
    assert again.progress() is not None


# -- closing -------------------------------------------------------------------------------------------------

def test_a_closed_workbench_is_freed_whatever_widgets_it_had(tmp_path):
    """Each run of a cell that closed its workbench and opened it again kept the former one, with its pool."""
    import gc
    import weakref

    import hitl_widgets as hw
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(rings(30)), hw.Taxonomy(["a", "b"]), annotator="ada")
    former, review, editor, triage = wb.review(), wb.review(explain=None), wb.edits.open(), wb.edits.triage()
    for widget in (former, review, editor, triage):
        widget.receive({"kind": "hello"})
    cards: list[Any] = [former.card, review.card]
    wb.close()
    act = {"kind": "decide", "decision_id": new_id(), "item_id": wb.pool.ids[0], "verdict": "skip",
           "acted_at": "2026-03-01T09:30:00.250Z", "annotator": "ada"}
    for card_ in cards:
        assert card_.answer(act)["again"] is True
    alive = [weakref.ref(thing) for thing in (wb, wb.project, wb.pool, review, former, editor, triage)]
    del wb, former, review, editor, triage, widget

    def freed():
        began = time.monotonic()
        gc.collect()
        time.sleep(5 * (time.monotonic() - began))  # while it collects, no thread can end
        return not any(ref() for ref in alive)
    wait_for(freed, timeout_s=120)  # the thread of the descriptors may just be importing torch


# -- what the page is told of the queue and the labels --------------------------------------------------------

def test_labels_come_with_the_path_of_their_parent(open_review):
    _, _, browser = open_review(MemoryHost(labels={"animal": {"pet": ["cat"], "dog": None}, "none": None}))
    labels = browser.hello()["taxonomy"]["labels"]
    assert [(label["name"], label.get("group")) for label in labels] == [
        ("cat", "animal / pet"), ("dog", "animal"), ("none", None)]


def test_second_looks_are_announced_with_how_many_there_are(bench):
    import pandas as pd
    from shades import TRUTH

    from hitl_widgets.quality.label_errors import SuspectedErrors
    wb = bench()
    for item_id in wb.pool.ids[:6]:
        wb.decide(item_id, label=TRUTH[item_id], seen={"chosen_by": "margin"})
    rows = [{"item_id": row.item_id, "position": wb.pool.position(row.item_id), "annotator": "ada", "label_id": "",
             "decision_id": row.decision_id, "unsure": False, "chosen_by": "margin", "certainty": None,
             "right": 0.1 * place} for place, row in enumerate(wb.annotations().head(4).itertuples())]
    wb.session._model = wb.session._model._replace(
        label_errors=lambda: SuspectedErrors(pd.DataFrame(rows), wb.project.log.standing_of))
    browser = Browser(wb.review(queue="second_look"))
    assert browser.hello()["queue"] == "second_look"
    wait_for(lambda: browser.of_kind("progress") and "asked" in browser.of_kind("progress")[-1]["progress"])
    progress = browser.of_kind("progress")[-1]["progress"]
    assert (progress["asked"], progress["here"]) == (4, 0)
    assert {push["item"]["chosen_by"] for push in browser.of_kind("item")} == {"second look"}
    assert wb.session.waiting("relabel") == 0
    browser.review.close()
