"""Are questions asked once, answered, settled in the guideline by one act, and seen by everybody?"""

import json
import threading
from datetime import datetime, timezone

import numpy as np
import pytest
from places import on_both

from hitl_widgets import Workbench, edits
from hitl_widgets.errors import BadInput, EditError, IdReused, NotAllowed, UnknownItem, UnknownLabel
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.project.threads import LONGEST_TEXT, Threads
from hitl_widgets.taxonomy.labels import EDGE_CASES, Taxonomy
from hitl_widgets.widgets.host import ThreadHost

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)


def pool_of(n=6):
    return Pool.from_images(np.random.default_rng(0).integers(0, 255, (n, 4, 4), np.uint8), [f"i{k}" for k in range(n)])


@pytest.fixture
def opened(where):
    made = []

    def open_(annotator="ada", **more):
        made.append(Project(where(), pool_of(), Taxonomy(["cat", "dog"]), annotator=annotator, holdout=0.0,
                            **more))
        return made[-1]
    yield open_
    for project in made:
        project.close()


def test_a_question_its_answer_and_what_settled_it_make_a_row(opened):
    project = opened()
    threads = Threads(project)
    asked = threads.ask("  Is a kitten a cat? ", label="cat", item_id="i2", acted_at=AT)
    threads.answer(asked, "Yes, at every age.", annotator="bob")
    threads.settle(asked.id, "definition", annotator="bob")

    [row] = threads.table.to_dict("records")
    assert (row["item_id"], row["label"], row["text"], row["asked_by"], row["n_answers"], row["answered_by"],
            row["settled"], row["settled_by"]) == ("i2", "cat", "Is a kitten a cat?", "ada", 2, "bob", True, "bob")
    assert row["asked_at"] == AT
    assert project.taxonomy.label("cat").definition == "Yes, at every age."
    last = project.edits().iloc[-1]
    assert (last["id"], last["annotator"]) == (row["edit"], "bob")


def test_a_thread_shows_itself_in_words(opened):
    """It was shown as all its fields, ids and times."""
    threads = Threads(opened())
    asked = threads.ask("Is a kitten a cat?", label="cat", item_id="i2")
    assert repr(asked) == "<Thread: ada asks 'Is a kitten a cat?', about item 'i2', no answer>"
    assert "1 answer>" in repr(threads.answer(asked, "Yes."))


def test_an_example_without_an_item_says_how_to_name_one(opened):
    threads = Threads(opened())
    with pytest.raises(BadInput, match="the thread is about no item, and 'drawing' takes one; pass item_id="):
        threads.settle(threads.ask("Cat?", label="cat"), "drawing")


def test_a_table_without_threads_has_its_columns_and_types(opened):
    table = Threads(opened()).table
    assert len(table) == 0
    assert table["settled"].dtype == bool


@pytest.mark.parametrize("into", ["example", "counter_example", *EDGE_CASES])
def test_an_answer_becomes_an_example_of_some_kind_by_one_act(opened, into):
    project = opened()
    threads = Threads(project)
    threads.settle(threads.ask("Cat?", label="cat", item_id="i4"), into)
    threads.settle(threads.ask("Cat too?", label="cat"), into, item_id="i5")
    threads.settle(threads.ask("Cat again?", label="cat"), into, item_id="i5")  # an example once
    label = project.taxonomy.label("cat")
    named = {"example": label.examples, "counter_example": label.counter_examples}.get(into, label.edge_cases.get(into))
    assert named == ("i4", "i5")


def test_a_sentence_comes_after_the_definition_that_there_is(opened):
    project = opened()
    project.apply(edits.describe("dog", definition="It barks."))
    threads = Threads(project)
    threads.settle(threads.ask("And wolves?"), "definition", label="dog", text="Wolves are no dogs.")
    assert project.taxonomy.label("dog").definition == "It barks. Wolves are no dogs."


def test_any_edit_may_settle_a_thread_and_so_may_an_answer_alone(opened):
    project = opened()
    threads = Threads(project)
    threads.settle(threads.ask("Where do foxes go?"), edits.add("fox"))
    settled = threads.settle(threads.ask("When is lunch?"), text="At noon.")
    assert "fox" in project.taxonomy
    assert settled.settling.edit is None
    assert threads.table["settled"].all()


def test_an_edit_that_is_taken_back_opens_its_thread_again(opened):
    project = opened()
    threads = Threads(project)
    thread = threads.settle(threads.ask("Cat?", label="cat", item_id="i1"), "example")
    project.revert(thread.settling.edit)
    assert not threads.table["settled"].any()
    assert project.taxonomy.label("cat").examples == ()


def test_a_settled_thread_is_open_after_it_was_reopened(opened):
    threads = Threads(opened())
    thread = threads.settle(threads.ask("Cat?"), text="Yes.")
    assert threads.reopen(thread, "What of lions?").settling is None
    assert not threads.table["settled"].any()


def test_each_act_that_is_sent_again_is_stored_once_also_after_an_edit(opened):
    project = opened()
    threads = Threads(project)
    for _ in range(2):
        thread = threads.ask("Is a kitten a cat?", label="cat", id="question-1")
        threads.answer(thread, "Yes.", id="answer-01")
        threads.settle(thread, "definition", id="settle-01")
        threads.reopen(thread, id="reopen-01")
        project.apply(edits.rename("cat", to="cat (any)") if "cat" in project.taxonomy else
                      edits.rename("cat (any)", to="cat"))
        project.apply(edits.rename(project.taxonomy.names[0], to="cat"))
    assert len(list(project.log.events(kind="thread"))) == 4
    assert project.taxonomy.label("cat").definition == "Yes."
    with pytest.raises(IdReused):
        threads.ask("Something else", id="question-1")
    with pytest.raises(BadInput, match="says something else"):
        threads.settle(thread, id="answer-01")


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "\ud800", "x" * (LONGEST_TEXT + 1), None, 3])
def test_what_is_no_short_plain_text_is_refused(opened, text):
    project = opened()
    with pytest.raises(BadInput, match="text"):
        Threads(project).ask(text)
    assert list(project.log.events(kind="thread")) == []


def test_what_a_thread_can_t_be_about_is_refused_and_stores_nothing(opened):
    project = opened()
    threads = Threads(project)
    with pytest.raises(UnknownItem):
        threads.ask("?", item_id="nowhere")
    with pytest.raises(UnknownLabel):
        threads.ask("?", label="lynx")
    with pytest.raises(BadInput, match="thread 'x' isn't in the log"):
        threads.answer("x", "text")
    thread = threads.ask("Why?")
    with pytest.raises(BadInput, match="no answer that could go into a definition"):
        threads.settle(thread, "definition")
    with pytest.raises(BadInput, match="about no label"):
        threads.settle(thread, "example", item_id="i1")
    with pytest.raises(BadInput, match="about no item"):
        threads.settle(thread, "tiny", label="cat")
    with pytest.raises(BadInput, match="into is 'asleep'; one of definition, example"):
        threads.settle(thread, "asleep", label="cat")
    with pytest.raises(EditError):
        threads.settle(thread, edits.rename("lynx", to="puma"))
    assert len(list(project.log.events(kind="thread"))) == 1
    assert project.taxonomy.version == 1


def test_markup_in_a_question_is_shown_as_text(opened):
    threads = Threads(opened())
    threads.ask("<img src=x onerror=alert(1)>", label="cat")
    assert "<img" not in threads._repr_html_()
    assert "&lt;img" in threads._repr_html_()


# -- two people on one folder

def test_a_colleague_hears_of_a_question_and_everybody_of_what_settled_it(opened):
    ada, bob = opened("ada"), opened("bob")
    heard = []
    bob.subscribe(heard.append)
    thread = Threads(ada).ask("Is a kitten a cat?", label="cat")
    bob.follow()
    assert bob.news == ["ada asked about 'cat': Is a kitten a cat?"]
    assert heard == ["threads"]

    Threads(bob).answer(thread, "Yes.")
    Threads(bob).settle(thread, "definition")
    ada.follow()
    assert ada.taxonomy.label("cat").definition == "Yes."
    assert ada.news == ["bob answered a question about 'cat': Yes.",
                        "bob edited the taxonomy: Describe “cat”: definition “Yes.”.",
                        "bob settled a question about 'cat'."]
    bob.follow()
    assert len(bob.news) == 1  # nobody is told of their own acts


def test_what_others_think_of_an_item_isn_t_read_before_it_is_answered(opened):
    ada, bob = opened("ada"), opened("bob")
    Threads(ada).ask("This is a cat, isn't it?", item_id="i3", label="cat")
    Threads(ada).ask("Are kittens cats?", label="cat")
    bob.follow()
    assert bob.news[0] == "ada asked about item 'i3'."
    assert [thread.text for thread in Threads(bob).visible_to("bob")] == ["Are kittens cats?"]
    assert [thread.text for thread in Threads(ada).visible_to("ada")] == ["Are kittens cats?",
                                                                         "This is a cat, isn't it?"]
    assert [thread.text for thread in Threads(bob, "bob")] == ["Are kittens cats?"]
    bob.decide("i3", "skip")
    assert Threads(bob).visible_to("bob", item_id="i3") == []
    bob.decide("i3", label="dog")
    assert [thread.item_id for thread in Threads(bob).visible_to("bob", item_id="i3")] == ["i3"]


@on_both
def test_of_two_people_who_settle_at_once_nobody_s_sentence_is_lost(opened):
    projects = [opened(name) for name in ("ada", "bob", "eve")]
    thread = [Threads(project).ask(f"Question {n}", label="cat") for n, project in enumerate(projects)]
    start = threading.Barrier(len(projects))
    errors = []

    def settle(n):
        try:
            start.wait()
            Threads(projects[n]).settle(thread[n].id, "definition", text=f"Sentence {n}.")
            Threads(projects[n]).settle(thread[n].id, "example", label="cat", item_id=f"i{n}")
        except Exception as error:  # told below, in the test's own thread
            errors.append(error)
    workers = [threading.Thread(target=settle, args=(n,)) for n in range(len(projects))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    projects[0].refresh()
    label = projects[0].taxonomy.label("cat")
    assert sorted(label.definition.removesuffix(".").split(". ")) == ["Sentence 0", "Sentence 1", "Sentence 2"]
    assert sorted(label.examples) == ["i0", "i1", "i2"]


@on_both
def test_one_act_that_arrives_in_two_processes_is_stored_once(opened):
    ada, other = opened("ada"), opened("ada")
    thread = Threads(ada).ask("Cat?", label="cat")
    other.refresh()
    for project in (ada, other):
        Threads(project).settle(thread.id, "definition", text="A cat purrs.", id="settle-01", acted_at=AT)
    ada.refresh()
    assert ada.taxonomy.label("cat").definition == "A cat purrs."


def test_threads_are_there_when_the_project_is_opened_again_and_presumed_labels_stay(opened):
    ada = opened("ada")
    ada.decide("i0", label="cat")
    ada.apply(edits.split("cat", into=["tabby", "calico"]))
    ada.presume({"i0": "tabby"}, estimate={})
    Threads(ada).ask("Tabby?", item_id="i0", label="tabby")
    ada.refresh()
    again = opened("bob")
    assert len(Threads(again)) == 1
    assert ada.state.presumed.keys() == again.state.presumed.keys() == {"i0"}


def test_a_question_outlives_the_label_that_it_was_about(opened):
    project = opened()
    threads = Threads(project)
    thread = threads.ask("Which breed?", label="dog")
    project.apply(edits.split("dog", into=["poodle", "beagle"]))
    assert threads.table["label"].isna().all()
    assert "'dog'" in project._in_words(next(iter(project.log.events(kind="thread"))))
    assert threads.of(label="poodle") == []
    assert threads.of()[0].id == thread.id


# -- the guideline

def test_the_guideline_of_a_label_has_what_a_person_should_know(opened):
    project = opened()
    project.apply(edits.describe("cat", definition="It purrs.", examples=["i1"], counter_examples=["i2"],
                                 edge_cases={"tiny": ["i3"], "cropped": ["i4"]}))
    with Workbench(project.folder, pool_of(), annotator="ada", progress=False) as wb:
        wb.session.ask("And lions?", label_id="cat")
        panel = wb.session.guideline("cat")
    assert (panel.label, panel.definition, panel.examples, panel.counter_examples, panel.purpose) == \
        ("cat", "It purrs.", ("i1",), ("i2",), "")
    assert list(panel.edge_cases.items()) == [("cropped", ("i4",)), ("tiny", ("i3",))]
    assert [thread.text for thread in panel.threads] == ["And lions?"]
    assert "It purrs." in panel._repr_html_()


def test_the_card_reads_threads_as_plain_json_and_settles_them(opened):
    project = opened()
    with Workbench(project.folder, pool_of(), annotator="bob", progress=False) as wb:
        session = wb.session
        assert isinstance(session, ThreadHost)
        thread = session.ask("Cat?", item_id="i1", label_id=project.taxonomy.label("cat").id, id="question-1")
        session.reply(thread.id, "Yes.")
        session.ask("Dogs?")
        session.settle(thread.id, "sentence", text="A cat.", annotator="eve")
        first, second = session.threads()
        json.dumps([first, second], allow_nan=False)
        assert (first["thread"], first["item_id"], first["how"], first["settled"], second["how"]) == \
            ("question-1", "i1", "sentence", True, None)
        assert [(post["act"], post["annotator"], post["text"]) for post in first["posts"]] == [
            ("ask", "bob", "Cat?"), ("answer", "bob", "Yes."), ("settle", "eve", "A cat.")]
        assert session.threads(item_id="i1") == [first]
        session.settle(second["thread"])
        assert [entry["how"] for entry in session.threads()] == ["sentence", "none"]


def test_a_sentence_that_two_people_settle_stands_in_the_definition_once(tmp_path):
    """It stood there twice."""
    from hitl_widgets import Pool, Workbench
    pool = Pool.from_images(np.zeros((3, 8, 8), np.uint8), ids=["a", "b", "c"])
    with Workbench(tmp_path, pool, ["cat", "dog"], annotator="ada") as ada, \
            Workbench(tmp_path, pool, annotator="bob") as bob:
        thread = ada.people.threads().ask("Drawings?", label="cat")
        ada.people.threads().answer(thread, "Drawings count.")
        bob.people.threads().settle(thread, "definition")
        settled = ada.people.threads().settle(thread, "definition")
        assert settled.is_settled(ada.project.lineage)
        assert ada.taxonomy.label("cat").definition == "Drawings count."
        ada.people.threads().settle(thread, "definition", text="Drawings")
        assert ada.taxonomy.label("cat").definition == "Drawings count. Drawings"


def test_the_list_in_a_cell_follows_the_cards_rule(where):
    """It listed what others think of an item to people who had yet to answer it."""
    place = where()
    with Workbench(place, pool_of(), ["cat", "dog"], annotator="ada", holdout=0.0, progress=False) as ada, \
            Workbench(place, pool_of(), annotator="bob", progress=False) as bob:
        about_item = ada.people.threads().ask("This is a cat, isn't it?", item_id="i3", label="cat")
        ada.people.threads().ask("Are kittens cats?", label="cat")
        assert len(ada.people.threads()) == 2  # she wrote in both
        listed = bob.people.threads()
        assert listed.table["text"].tolist() == [thread.text for thread in listed] == ["Are kittens cats?"]
        assert listed.of(item_id="i3") == []
        assert "isn't it" not in f"{listed!r} {listed._repr_html_()}"
        assert "1 more about an item that you haven't answered yet" in repr(listed)
        assert "There is 1 more about an item" in listed._repr_html_().replace("&#x27;", "'")
        for act in (lambda: listed[about_item.id], lambda: listed.answer(about_item.id, "No.")):
            with pytest.raises(BadInput, match="Answer the item first"):
                act()
        assert len(bob.people.threads(all_items=True)) == 2  # nobody was invited: everybody may adjudicate
        bob.decide("i3", label="dog")
        assert len(listed) == 2
        assert listed.answer(about_item.id, "No.").answers[0].text == "No."
        assert "haven't" not in repr(listed)


def test_who_may_adjudicate_reads_questions_about_items_ahead_and_others_don_t(where):
    place = where()
    with Workbench(place, pool_of(), ["cat", "dog"], annotator="ada", holdout=0.0, progress=False) as ada:
        for name, role in (("bob", "annotator"), ("rea", "reviewer"), ("ann", "annotator")):
            ada.people.invite(name, role)
        with Workbench(place, pool_of(), annotator="ann", progress=False) as ann:
            ann.people.threads().ask("Is this a cat?", item_id="i3")
        assert len(ada.people.threads()) == 0
        assert len(ada.people.threads(all_items=True)) == 1
        with Workbench(place, pool_of(), annotator="rea", progress=False) as rea:
            [thread] = rea.people.threads(all_items=True)
            rea.people.threads(all_items=True).answer(thread, "Yes.")
            assert len(rea.people.threads()) == 1  # she wrote in it
        with Workbench(place, pool_of(), annotator="bob", progress=False) as bob:
            assert len(bob.people.threads()) == 0
            with pytest.raises(NotAllowed, match="reading questions"):
                bob.people.threads(all_items=True)


def test_a_question_in_another_name_is_returned_to_who_asked_it(where):
    with Workbench(where(), pool_of(), ["cat", "dog"], annotator="ada", holdout=0.0, progress=False) as ada:
        threads = ada.people.threads()
        assert threads.ask("A cat?", item_id="i1", annotator="bob").asked_by == "bob"
        assert len(threads) == 0
