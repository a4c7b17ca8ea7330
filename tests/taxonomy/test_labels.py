"""Labels and taxonomies: what was written is read, and what can't be a taxonomy is refused in words."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_widgets import edits
from hitl_widgets.errors import TaxonomyError, UnknownLabel
from hitl_widgets.taxonomy.checks import check_name
from hitl_widgets.taxonomy.labels import EDGE_CASES, Label, Taxonomy, label_id_of

# What YAML readers like to take for something else than text.
TREACHEROUS = ["no", "on", "y", "1e3", "null", "~", "1_000", "0x1f", "2024-01-31", "12:30:45", ".inf", "true", "- a",
               "a: b", "#1", "*x", "&x", "!t", "{", "[", "'", '"', "=", "<<", "%", "@", "a #b", "?", "|", ">",
               "T-shirt/top", "1.2.3", "-", "+1", "\u200b", "\u00a0x", "é", "e\u0301", "猫", "🐈", "x" * 200]
LETTERS = st.characters(exclude_categories=["Cs"])
SPACES = ["two\nlines", " space ", "\n", "a\n\n  b\n", "\n a", "\ttab", "\r\n", "\x85 ", "\u2028", "\0", "\ufeff"]
TEXTS = st.one_of(st.sampled_from(TREACHEROUS + SPACES), st.text(LETTERS, max_size=20))


def can_name(text: str) -> bool:
    try:
        return bool(check_name(text))
    except TaxonomyError:
        return False


NAMES = st.one_of(st.sampled_from(TREACHEROUS), st.text(LETTERS, min_size=1, max_size=8)).filter(can_name)


@st.composite
def taxonomies(draw: st.DrawFn) -> Taxonomy:
    """Small trees of described labels, a few of them with ids of their own."""
    keys = draw(st.lists(st.sampled_from("abcdé07"), unique=True, max_size=3))
    flat: list[dict] = [{"labels": []}]
    for _ in range(draw(st.integers(1, 7))):
        parent = draw(st.sampled_from(flat))
        name = draw(NAMES)
        if any(check_name(child["name"]) == check_name(name) for child in parent["labels"]):
            continue
        label = {"name": name, "labels": []} | draw(st.fixed_dictionaries({}, optional={
            "definition": TEXTS, "examples": st.lists(TEXTS, max_size=2),
            "counter_examples": st.lists(TEXTS, max_size=2), "link": st.just("https://example.org/a#b"),
            "colour": st.just("#1b9e77"), "sensitive": TEXTS,
            "attributes": st.dictionaries(TEXTS, TEXTS, max_size=2),
            "ratings": st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False), max_size=2),
            "edge_cases": st.dictionaries(st.sampled_from(EDGE_CASES), st.lists(TEXTS, max_size=2), max_size=3),
            "id": st.just(f"own-{len(flat)}")}))
        if keys and draw(st.booleans()):
            label["key"] = keys.pop()
        parent["labels"].append(label)
        flat.append(label)
    return Taxonomy(flat[0]["labels"], version=draw(st.integers(1, 99)), inner_answers=draw(st.booleans()))


@pytest.fixture
def clothes() -> Taxonomy:
    return Taxonomy({"shoe": ["Sneaker", "Boot", "other"], "top": {"Shirt": "has buttons", "other": None},
                     "Bag": None})


# Labels and answers.

def test_a_list_of_names_is_a_taxonomy_whose_answers_are_its_labels():
    taxonomy = Taxonomy(["T-shirt/top", "Trouser"])
    assert taxonomy.names == ("T-shirt/top", "Trouser")
    assert len(taxonomy) == 2
    assert [label.id for label in taxonomy] == list(taxonomy.label_ids)
    assert taxonomy.version == 1


def test_names_may_come_from_numpy_or_a_generator():
    assert Taxonomy(np.array(["cat", "dog"])).label("dog").name == "dog"
    assert type(Taxonomy(np.array(["cat"])).answers[0].name) is str
    assert Taxonomy(name for name in ("cat", "dog")).names == ("cat", "dog")


def test_a_nested_mapping_gives_hierarchy_and_only_leaves_are_answers(clothes):
    assert clothes.names == ("Sneaker", "Boot", "shoe / other", "Shirt", "top / other", "Bag")
    assert [label.name for label in clothes.labels] == ["shoe", "Sneaker", "Boot", "other", "top", "Shirt", "other",
                                                        "Bag"]
    assert clothes.label("Shirt").definition == "has buttons"
    assert clothes.label("Sneaker").parent == clothes.label("shoe").id


def test_inner_labels_are_answers_when_the_taxonomy_says_so():
    taxonomy = Taxonomy({"shoe": ["Sneaker"]}, inner_answers=True)
    assert taxonomy.names == ("shoe", "Sneaker")
    assert taxonomy.answer("shoe").name == "shoe"


def test_a_label_is_found_by_id_by_path_and_by_a_name_that_only_it_has(clothes):
    boot = clothes.label("Boot")
    assert boot is clothes.label(boot.id) is clothes.label("shoe / Boot") is clothes.label(" Boot ")
    assert clothes.path("Boot") == "shoe / Boot"
    assert clothes.name_of(boot.id) == "Boot"
    assert "Boot" in clothes
    assert "boot" not in clothes
    assert 3 not in clothes


def test_what_a_label_is_called_finds_that_label_again(clothes):
    assert [clothes.label(clothes.name_of(label.id)) for label in clothes.labels] == list(clothes.labels)


def test_the_two_spellings_of_an_accent_are_one_name():
    assert "caf\u00e9" in Taxonomy(["cafe\u0301"])


def test_an_ambiguous_name_asks_for_the_path(clothes):
    with pytest.raises(UnknownLabel, match=r"'other' is ambiguous.*shoe / other, top / other"):
        clothes.label("other")


def test_an_unknown_label_is_answered_with_what_there_is_what_is_close_and_what_to_do():
    with pytest.raises(UnknownLabel, match=r"'lynxx' is not in taxonomy v3, which has: bobcat, lynx\. "
                                           r"Close to it: lynx\. Add it with wb.apply\(edits.add\('lynxx'\)\) or"):
        Taxonomy(["bobcat", "lynx"], version=3).label("lynxx")
    with pytest.raises(UnknownLabel, match=r"Close to it: Bobcat"):
        Taxonomy(["Bobcat", "lynx"]).label("bobcat")


def test_a_label_that_is_no_text_is_unknown_in_words():
    with pytest.raises(UnknownLabel, match=r"label 3 is int; a name or id, as text"):
        Taxonomy(["cat"]).label(3)  # type: ignore[arg-type]


def test_a_label_with_others_under_it_is_no_answer(clothes):
    with pytest.raises(UnknownLabel, match=r"'shoe' can't be an answer.*Sneaker, Boot, shoe / other"):
        clothes.answer("shoe")
    assert clothes.answer("Boot").name == "Boot"


def test_what_lies_below_a_label_is_all_of_it_and_nothing_else():
    taxonomy = Taxonomy({"a": {"b": ["c", "d"], "e": None}, "f": ["g"]})
    assert [label.name for label in taxonomy.below("a")] == ["b", "c", "d", "e"]
    assert [label.name for label in taxonomy.below("f")] == ["g"]
    assert taxonomy.below("g") == ()


# Ids.

def test_ids_come_from_the_path_so_that_the_same_list_has_the_same_ids():
    # printf 'cat' | b2sum -l 40;  printf 'shoe\0Boot' | b2sum -l 40
    assert Taxonomy(["cat"]).label_ids == ("La7b0429705",)
    assert Taxonomy({"shoe": ["Boot"]}).label_ids == ("L237900943f",)


def test_a_label_keeps_its_id_when_others_join_or_the_order_changes():
    assert Taxonomy(["dog", "cat"]).label("cat").id == Taxonomy(["cat"]).label("cat").id


def test_a_new_label_never_gets_an_id_that_is_or_was_taken():
    cat = label_id_of(["cat"])
    assert Taxonomy([{"name": "felis", "id": cat}, "cat"]).label("cat").id != cat
    assert Taxonomy(["cat"], former_ids=[cat]).label("cat").id != cat
    assert Taxonomy(["dog"], former_ids=[cat]).new_id("cat") == Taxonomy(["cat"], former_ids=[cat]).label("cat").id


# Keys.

def test_the_first_ten_answers_have_the_digits_from_1_on_and_0_last():
    taxonomy = Taxonomy([f"label {n}" for n in range(1, 13)])
    assert "".join(taxonomy.keys.values()) == "1234567890"
    assert list(taxonomy.keys) == list(taxonomy.label_ids[:10])


def test_a_label_keeps_its_own_key_and_the_others_share_the_digits_that_are_left():
    taxonomy = Taxonomy([{"name": "a", "key": "t"}, "b", {"name": "c", "key": "1"}, "d"])
    assert list(taxonomy.keys.values()) == ["t", "2", "1", "3"]


# What can't be a taxonomy.

@pytest.mark.parametrize(("labels", "words"), [
    ([], "at least one label"),
    ("cat", "labels is 'cat'; a list of names"),
    ({"cat", "dog"}, "a list of names"),
    (3, r"labels is 3 \(int\)"),
    ([0, 1], r"a label is 0 \(int\); a name in quotes"),
    (["cat", None], r"a label is None"),
    (["cat", "dog", "cat"], r"two labels at the top are named 'cat'; rename"),
    ({"a": ["x", "x"]}, r"two labels under 'a' are named 'x'"),
    (["cat", " cat"], "two labels at the top are named 'cat'"),
    ([""], "1 to 200 characters"),
    (["x" * 201], "1 to 200 characters"),
    (["a / b"], r"has ' / ' in its name.*Write 'a/b'"),
    (["a\nb"], "line break"),
    (["\ud800"], "lone surrogate"),
    ([{"nmae": "cat"}], r"unknown field 'nmae'; known are name, id"),
    ([{"id": "x"}], r"has no name, only id"),
    ([{"name": "cat", "labels": "kitten"}], "labels is 'kitten'"),
    ([{"name": "cat", "parent": "x"}], "unknown field 'parent'"),
    ([{"name": "cat", "id": "x"}, {"name": "dog", "id": "x"}], "two labels have the id 'x'"),
    ([{"name": "cat", "id": "a b"}], r"id is 'a b'"),
    ([{"name": "cat", "id": "x"}, {"name": "x"}], "another's id for a name"),
    ([{"name": "cat", "key": "c"}, {"name": "cow", "key": "C"}], r"'cat' and 'cow' share the key 'C'"),
    ([{"name": "cat", "key": "cc"}], "key is 'cc'; one visible character"),
    ([{"name": "cat", "edge_cases": {"asleep": ["a.png"]}}], "edge case 'asleep' is unknown; known are cropped"),
    ([{"name": "cat", "edge_cases": {"tiny": "a.png"}}], "edge case 'tiny' is 'a.png'; a list of texts"),
    ([{"name": "cat", "key": " "}], "one visible character"),
    ([{"name": "cat", "colour": "red; background: url(x)"}], "#rrggbb is expected"),
    ([{"name": "cat", "link": "javascript:alert(1)"}], "https://"),
    ([{"name": "cat", "definition": 3}], r"definition is 3 \(int\); text is expected"),
    ([{"name": "cat", "examples": "a.png"}], "examples is 'a.png'; a list of texts"),
    ([{"name": "cat", "attributes": ["a"]}], "attributes.*a mapping from names"),
    ([{"name": "cat", "attributes": {"legs": 4}}], r"attribute 'legs' is 4 \(int\)"),
    ([{"name": "cat", "ratings": {"objective": "very"}}], "rating 'objective' is 'very'; a number"),
    ([{"name": "cat", "ratings": {"objective": float("nan")}}], "a number is expected"),
])
def test_what_is_no_taxonomy_is_refused_in_words(labels, words):
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy(labels)


@pytest.mark.parametrize(("labels", "words"), [
    ([Label("a", "x", parent="b"), Label("b", "y", parent="a"), Label("c", "z")], "in a circle: x, y"),
    ([Label("a", "x", parent="a")], "in a circle: x"),
    ([Label("a", "x", parent="q")], "has the parent 'q', and no label has this id"),
    ([Label("a", "x"), Label("a", "y")], "two labels have the id 'a': 'x' and 'y'"),
    ([Label("a0", "x"), *(Label(f"a{n + 1}", "x", parent=f"a{n}") for n in range(40))], "more than 32 levels"),
])
def test_labels_that_form_no_hierarchy_are_refused_in_words(labels, words):
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy(labels)


def test_a_mapping_that_is_nested_without_end_is_refused():
    endless: dict = {}
    endless["a"] = endless
    with pytest.raises(TaxonomyError, match="more than 32 levels"):
        Taxonomy(endless)


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", True])
def test_a_version_is_a_whole_number_from_1(version):
    with pytest.raises(TaxonomyError, match="whole number"):
        Taxonomy(["cat"], version=version)


def test_labels_may_come_in_any_order_and_stand_depth_first():
    taxonomy = Taxonomy([Label("b", "child", parent="a"), Label("c", "last"), Label("a", "parent")])
    assert [label.name for label in taxonomy.labels] == ["last", "parent", "child"]


# Equality and digest.

def test_what_other_readers_might_take_for_a_number_is_quoted():
    text = Taxonomy(["1e3", "0o17", "-1", "y", "3 doors", "cat"]).to_yaml()
    assert text.splitlines()[2:] == ["- '1e3'", "- '0o17'", "- '-1'", "- 'y'", "- '3 doors'", "- cat"]


def test_the_digest_tells_what_is_said_not_ids_version_or_order():
    digest = Taxonomy(["cat", "dog"]).digest
    assert Taxonomy([{"name": "dog", "id": "7"}, "cat"], version=4).digest == digest
    assert Taxonomy(["cat", "dog"], former_ids=["x"]).digest == digest


@pytest.mark.parametrize("other", [
    ["cat"], ["cat", "Dog"], {"cat": ["dog"]}, [{"name": "cat", "definition": "purrs"}, "dog"],
    [{"name": "cat", "key": "c"}, "dog"]])
def test_the_digest_changes_with_what_is_said(other):
    assert Taxonomy(other).digest != Taxonomy(["cat", "dog"]).digest


def test_the_digest_tells_whether_inner_labels_are_answers():
    assert Taxonomy(["cat"]).digest != Taxonomy(["cat"], inner_answers=True).digest


def test_a_taxonomy_at_another_version_is_otherwise_the_same():
    taxonomy = Taxonomy({"a": ["b"]}, inner_answers=True, former_ids=["x"])
    later = taxonomy.at_version(7)
    assert (later.version, later.labels, later.digest) == (7, taxonomy.labels, taxonomy.digest)
    assert later.former_ids == {"x"}
    assert later != taxonomy


# Round trips.

@pytest.mark.long
@settings(deadline=None)
@given(taxonomies())
def test_yaml_gives_back_an_equal_taxonomy(taxonomy):
    text = taxonomy.to_yaml()
    again = Taxonomy.from_yaml(text)
    assert again == taxonomy
    assert again.digest == taxonomy.digest
    assert again.to_yaml() == text


@pytest.mark.long
@settings(deadline=None, max_examples=50)
@given(taxonomies())
def test_other_readers_of_yaml_take_every_name_for_text(taxonomy):
    def names(entries):
        for entry in entries:
            yield entry if isinstance(entry, str) else entry["name"]
            yield from names(entry.get("labels", ())) if isinstance(entry, dict) else ()
    assert list(names(yaml.safe_load(taxonomy.to_yaml())["labels"])) == [label.name for label in taxonomy.labels]


@settings(deadline=None, max_examples=50)
@given(taxonomies())
def test_a_body_survives_json_with_its_ids(taxonomy):
    again = Taxonomy.from_dict(json.loads(json.dumps(taxonomy.to_dict())))
    assert again == taxonomy
    assert (again.digest, again.label_ids, hash(again)) == (taxonomy.digest, taxonomy.label_ids, hash(taxonomy))


def test_former_ids_survive_a_body():
    taxonomy = Taxonomy(["cat"], former_ids=["x", "y"])
    assert Taxonomy.from_dict(taxonomy.to_dict()).former_ids == {"x", "y"}


def test_a_taxonomy_can_be_pickled(clothes):
    assert pickle.loads(pickle.dumps(clothes)) == clothes


@pytest.mark.parametrize("body", [None, {}, {"labels": [{"name": "x"}]}, {"labels": 3}, {"labels": [3]},
                                  {"labels": [{"id": "a", "name": "x"}], "more": 1}])
def test_a_body_that_is_none_is_refused(body):
    with pytest.raises(TaxonomyError, match="to_dict"):
        Taxonomy.from_dict(body)


def test_yaml_is_written_for_people(clothes):
    assert Taxonomy({"shoe": {"Boot": "above\nthe ankle"}, "no": None}).to_yaml() == """\
version: 1
labels:
- name: shoe
  labels:
  - name: Boot
    definition: |-
      above
      the ankle
- 'no'
"""


def test_a_taxonomy_in_a_notebook_is_a_table_that_escapes_every_text():
    text = Taxonomy({"<b>shoe": {"Boot": "above <i> the ankle"}, "Bag": None})._repr_html_()
    assert "Taxonomy v1, 2 answers" in text
    assert "<td>&lt;b&gt;shoe</td><td></td><td></td>" in text
    assert "<td>&emsp;Boot</td><td>1</td><td>above &lt;i&gt; the ankle</td>" in text
    assert "and 30 labels more" in Taxonomy([f"label {n}" for n in range(80)])._repr_html_()


def test_a_file_is_read_as_it_was_written(tmp_path, clothes):
    text = clothes.to_yaml(tmp_path / "clothes.yaml")
    assert (tmp_path / "clothes.yaml").read_text(encoding="utf-8") == text
    assert Taxonomy.from_yaml(tmp_path / "clothes.yaml") == clothes
    assert Taxonomy.from_yaml(str(tmp_path / "clothes.yaml")) == clothes
    (tmp_path / "bom.yaml").write_text("\ufeff- cat\n", encoding="utf-8")
    assert Taxonomy.from_yaml(tmp_path / "bom.yaml").names == ("cat",)


# Reading YAML.

@pytest.mark.parametrize("name", ["no", "on", "1e3", "null", "~", "2024-01-31", "1_000", "0o17", "1.0", "TRUE"])
def test_a_name_in_yaml_stays_the_text_it_is(name):
    assert Taxonomy.from_yaml(f"- {name}\n- {{name: x, key: a}}").names == (name, "x")
    assert Taxonomy.from_yaml(f"labels:\n  {name}:\n  x: {name}").label("x").definition == name


def test_yaml_may_nest_mappings_and_give_every_field():
    taxonomy = Taxonomy.from_yaml("""
version: 4
inner_answers: true
labels:
- name: lynx
  definition: ear tufts
  examples: [a.png, b.png]
  counter_examples: [c.png]
  link: https://example.org
  key: l
  colour: "#1b9e77"
  attributes: {legs: 4}
  ratings: {objective-subjective: 2.5}
  edge_cases: {tiny: [d.png], cropped: [e.png, f.png], group: }
  sensitive: protected, so that places are secret
- name: cats
  labels: {tabby: , calico: three colours}
""")
    assert taxonomy.version == 4
    assert taxonomy.names == ("lynx", "cats", "tabby", "calico")
    assert taxonomy.label("lynx") == Label(
        label_id_of(["lynx"]), "lynx", "ear tufts", ("a.png", "b.png"), ("c.png",), "https://example.org", key="l",
        colour="#1b9e77", attributes={"legs": "4"}, ratings={"objective-subjective": 2.5},
        sensitive="protected, so that places are secret",
        edge_cases={"cropped": ("e.png", "f.png"), "tiny": ("d.png",)})
    assert all(type(value) is str for value in (taxonomy.label("lynx").definition, taxonomy.label("tabby").name,
                                                taxonomy.label("lynx").attributes["legs"]))


@pytest.mark.parametrize(("text", "words"), [
    ("- cat\n- dog\n- cat", r"^line 3: two labels at the top are named 'cat' \(the first at line 1\)"),
    ("- cat\n- name: dog\n  nmae: x", "^line 3: a label has the unknown field 'nmae'"),
    ("- cat\n- name: dog\n  name: x", "^line 3: 'name' is given twice"),
    ("labels:\n  cat:\n  dog:\n  cat:", "^line 4: 'cat' is given twice"),
    ("- cat\n- definition: x", "^line 2: a label has no name, only definition"),
    ("- cat\n-", "^line 2: a label's name is ''"),
    ("- cat\n- [dog]", "^line 2: a label is a list"),
    ("- cat\n- name: dog\n  examples: x", "^line 2: label 'dog': examples is 'x'"),
    ("- cat\n- {name: dog, id: [x]}", "^line 2: label 'dog': id is a list"),
    ("- {name: cat, id: x}\n- {name: dog, id: x}", r"^line 2: two labels have the id 'x' \(the first at line 1\)"),
    ("- {name: cat, key: c}\n- {name: dog, key: c}", "^line 2: labels 'cat' and 'dog' share the key"),
    ("- &a cat\n- *a", r"^line 2: the alias \*a"),
    ("- cat\n- !!python/object/apply:os.getcwd []", "^line 2: the tag"),
    ("- cat\n\t- dog", "^line 2: this is not YAML"),
    ("- [cat", "this is not YAML"),
    ("- \0", "this is not YAML"),
    ("- cat\n---\n- dog", "2 YAML documents"),
    ("", "0 YAML documents"),
    ("labels: []", "at least one label"),
    ("labels:", "line 1: labels is ''"),
    ("version: 2", "labels: is missing"),
    ("a: b", "^line 1: the unknown field 'a' stands at the top; known are version, inner_answers, attributes, labels"),
    ("{? [a] : b}", "a list stands where a name is expected"),
    ("version: 1.5\nlabels: [a]", "version is '1.5'"),
    ("version: 0\nlabels: [a]", "version is 0"),
    ("inner_answers: 3\nlabels: [a]", "inner_answers is '3'"),
    ("cat", "'cat' is no taxonomy, nor a file here"),
    ("[" * 100_000, "32 levels"),
    ("{a: " * 100_000, "32 levels"),
])
def test_yaml_that_is_no_taxonomy_is_refused_with_its_line(text, words):
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy.from_yaml(text)


def test_a_bomb_of_aliases_is_refused_at_once():
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(TaxonomyError, match="alias"):
        Taxonomy.from_yaml("\n".join(["a0: &a0 x", *levels]))


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "cats.yaml"
    path.write_text("- cat\n- cat\n")
    with pytest.raises(TaxonomyError, match=r"^cats.yaml, line 2: two labels"):
        Taxonomy.from_yaml(path)
    path.write_text("- cat\n- [\n")
    with pytest.raises(TaxonomyError, match=r"^cats.yaml, line 3: this is not YAML"):
        Taxonomy.from_yaml(path)
    path.write_bytes(b"- \xff\n")
    with pytest.raises(TaxonomyError, match=r"^cats.yaml can't be read.*UTF-8"):
        Taxonomy.from_yaml(path)
    with pytest.raises(TaxonomyError, match=r"^absent.yaml can't be read"):
        Taxonomy.from_yaml(str(tmp_path / "absent.yaml"))
    with pytest.raises(TaxonomyError, match=r"from_yaml got int"):
        Taxonomy.from_yaml(3)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}&*!#?|>'\"%@,~ \n\t\0")))
def test_no_text_does_more_harm_than_a_taxonomy_error(text):
    try:
        taxonomy = Taxonomy.from_yaml(text + "\n")
    except TaxonomyError:
        return
    assert Taxonomy.from_yaml(taxonomy.to_yaml()) == taxonomy


@pytest.mark.long
def test_ten_thousand_labels_are_read_as_they_were_written():
    labels = [{"name": f"label {n}", "definition": "what it is", "examples": ["a", "b"]} for n in range(99)]
    big = Taxonomy([{"name": f"group {n}", "labels": labels} for n in range(100)])
    text = big.to_yaml()
    again = Taxonomy.from_yaml(text)
    assert again == big
    assert len(again.labels) == 10_000


def test_a_label_named_by_a_digit_has_that_key():
    taxonomy = Taxonomy(["0", "1", "cat"])
    assert [taxonomy.keys[label_id] for label_id in taxonomy.label_ids] == ["0", "1", "2"]


@pytest.mark.parametrize(("labels", "message"), [
    ([1, 2, 3], r"a label is 1 \(int\); a name in quotes such as '1'"), ([{1: "cat"}], r"unknown field 1 \(int\)"),
    (7, "labels is 7")])
def test_a_number_in_a_list_is_no_line_of_a_file(labels, message):
    with pytest.raises(TaxonomyError, match=f"^{message}|^a label has the {message}"):
        Taxonomy(labels)


def test_a_label_made_of_a_sensitive_one_is_sensitive():
    taxonomy = Taxonomy([{"name": "person", "sensitive": "faces"}, "cat", "dog"])
    parts, _ = edits.split("person", ["adult", "child"]).apply(taxonomy)
    assert [parts.label(name).sensitive for name in ("adult", "child", "cat")] == ["faces", "faces", None]
    for into in ("cat", "being"):
        merged, _ = edits.merge(["cat", "person"], into=into).apply(taxonomy)
        assert merged.label(into).sensitive == "faces"
    assert edits.merge(["cat", "dog"], into="pet").apply(taxonomy)[0].label("pet").sensitive is None
