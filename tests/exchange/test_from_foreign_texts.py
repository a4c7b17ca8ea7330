"""Projects made of files as Prodigy, doccano and CoNLL have them: they are labelled, and leave for another tool."""

from __future__ import annotations

import json

import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput

PRODIGY = [
    {"text": "Apple opens in Rome 🎈", "_input_hash": 1, "_task_hash": 2, "_view_id": "ner_manual", "answer": "accept",
     "spans": [{"start": 0, "end": 5, "label": "ORG", "token_start": 0, "token_end": 0}], "_session_id": "news-ada",
     "_timestamp": 1590581538},
    {"text": "Grace left Apple", "_input_hash": 3, "_task_hash": 4, "_view_id": "ner_manual", "answer": "ignore",
     "spans": [], "_session_id": "news-ada"},
    {"text": "🎈 Ada in Paris", "_input_hash": 5, "_task_hash": 6, "_view_id": "ner_manual", "answer": "accept",
     "spans": [{"start": 9, "end": 14, "label": "GPE"}], "_session_id": "news-bob"}]
DOCCANO = [
    {"id": 11, "text": "Great food, kind people", "label": ["praise"], "Comments": ["short"], "source": "web"},
    {"id": 12, "text": "Cold soup", "label": ["complaint"], "Comments": []},
    {"id": 13, "text": "Never again", "label": []}]


def file_of(tmp_path, lines, name="in.jsonl"):
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines) + "\n", "utf-8")
    return path


@pytest.fixture
def opened(tmp_path):
    benches = []

    def opening(lines, format, **more):
        benches.append(hw.Workbench.from_file(file_of(tmp_path, lines), tmp_path / "p", format, annotator="eve",
                                              holdout=0, progress=False, **more))
        return benches[-1]
    yield opening
    for wb in benches:
        wb.close()


def quotes(wb):
    return sorted((row.annotator, row.quote, row.label) for row in wb.objects().itertuples())


def test_a_file_of_prodigys_becomes_a_project_and_leaves_as_doccanos_and_conll(opened, tmp_path):
    wb = opened(PRODIGY, "prodigy")
    assert (wb.project.task, set(wb.taxonomy.names), len(wb.pool)) == ("spans", {"ORG", "GPE"}, 3)
    assert quotes(wb) == [("news-ada", "Apple", "ORG"), ("news-bob", "Paris", "GPE")]
    left = next(str(item_id) for position, item_id in enumerate(wb.pool.ids) if "Grace" in wb.pool.load(position))
    wb.decide(left, objects=[hw.Span(11, 16, "ORG")])
    wb.export(tmp_path / "out.jsonl", "doccano")
    lines = {line["text"]: line for line in map(json.loads, (tmp_path / "out.jsonl").read_text("utf-8").splitlines())}
    assert lines["🎈 Ada in Paris"]["label"] == [[9, 14, "GPE"]]
    assert lines["Grace left Apple"]["label"] == [[11, 16, "ORG"]]
    out = wb.export(tmp_path / "out.conll", "conll")
    assert "Apple B-ORG\nopens O" in (tmp_path / "out.conll").read_text("utf-8")
    assert set(out.lost["what"]) >= {"metadata"} or len(out.lost)


def test_an_export_of_doccanos_becomes_a_project_and_leaves_as_prodigys(opened, tmp_path):
    wb = opened(DOCCANO, "doccano")
    assert (wb.project.task, wb.taxonomy.names, sorted(wb.pool.ids)) == ("classify", ("praise", "complaint"),
                                                                         ["11", "12", "13"])
    notes = wb.annotations().set_index("item_id")
    assert notes["label"].to_dict() == {"11": "praise", "12": "complaint"}
    assert (notes.loc["11", "note"], notes.loc["11", "annotator"]) == ("short", "import")
    assert wb.pool.meta(0) == {"source": "web"}
    wb.decide("13", label="complaint", certainty=7)
    wb.export(tmp_path / "out.jsonl", "prodigy", extras=False)
    lines = [json.loads(one) for one in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [(line["id"], line["accept"], line["answer"]) for line in lines] == [
        ("11", ["praise"], "accept"), ("12", ["complaint"], "accept"), ("13", ["complaint"], "accept")]
    assert all("hitl" not in line for line in lines)


def test_answers_given_in_prodigy_come_back_into_the_project(opened, tmp_path):
    wb = opened(DOCCANO, "doccano")
    wb.export(tmp_path / "out.jsonl", "prodigy")
    lines = [json.loads(one) for one in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    anew = [line | {"accept": ["praise"], "answer": "accept", "_annotator_id": "zoe", "_session_id": "zoe"}
            for line in lines]
    got = wb.import_file(file_of(tmp_path, anew, "zoe.jsonl"), "prodigy")
    assert (got.n_new, wb.import_file(tmp_path / "zoe.jsonl", "prodigy").n_new) == (2, 0)
    by_zoe = wb.annotations().query("annotator == 'zoe'")
    assert by_zoe[["item_id", "label"]].to_numpy().tolist() == [["11", "praise"], ["12", "praise"]]


def test_a_file_of_conll_2003_becomes_a_project_and_leaves_as_prodigys(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("EU NNP I-NP I-ORG\nrejects VBZ I-VP O\nGerman JJ I-NP I-MISC\n\nPeter NNP I-NP I-PER\n", "utf-8")
    with hw.Workbench.from_file(path, tmp_path / "p", holdout=0, progress=False) as wb:
        assert [(quote, label) for _, quote, label in quotes(wb)] == [("EU", "ORG"), ("German", "MISC"),
                                                                      ("Peter", "PER")]
        out = wb.export(tmp_path / "out.jsonl", "prodigy", people="names")
        assert len(out.lost) == 0
        assert wb.import_file(tmp_path / "out.jsonl", "prodigy").n_new == 0


def test_a_file_of_another_tool_says_what_it_expected(tmp_path):
    path = file_of(tmp_path, [{"sentence": "a", "tag": 1}])
    for name in ("prodigy", "doccano"):
        with pytest.raises(BadInput, match="no labels"):
            hw.Workbench.from_file(path, tmp_path / "p", name)
