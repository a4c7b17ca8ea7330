"""Two things at once: imports beside imports, exports beside decisions and edits, and an export that is killed."""

import os
import signal
import subprocess
import sys
import threading

import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import AlreadyDecided
from hitl_widgets.events import decided as decided_event
from hitl_widgets.exchange import project_records
from hitl_widgets.project.project import Project
from hitl_widgets.records import Decision

IDS = [f"i{n}" for n in range(30)]


def of_texts(folder, labels=("cat", "dog", "owl")):
    pool = hw.Pool.from_texts([f"text {one}" for one in IDS], ids=IDS)
    return hw.Workbench(folder, pool, labels, annotator="ada", holdout=0)


def decided(wb):
    return [(event.item_id, event.annotator) for event in wb.project.log.events(kind="decided")]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plain.csv"
    pd.DataFrame({"item_id": IDS, "label": "cat"}).to_csv(path, index=False)
    return path


def run_beside(monkeypatch, importer, other):
    """Run `other` once a first import has compared its file with the log, and before it stores anything."""
    store, done = Project._store, []

    def slow(project, acts, **given):
        if not done:
            done.append(True)
            other()
        return store(project, acts, **given)
    monkeypatch.setattr(Project, "_store", slow)
    return importer()


def test_two_threads_that_import_one_file_store_its_answers_once(tmp_path, file):
    wb, found = of_texts(tmp_path / "p"), []
    threads = [threading.Thread(target=lambda: found.append(wb.import_file(file))) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted((one.n_new, one.n_known) for one in found) == [(0, 30), (0, 30), (30, 0)]
    assert sorted(decided(wb)) == sorted((one, "import") for one in IDS)


def test_an_import_of_another_session_meanwhile_is_noticed(tmp_path, file, monkeypatch):
    wb, other = of_texts(tmp_path / "p"), of_texts(tmp_path / "p")
    got = run_beside(monkeypatch, lambda: wb.import_file(file), lambda: other.import_file(file))
    assert (got.n_new, got.n_known) == (0, 30)
    assert len(decided(wb)) == 30


def test_a_table_imported_by_another_session_meanwhile_is_noticed(tmp_path, monkeypatch):
    wb, other = of_texts(tmp_path / "p"), of_texts(tmp_path / "p")
    table = dict.fromkeys(IDS, "cat")
    assert run_beside(monkeypatch, lambda: wb.import_annotations(table), lambda: other.import_annotations(table)) == 0
    assert len(decided(wb)) == 30


def test_an_import_replaces_what_was_answered_while_it_was_read(tmp_path, file, monkeypatch):
    wb, other = of_texts(tmp_path / "p"), of_texts(tmp_path / "p")
    got = run_beside(monkeypatch, lambda: wb.import_file(file, annotator="ada"),
                     lambda: other.decide("i3", label="dog", annotator="ada"))
    assert (got.n_new, got.n_known) == (30, 0)
    [first, second] = [event for event in wb.project.log.events(kind="decided") if event.item_id == "i3"]
    assert second.body["replaces"] == first.id
    assert set(wb.annotations()["label"]) == {"cat"}


def test_the_log_stores_nothing_where_an_item_was_answered_since(tmp_path):
    wb = of_texts(tmp_path / "p")
    log = wb.project.log
    since = log.last_seq()
    wb.decide("i1", label="cat")
    made = [decided_event(Decision(f"decision-{one}", one, "ben", "unsure")) for one in ("i0", "i1")]
    with pytest.raises(AlreadyDecided, match="'i1' was answered"):
        log.append(*made, since=since)
    assert decided(wb) == [("i1", "ada")]
    assert len(log.append(*made, since=log.last_seq())) == 2


@pytest.mark.parametrize("n_times", [1, 2])
def test_an_export_is_of_one_moment_though_labels_are_merged_while_it_begins(tmp_path, monkeypatch, n_times):
    wb, consensus, done = of_texts(tmp_path / "p"), project_records._consensus, []
    for one in IDS[:4]:
        for who in ("ada", "ben"):
            wb.decide(one, label="cat", annotator=who)

    def slow(project):
        found = consensus(project)
        if len(done) < n_times:
            done.append(True)
            wb.apply(hw.edits.merge(wb.taxonomy.names[:2], into=f"merged {len(done)}"))
            for who in ("ada", "ben"):
                wb.decide("i0", label=wb.taxonomy.names[-1], annotator=who)
        return found
    monkeypatch.setattr(project_records, "_consensus", slow)
    wb.export(tmp_path / "o.jsonl")
    wb.export(tmp_path / "o.csv")
    again = hw.Workbench.from_file(tmp_path / "o.jsonl", tmp_path / "q", annotator="x")
    now = wb.consensus().set_index("item_id")["label"].to_dict()
    assert again.consensus().set_index("item_id")["label"].to_dict() == now
    rows = pd.read_csv(tmp_path / "o.csv", encoding="utf-8-sig").set_index("item_id")
    assert rows["label"].to_dict() == now


KILLED = """
import os, sys
import hitl_widgets as hw
replace = os.replace
def killed(source, target):
    replace(source, target)
    os.kill(os.getpid(), 9)
wb = hw.Workbench(sys.argv[1], hw.Pool.from_texts(["a", "b"]), ["cat"], annotator="ada", holdout=0)
wb.decide("1", label="cat")
os.replace = killed
wb.export(sys.argv[2], overwrite=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_an_export_that_is_killed_while_its_file_is_replaced_leaves_a_whole_file(tmp_path):
    path = tmp_path / "o.jsonl"
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(["a", "b"]), ["cat"], annotator="ada", holdout=0) as wb:
        wb.decide("0", label="cat")
        wb.export(path)
    found = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "p"), str(path)], env={**os.environ},
                           capture_output=True, text=True, check=False)
    assert found.returncode == -signal.SIGKILL, found.stderr
    assert len(path.read_text(encoding="utf-8").splitlines()) >= 2
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(["a", "b"]), ["cat"], annotator="ada", holdout=0) as wb:
        assert wb.export(path, overwrite=True).n == 2


@pytest.mark.parametrize("verdict", ["unsure", "skip"])
def test_a_consensus_has_the_label_that_one_gave_whose_attribute_has_a_value_too(tmp_path, verdict):
    labels = hw.Taxonomy(["dog", "car"], attributes=[hw.Attribute("blur", scale=(0, 10))])
    wb = of_texts(tmp_path / "p", labels)
    wb.decide("i0", label="dog", values={"blur": 3}, annotator="ada")
    wb.decide("i0", verdict=verdict, annotator="ben")
    wb.export(tmp_path / "o.csv")
    row = pd.read_csv(tmp_path / "o.csv", encoding="utf-8-sig").iloc[0]
    assert (row["annotator"], row["verdict"], row["label"], row["blur"]) == ("consensus", "answer", "dog", 3)
    assert wb.consensus()["label"].tolist() == ["dog"]
