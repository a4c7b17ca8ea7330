"""A log notices what happened to it: flipped bits, lost files, rows changed by hand, objects it never made."""

import os
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from scale import tenth

from hitl_widgets import edits
from hitl_widgets.errors import HitlError, LogDamaged, ReadOnly, StoreError
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.project.team import invite
from hitl_widgets.storage import checks
from hitl_widgets.storage.checks import checksum, content_hash
from hitl_widgets.storage.log import Log
from hitl_widgets.taxonomy.labels import Taxonomy

POOL = Pool.from_images(np.arange(40 * 16, dtype=np.uint8).reshape(40, 4, 4), ids=[f"item-{k:02}" for k in range(40)])


def project_of(folder: Path, **more) -> Project:
    return Project(folder, POOL, annotator="ada", holdout=0.2, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with answers of two people, an edit, a revision, an undo, gold and a copy."""
    folder = tmp_path_factory.mktemp("made") / "p"
    project = project_of(folder, taxonomy=Taxonomy(["cat", "dog", "owl"]))
    for k in range(30):
        project.decide(f"item-{k:02}", label=("cat", "dog", "owl")[k % 3], certainty=k % 11, note=f"note {k}",
                       annotator="bob" if k % 4 == 0 else None)
    project.decide("item-03", label="dog", flags=["bad_data"])
    project.retract(project.decide("item-05", label="cat").id)
    project.decide("item-31", "unsure")
    project.apply(edits.split("cat", into=["lion", "tiger"]))
    project.set_gold({"item-39": "dog"})
    project.log.keep_copy("round-1")
    project.close()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "p"))


def read(folder: Path):
    """All that a project says."""
    project = project_of(folder, notify=lambda _: None)
    try:
        return (project.annotations().astype(str).to_dict("records"),
                project.history().astype(str).to_dict("records"), project.gold(), project.taxonomy.to_yaml(),
                project.settings, project.id)
    finally:
        project.close()


def by_hand(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "log.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


# Flipped bits


def test_no_single_bit_that_flips_where_something_is_written_goes_unnoticed(made: Path, tmp_path: Path):
    """Of 300 flips 123 changed an event or an annotation without a word, and 40 ended in an error of json's."""
    whole, rng = (made / "log.db").read_bytes(), random.Random(7)
    said = read(Path(shutil.copytree(made, tmp_path / "whole")))
    places = [at for at, byte in enumerate(whole) if byte]
    n_noticed = n_unchanged = 0
    for n in range(tenth(300)):
        folder = Path(shutil.copytree(made, tmp_path / "flipped"))
        damaged, at = bytearray(whole), rng.choice(places)
        damaged[at] ^= 1 << rng.randrange(8)
        (folder / "log.db").write_bytes(damaged)
        try:
            assert read(folder) == said, f"flip {n} at byte {at} changed something, and nothing was said"
            n_unchanged += 1
        except HitlError:
            n_noticed += 1
        shutil.rmtree(folder)
    assert n_noticed > n_unchanged / 5  # the others struck what is made anew, or what isn't used any more


def test_every_part_of_an_event_is_in_its_checksum():
    row = {"seq": 3, "id": "decision-1", "kind": "decided", "annotator": "ada", "item_id": "a", "acted_at": 5,
           "stored_at": 6, "body": "{}"}
    others = [{**row, name: 7 if isinstance(value, int) else f"{value}x"} for name, value in row.items()]
    assert len({checksum(row), *map(checksum, others)}) == 1 + len(row)
    assert len(content_hash("ada", "a", "{}")) == 32


@pytest.mark.parametrize(("statement", "words"), [
    ("UPDATE event SET body = replace(body, 'note 7', 'note 8')", "checksum differs"),
    ("UPDATE event SET annotator = 'eve' WHERE seq = 7", "checksum differs"),
    ("UPDATE event SET acted_at = acted_at + 1 WHERE seq = 7", "checksum differs"),
    ("UPDATE event SET tick = tick - 3600000000 WHERE seq = 7", "place in the log's order"),
    ("UPDATE event SET tick = tick + 3600000000 WHERE seq = 7", "place in the log's order"),
    ("UPDATE event SET tick = tick - 3600000000", "place in the log's order"),
    ("UPDATE event SET tick = 'x' WHERE seq = 7", "place in the log's order"),
    ("DELETE FROM event WHERE seq = 7", "some are missing"),
    ("DELETE FROM event WHERE seq >= (SELECT seq FROM event WHERE item_id = 'item-31')", "missing at the end"),
    ("UPDATE about SET value = 'x' || substr(value, 2) WHERE name = 'id'", "id, its schema"),
    ("UPDATE about SET value = 'x' WHERE name = 'schema'", "'about' says"),
    ("DELETE FROM about WHERE name = 'id'", "'about' says"),
    ("UPDATE migration SET package = '9.9'", "id, its schema")])
def test_a_row_changed_by_hand_is_told_with_the_newest_good_copy(folder: Path, statement: str, words: str):
    by_hand(folder, statement)
    with pytest.raises(LogDamaged, match=f"{words}.*newest good copy.*round-1"):
        project_of(folder)


@pytest.mark.parametrize("statement", [
    "DELETE FROM annotation", "UPDATE annotation SET label_id = 'L9' WHERE seq = 9",
    "UPDATE annotation SET note = 'other' WHERE item_id = 'item-11'",
    "INSERT INTO annotation (seq, item_id, annotator) VALUES (999, 'item-01', 'eve')",
    "UPDATE annotation SET note = CAST(x'6eff' AS TEXT) WHERE seq = 9",  # no UTF-8: was told as a log that is busy
    # A single bit does it, and the answer counted nowhere: with its annotation, or with that left.
    "UPDATE event SET aside = 1 WHERE seq = 9", "UPDATE event SET aside = x'' WHERE kind = 'taxonomy'"])
def test_annotations_that_do_not_follow_from_the_events_are_made_anew(made: Path, folder: Path, statement: str):
    said = read(made)
    by_hand(folder, statement)
    with Log(folder) as log:
        assert log.rebuilt
        assert log.copies()[0].path.name.endswith("before-rebuild.db")
    with Log(folder) as log:
        assert not log.rebuilt
    assert read(folder) == said


@pytest.mark.parametrize(("who", "aside"), [("bob", 1), ("eve", 0)])
def test_what_is_set_aside_follows_from_the_roles(folder: Path, who: str, aside: int):
    project = project_of(folder)
    invite(project, "bob")
    project.decide("item-20", label="owl", annotator="bob")
    with suppress(HitlError):
        project.decide("item-21", label="owl", annotator="eve", keep_aside=True)
    project.close()
    said = read(folder)
    by_hand(folder, f"UPDATE event SET aside = {aside} WHERE annotator = '{who}' AND item_id IN ('item-20', 'item-21')")
    with Log(folder) as log:
        assert log.rebuilt
        assert [event.annotator for event in log.set_aside_events()] == ["eve"]
    assert read(folder) == said


def test_opening_beside_a_writer_sees_one_moment(folder: Path, monkeypatch):
    """Events were read before, and annotations after what another kernel stored: whole annotations were made anew."""
    begun = []
    holds = checks._Expected.holds

    def later(self):
        begun.append(self._connection.in_transaction)
        return holds(self)

    monkeypatch.setattr(checks._Expected, "holds", later)
    Log(folder).close()
    assert begun == [True]


def test_nobody_stores_while_annotations_are_made_anew(folder: Path, monkeypatch):
    """They were made anew outside of a transaction: an answer that was stored meanwhile lost its annotation."""
    with closing(sqlite3.connect(folder / "log.db")) as connection, connection:
        connection.execute("DELETE FROM annotation WHERE item_id = 'item-07'")
    others = []
    replace = checks._Expected.replace

    def meanwhile(self):
        with closing(sqlite3.connect(folder / "log.db", timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            others.append(other)
        replace(self)

    monkeypatch.setattr(checks._Expected, "replace", meanwhile)
    with Log(folder) as log:
        assert log.rebuilt
    assert others


def test_a_rebuild_is_told(folder: Path):
    by_hand(folder, "DELETE FROM annotation")
    said: list[str] = []
    project_of(folder, notify=said.append).close()
    assert any("made anew from its events" in line for line in said)


def test_a_large_log_is_checked_in_part_when_it_is_opened_and_in_full_when_it_is_copied(folder: Path, monkeypatch):
    monkeypatch.setattr("hitl_widgets.storage.sqlite.EVENTS_CHECKED_AT_OPENING", 4)
    by_hand(folder, "UPDATE annotation SET note = 'other' WHERE item_id = 'item-11'")
    with Log(folder) as log:
        assert not log.rebuilt
        log.keep_copy("round-2")
        assert log.rebuilt
        by_hand(folder, "UPDATE event SET body = replace(body, 'note 11', 'note 12')")
        with pytest.raises(LogDamaged, match=r"checksum differs.*round-2"):
            log.keep_copy("round-3")
        with pytest.raises(LogDamaged, match="checksum differs"):
            list(log.events())
    by_hand(folder, "UPDATE event SET annotator = 'eve' WHERE seq = (SELECT max(seq) FROM event)")
    with pytest.raises(LogDamaged, match="checksum differs"):
        Log(folder)


def test_what_happened_to_an_index_is_mended(made: Path, folder: Path):
    said, path = read(made), folder / "log.db"
    with closing(sqlite3.connect(path)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_event_item_id'").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"item-17", (page - 1) * size)
    damaged[at + 6] ^= 1
    path.write_bytes(damaged)
    with Log(folder) as log:
        assert log.rebuilt
    assert read(folder) == said


# What is not a log's own


@pytest.mark.parametrize(("statement", "words"), [
    ("CREATE TRIGGER greedy AFTER INSERT ON event BEGIN DELETE FROM event WHERE seq = new.seq; END",
     "trigger 'greedy'"),
    ("CREATE VIEW odd AS SELECT * FROM event", "view 'odd'"), ("CREATE TABLE mine (x)", "table 'mine'"),
    ("CREATE INDEX slow ON event (body)", "index 'slow'")])
def test_what_hitl_widgets_never_makes_is_refused_in_words(folder: Path, statement: str, words: str):
    by_hand(folder, statement)
    with pytest.raises(LogDamaged, match=f"{words}, which hitl_widgets never makes"):
        Log(folder)


def test_another_database_is_no_log(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    with pytest.raises(LogDamaged, match="table 'people'"):
        Log(tmp_path)


# A log that is gone


@pytest.mark.parametrize("size", [0, 1, 511])
@pytest.mark.parametrize("copies", [True, False])
def test_an_empty_or_cut_log_is_no_new_project(folder: Path, size: int, copies: bool):
    if not copies:
        shutil.rmtree(folder / "copies")
    os.truncate(folder / "log.db", size)
    with pytest.raises(LogDamaged, match="empty or cut off.*" + ("round-1" if copies else "no good copy")):
        project_of(folder, taxonomy=Taxonomy(["cat", "dog", "owl"]))
    assert (folder / "log.db").stat().st_size == size


@pytest.mark.parametrize("trace", ["pool.ids", "log.db-journal", "models/abc.safetensors", "copies",
                                   "predictions/abc/about.json"])
def test_a_folder_that_had_a_log_and_has_none_is_no_new_project(folder: Path, tmp_path: Path, trace: str):
    lost = tmp_path / "lost"
    if trace == "copies":
        shutil.copytree(folder / "copies", lost / "copies")
    else:
        (lost / trace).parent.mkdir(parents=True)
        (lost / trace).write_bytes(b"x")
    with pytest.raises(LogDamaged, match=f"it is gone, though {trace}"):
        project_of(lost, taxonomy=Taxonomy(["cat", "dog", "owl"]))
    assert not (lost / "log.db").exists()


def test_a_log_that_is_moved_away_while_it_is_open_leaves_no_empty_one(folder: Path, tmp_path: Path):
    project = project_of(folder)
    (folder / "log.db").rename(tmp_path / "moved.db")
    for _ in range(2):
        with pytest.raises(ReadOnly, match="moved or deleted"):
            project.decide("item-35", label="dog")
    project.close()
    assert not (folder / "log.db").exists()
    with pytest.raises(LogDamaged, match="it is gone"):
        project_of(folder)


def test_a_log_that_another_took_the_place_of_while_it_is_open_takes_no_decision(folder: Path, tmp_path: Path):
    other = project_of(tmp_path / "other", taxonomy=Taxonomy(["cat", "dog", "owl"]))
    other.close()
    project = project_of(folder)
    (folder / "log.db").write_bytes((tmp_path / "other" / "log.db").read_bytes())
    with pytest.raises(StoreError, match="another project"):
        project.decide("item-35", label="dog")
    project.close()
