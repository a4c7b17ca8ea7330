"""Schema versions: logs of earlier commits open and say the same, or stay as they were."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from storage.projects.make_fa1687a import make_net, make_pool

from hitl_widgets.errors import DiskFull, LogDamaged, ReadOnly, StoreError
from hitl_widgets.events import decided
from hitl_widgets.project.project import Project
from hitl_widgets.records import Decision, __version__
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.migrations import SCHEMA

PROJECTS = Path(__file__).resolve().parent / "projects"
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


# Commits that made a project -> the schema of their log, how many were asked about each item, and its decisions.
COMMITS = {"fa1687a": (1, 1, 23), "1f92640": (3, 2, 25), "780c17c": (4, 2, 28), "bcaad01": (5, 2, 31)}
# Items that one person called cat and another dog, before dog was split: cat was taken for their label then.
UNDECIDED = {"fa1687a": {"img-00", "img-12"}, "1f92640": {"img-00", "img-02", "img-12"},
             "780c17c": {"img-00", "img-12"}, "bcaad01": {"img-00"}}
STEPS = {2: "record_migrations", 3: "add_checksums", 4: "add_exposure", 5: "add_values", 6: "add_objects",
         7: "add_order"}


@pytest.fixture(params=COMMITS)
def commit(request: pytest.FixtureRequest) -> str:
    """A commit whose project lies here."""
    return str(request.param)


@pytest.fixture
def schema_then(commit: str) -> int:
    return COMMITS[commit][0]


@pytest.fixture
def folder(commit: str, tmp_path: Path) -> Path:
    """The project that the commit made."""
    with zipfile.ZipFile(PROJECTS / f"{commit}.zip") as archive:
        archive.extractall(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def read_then(commit: str) -> dict[str, Any]:
    """What the commit itself read from it."""
    read: dict[str, Any] = json.loads((PROJECTS / f"{commit}.json").read_text("utf-8"))
    return read


def as_json(frame: pd.DataFrame) -> Any:
    return json.loads(frame.to_json(orient="split", date_format="iso", date_unit="us", default_handler=str))


# What migrations added to tables that were there.
ADDED = {"checksum", "suggestion", "arm", "arm_probability", "planted", "first_label_id", "first_taxonomy",
         "given_values", "suggested_values", "first_values", "touched", "objects", "size",
         "seen_objects", "tick", "aside"}


def content(log: Path) -> dict[str, list[Any]]:
    """Every table of a log but the record of its migrations and what migrations added, read without this package."""
    with closing(sqlite3.connect(log)) as connection:
        names = [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: [column[1] for column in connection.execute(f"PRAGMA table_info({name})")] for name in names}
        return {name: connection.execute(f"SELECT {', '.join(c for c in columns[name] if c not in ADDED)} FROM {name}"
                                         ).fetchall() for name in names if name not in ("migration", "about")}


def schema_of(log: Path) -> int:
    with closing(sqlite3.connect(log)) as connection:
        return int(connection.execute("SELECT value FROM about WHERE name = 'schema'").fetchone()[0])


def records_of(log: Path) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(log)) as connection:
        return connection.execute("SELECT version, name, package FROM migration ORDER BY version").fetchall()


# A project of an earlier commit


def test_a_project_of_an_earlier_commit_opens_and_says_the_same(commit: str, folder: Path, read_then: dict[str, Any]):
    schema, n_annotators, _ = COMMITS[commit]
    assert schema_of(folder / "log.db") == schema
    project = Project(folder, make_pool(), annotator="ann", seed=3, annotators_per_item=n_annotators)
    tables = {"annotations": project.annotations(), "annotations at version 1": project.annotations(taxonomy=1),
              "history": project.history(), "counts": project.counts(), "edits": project.edits()}
    for name, frame in tables.items():
        assert as_json(frame) == read_then["tables"][name], name
    consensus = {item_id: (None if pd.isna(label) else label, share, n) for item_id, label, share, n, *_ in
                 project.answers().consensus().to_dict("split")["data"]}
    former = {item_id: (label, share, n)
              for item_id, label, share, n, *_ in read_then["tables"]["consensus"]["data"]}
    if commit == "fa1687a":  # of the two answers to img-14, which differ, it took the label with the smaller id
        del consensus["img-14"], former["img-14"]
    assert {item_id: former.pop(item_id)[0] for item_id in UNDECIDED[commit]} \
        == dict.fromkeys(UNDECIDED[commit], "house cat")
    assert consensus == former
    assert [event.kind for event in project.log.events()] == read_then["events"]
    assert project.taxonomy.to_yaml() == read_then["taxonomy"]
    assert [str(id) for id in project.pool.ids[project.queue.holdout]] == read_then["holdout"]
    assert {item_id: project.taxonomy.name_of(label_id) for item_id, label_id in project.gold().items()} \
        == read_then["gold"]
    assert project.next(5, strategy="random").ids == read_then["next"]
    project.decide("img-05", label="other")
    project.close()
    assert schema_of(folder / "log.db") == SCHEMA


def test_its_models_open_too(folder: Path, read_then: dict[str, Any], schema_then: int):
    pytest.importorskip("torch")
    import hitl_widgets as hw

    wb = hw.Workbench(folder, make_pool(), model=make_net(), annotator="ann", seed=3, device="cpu")
    models = wb.models()
    then = read_then["tables"]["models"]
    assert as_json(models[then["columns"]]) == then
    assert (models["n_training"].dropna() > 0).all()
    assert wb.people.policy() == ({} if schema_then < 4 else {"purpose": "to keep an old project"})
    assert wb.session.notices() == []
    assert (wb.session.about() is None) == (schema_then < 4)
    assert set(wb.predict()["model"]) == {read_then["tables"]["models"]["data"][-1][0]}
    wb.close()


def test_every_kind_of_event_is_in_that_project(read_then: dict[str, Any], schema_then: int):
    of_people = {"repeated", "policy"} if schema_then >= 4 else set()
    assert set(read_then["events"]) == {"created", "taxonomy", "decided", "retracted", "sorted", "gold", "presumed",
                                        "adopted", "trained"} | of_people
    history = pd.DataFrame(**read_then["tables"]["history"])
    verdicts = set(history.loc[history["kind"] == "decided", "verdict"])
    assert verdicts == {"accept", "correct", "answer", "unsure", "skip"}


# Migrating


def test_a_migration_is_recorded_and_a_checked_copy_of_the_old_log_is_kept(commit: str, folder: Path,
                                                                            schema_then: int):
    before, n_copies = content(folder / "log.db"), len(list((folder / "copies").iterdir()))
    steps, n_decisions = range(SCHEMA, schema_then, -1), COMMITS[commit][2]
    recorded = records_of(folder / "log.db") if schema_then > 1 else []
    with Log(folder, now=lambda: NOON) as log:
        copies = log.copies()[-len(steps):]  # at noon of 2024, before the copies of the project itself
        assert [copy.path.name for copy in copies] == [f"20240501T120000.000000Z-before-schema-{step}.db"
                                                       for step in steps]
    assert len(list((folder / "copies").iterdir())) == n_copies + len(steps)
    for copy, schema in zip(copies, (step - 1 for step in steps), strict=True):
        assert copy.n_decisions == n_decisions
        assert schema_of(copy.path) == schema
        assert {name: rows for name, rows in content(copy.path).items() if name in before} == before
    assert content(folder / "log.db") == before
    assert records_of(folder / "log.db") == [*recorded, *((step, STEPS[step], __version__) for step in reversed(steps))]
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        assert connection.execute("SELECT DISTINCT applied_at FROM migration WHERE version > ?",
                                  [schema_then]).fetchall() == [(int(NOON.timestamp()) * 10**6,)]


def test_a_log_is_migrated_once(folder: Path, schema_then: int):
    for _ in range(2):
        Log(folder).close()
    assert len(list((folder / "copies").glob("*before-schema*"))) == SCHEMA - schema_then


def test_a_new_log_has_todays_schema_and_a_record_of_it(tmp_path: Path):
    Log(tmp_path).close()
    assert schema_of(tmp_path / "log.db") == SCHEMA
    assert records_of(tmp_path / "log.db") == [(SCHEMA, "make", __version__)]
    assert not (tmp_path / "copies").exists()


def test_the_tables_of_a_migrated_log_are_those_of_a_new_one(folder: Path, tmp_path: Path):
    def tables(log: Path) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(log)) as connection:
            return sorted((name, " ".join(sql.split())) for name, sql in connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))

    Log(folder).close()
    Log(tmp_path / "new").close()
    assert tables(folder / "log.db") == tables(tmp_path / "new" / "log.db")


# Whatever goes wrong, the old log stays as it was

KILLED = """
import os, signal, sys
import sqlalchemy as sa
from hitl_widgets.storage.log import Log
recorded = False
def see(conn, cursor, statement, *rest):
    global recorded
    recorded = recorded or statement.startswith("UPDATE about")
def kill(conn):
    if recorded:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(sa.engine.Engine, "before_cursor_execute", see)
sa.event.listen(sa.engine.Engine, "commit", kill)
Log(sys.argv[1])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_process_killed_between_copy_and_commit_leaves_the_old_log(folder: Path, schema_then: int):
    before = content(folder / "log.db")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((folder / "copies").glob(f"*-before-schema-{schema_then + 1}.db"))) == 1
    assert schema_of(folder / "log.db") == schema_then
    assert content(folder / "log.db") == before
    Log(folder).close()
    assert schema_of(folder / "log.db") == SCHEMA
    assert content(folder / "log.db") == before


def test_annotations_of_an_older_log_get_what_was_suggested(folder: Path, schema_then: int):
    with Log(folder) as log:
        table = log.annotations()
        suggested = {event.id: event.body.get("seen", {}).get("suggestion") for event in log.events(kind="decided")}
    assert any(suggested.values())
    assert table["suggestion"] == [suggested[id] for id in table["decision_id"]]
    if schema_then < 4:
        assert set(table["arm"]) == set(table["first_label_id"]) == {None}
        assert set(table["planted"]) == {False}
    else:
        assert {"answer_first", "shown"} < set(table["arm"])
        assert True in table["planted"]


def test_annotations_of_an_older_log_have_no_values(folder: Path, schema_then: int):
    with Log(folder) as log:
        table = log.annotations(columns=("given_values", "suggested_values", "first_values", "touched"))
    assert table["item_id"]
    for name in ("given_values", "suggested_values", "first_values", "touched"):
        assert (set(table[name]) == {None}) == (schema_then < 5 or name in ("suggested_values", "first_values"))


def test_annotations_of_an_older_log_have_no_objects(folder: Path):
    with Log(folder) as log:
        table = log.annotations(columns=("objects", "size", "seen_objects"))
    assert table["item_id"]
    for name in ("objects", "size", "seen_objects"):
        assert set(table[name]) == {None}


def test_a_migration_that_fails_leaves_the_old_log(folder: Path, schema_then: int, monkeypatch):
    def fail(conn):
        conn.exec_driver_sql("DELETE FROM event")
        raise RuntimeError("a fault in a migration")

    from hitl_widgets.storage import migrations

    before = content(folder / "log.db")
    monkeypatch.setattr(migrations, "MIGRATIONS", (migrations.Migration(schema_then + 1, "faulty", fail),))
    with pytest.raises(RuntimeError, match="a fault"):
        Log(folder)
    assert schema_of(folder / "log.db") == schema_then
    assert content(folder / "log.db") == before


def test_without_room_for_a_copy_nothing_is_migrated(folder: Path):
    resource = pytest.importorskip("resource")
    before = (folder / "log.db").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(DiskFull, match=r"no copy .* as it was"):
            Log(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / "log.db").read_bytes() == before


def test_a_damaged_old_log_is_not_migrated(folder: Path):
    log = folder / "log.db"
    damaged = bytearray(log.read_bytes())
    damaged[5 * 4096:9 * 4096] = b"\xa5" * (4 * 4096)
    log.write_bytes(damaged)
    with pytest.raises(LogDamaged, match="newest good copy"):
        Log(folder)
    assert log.read_bytes() == damaged


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX here")
def test_an_old_log_in_a_folder_that_cant_be_written_is_refused_in_words_and_stays(folder: Path):
    before = (folder / "log.db").read_bytes()
    above = [path for path in folder.parents if path.is_relative_to(tempfile.gettempdir())
             and path != Path(tempfile.gettempdir())]
    modes = {path: path.stat().st_mode for path in (folder, folder / "log.db", *above)}
    for path in above:
        path.chmod(path.stat().st_mode | 0o055)
    folder.chmod(0o555)
    (folder / "log.db").chmod(0o444)
    if root := os.geteuid() == 0:
        os.setresuid(65534, 65534, 0)  # whom permissions bind
    try:
        with pytest.raises(ReadOnly, match="copy the project to a folder of your own"):
            Log(folder)
    finally:
        if root:
            os.setresuid(0, 0, 0)
        for path, mode in modes.items():
            path.chmod(mode)
    assert (folder / "log.db").read_bytes() == before


# Several processes

OPENED = """
import sys
from hitl_widgets.storage.log import Log
print("ready", flush=True)
sys.stdin.readline()
with Log(sys.argv[1]) as log:
    print(log.id, len(list(log.events())))
"""


@pytest.mark.long
def test_of_processes_that_open_an_old_log_at_once_one_migrates_and_the_others_wait(folder: Path, schema_then: int):
    n_records = len(records_of(folder / "log.db")) if schema_then > 1 else 0
    n_events = len(content(folder / "log.db")["event"])
    processes = [subprocess.Popen([sys.executable, "-c", OPENED, str(folder)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    output = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(output) == 1
    assert output.pop().split()[1] == str(n_events)
    assert len(records_of(folder / "log.db")) == n_records + SCHEMA - schema_then
    assert len(list((folder / "copies").glob("*before-schema*"))) == SCHEMA - schema_then


# Newer logs


def test_a_log_of_a_newer_version_names_the_package_that_wrote_it(tmp_path: Path):
    Log(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
        connection.execute("UPDATE about SET value = '99' WHERE name = 'schema'")
        connection.execute("INSERT INTO migration VALUES (99, 'later', '7.5.0', 0)")
    before = (tmp_path / "log.db").read_bytes()
    with pytest.raises(StoreError, match=r"newer hitl_widgets, version 7\.5\.0 \(schema 99.*Upgrade"):
        Log(tmp_path)
    assert (tmp_path / "log.db").read_bytes() == before


def test_a_log_that_a_newer_package_migrated_while_it_was_open_takes_no_decision_of_this_one(tmp_path: Path):
    event = decided(Decision("decision-1", "img-1", "ann", "answer", label="cat", label_id="L1"))
    with Log(tmp_path) as log:
        with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
            connection.execute("UPDATE about SET value = '99' WHERE name = 'schema'")
        with pytest.raises(StoreError, match=r"schema 99.*while it was open.*nothing was stored"):
            log.append(event)
        assert log.last_seq() == 0


def test_a_copy_from_before_a_migration_opens_as_the_old_log_does(folder: Path, tmp_path: Path):
    Log(folder).close()
    copy = min((folder / "copies").glob("*before-schema*"))
    (tmp_path / "restored").mkdir()
    shutil.copy(copy, tmp_path / "restored" / "log.db")
    with Log(folder) as log, Log(tmp_path / "restored") as restored:
        assert list(restored.events()) == list(log.events())


def test_people_ask_adjudicate_and_read_their_page_in_an_older_project(folder: Path) -> None:
    import hitl_widgets as hw
    with hw.Workbench(folder, make_pool(), annotator="zoe", progress=False) as wb:
        before = wb.consensus().set_index("item_id")["label"]
        item_id = str(before.index[0])
        label = str(before.dropna().iloc[-1])
        thread = wb.people.threads().ask("What is this?", item_id=item_id, label=label)
        wb.people.threads().settle(thread, "tiny")
        session = wb.people.adjudicate(seed=1)
        session.decide(item_id, label, "slip")
        assert wb.consensus().set_index("item_id")["label"][item_id] == label
        assert wb.people.own().counts["n_questions"] == 1
        assert len(wb.people.plan().assumed) > 0
        votes = wb.votes()
    with hw.Workbench(folder, make_pool(), annotator="zoe", progress=False) as wb:
        assert wb.taxonomy.label(label).edge_cases == {"tiny": (item_id,)}
        assert wb.people.threads().table["settled"].tolist() == [True]
        assert wb.consensus().set_index("item_id")["label"][item_id] == label
        assert wb.votes().equals(votes)


def test_an_older_log_with_a_suggestion_that_is_no_text_is_migrated(tmp_path: Path):
    """What was suggested wasn't checked once; such a log couldn't be opened any more."""
    with zipfile.ZipFile(PROJECTS / "fa1687a.zip") as archive:
        archive.extractall(tmp_path / "project")
    folder = tmp_path / "project"
    with closing(sqlite3.connect(folder / "log.db")) as log:
        seq, body = log.execute("SELECT seq, body FROM event WHERE kind = 'decided' ORDER BY seq LIMIT 1").fetchone()
        changed = json.loads(body)
        changed.setdefault("seen", {})["suggestion"] = {"label": "cat"}
        log.execute("UPDATE event SET body = ? WHERE seq = ?", (json.dumps(changed), seq))
        log.commit()
    with Log(folder) as opened:
        assert all(isinstance(each, str | None) for each in opened.annotations()["suggestion"])
    with Log(folder) as opened:
        assert not opened.rebuilt
