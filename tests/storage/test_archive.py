"""Archives and folders from somewhere else: whatever is in them, the answer is an error of this package, soon."""

import io
import json
import os
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from hitl_widgets import edits
from hitl_widgets.errors import BadInput, HitlError, LogDamaged, ReadOnly, StoreError
from hitl_widgets.events import Event, decided
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.records import Decision, Seen
from hitl_widgets.storage import archive, files
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.schema import row_of
from hitl_widgets.storage.transfer import snapshot
from hitl_widgets.taxonomy.labels import Taxonomy

POOL = Pool.from_images(np.arange(8 * 16, dtype=np.uint8).reshape(8, 4, 4), ids=[f"i{k}" for k in range(8)])
posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX here")


def project_of(folder: Path) -> Project:
    return Project(folder, POOL, Taxonomy(["cat", "dog"]), annotator="ada", holdout=0.0, notify=lambda _: None)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    project = project_of(tmp_path / "p")
    project.decide("i0", label="cat")
    path = archive.write(project.folder, project.log, tmp_path / "p.zip")
    project.close()
    return path


def changed(packed: Path, *, leave: str = "", **entries: bytes) -> Path:
    """The archive with other entries besides."""
    path = packed.with_name("changed.zip")
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if name != leave:
                target.writestr(name, source.read(name))
        for name, content in entries.items():
            target.writestr(name, content)
    return path


# Archives


@pytest.mark.parametrize("name", ["log.db/evil", "pool.ids/evil", "models", "predictions", "models/" + "x" * 300,
                                  "models/../../evil", "/etc/evil", "models/a\\b"])
def test_an_odd_name_in_an_archive_is_refused_in_words(packed: Path, tmp_path: Path, name: str):
    with pytest.raises(BadInput, match=r"no part of a project|can't be unpacked"):
        archive.unpack(changed(packed, **{name: b"x"}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("field", ["encrypted", "method"])
def test_an_entry_that_zipfile_cant_read_is_refused_in_words(packed: Path, tmp_path: Path, field: str):
    whole = bytearray(packed.read_bytes())
    at = -1
    for sign, flag, method in ((b"PK\x03\x04", 6, 8), (b"PK\x01\x02", 8, 10)):
        while (at := whole.find(sign, at + 1)) >= 0:
            if field == "encrypted":
                whole[at + flag] |= 1
            else:
                whole[at + method] = 97
        at = -1
    packed.write_bytes(whole)
    with pytest.raises(BadInput, match="can't be unpacked"):
        archive.unpack(packed, tmp_path / "new")


def test_an_archive_of_a_format_to_come_is_refused_in_words(packed: Path, tmp_path: Path):
    whole = bytearray(packed.read_bytes())
    whole[whole.find(b"PK\x01\x02") + 6] = 122  # the version that is needed to unpack it
    packed.write_bytes(whole)
    with pytest.raises(BadInput, match="can't be read as an archive"):
        archive.unpack(packed, tmp_path / "new")


def test_an_archive_that_unpacks_to_more_than_is_allowed_is_refused_before_anything_is_written(packed, tmp_path):
    bomb = changed(packed, **{"models/a.safetensors": bytes(5_000_000)})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(BadInput, match=r"5,\d+,\d+ bytes when unpacked.*max_bytes="):
        archive.unpack(bomb, tmp_path / "new", max_bytes=4_000_000)
    assert not (tmp_path / "new").exists()
    archive.unpack(bomb, tmp_path / "new")


@posix
def test_an_archive_packs_nothing_that_a_link_leads_out_to(tmp_path: Path):
    (tmp_path / "secret").write_text("secret")
    project = project_of(tmp_path / "p")
    (project.folder / "models").mkdir()
    (project.folder / "models" / "mine.safetensors").write_bytes(b"x")
    (project.folder / "models" / "theirs.safetensors").symlink_to(tmp_path / "secret")
    path = archive.write(project.folder, project.log, tmp_path / "p.zip")
    project.close()
    assert [name for name in zipfile.ZipFile(path).namelist() if name.startswith("models")] == [
        "models/mine.safetensors"]


# Files beside the log


def test_an_archive_is_packed_in_a_folder_whose_name_says_so(tmp_path: Path, monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(archive, "snapshot", lambda log, to: (names.append(to.parent.name), snapshot(log, to))[1])
    project = project_of(tmp_path / "p")
    archive.write(project.folder, project.log, tmp_path / "p.zip")
    project.close()
    assert [name.startswith(files.PACKING) for name in names] == [True]
    assert not list(project.folder.glob(".*-*"))


def test_a_list_of_ids_that_unpacks_to_far_too_much_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(files, "POOL_IDS_LIMIT", 100_000)
    project_of(tmp_path).close()
    (tmp_path / "pool.ids").write_bytes(zlib.compress(bytes(10_000_000)))
    with pytest.raises(BadInput, match=r"more than 100,000 bytes.*Delete it.*POOL_IDS_LIMIT"):
        project_of(tmp_path)
    (tmp_path / "pool.ids").write_bytes(zlib.compress(b"\xff\xfe\0\xff"))
    project_of(tmp_path).close()


def test_predictions_that_are_of_another_kind_are_made_anew(tmp_path: Path):
    def predictions() -> Predictions:
        return Predictions(tmp_path, model="m", label_ids=["a"], ids_digest="d", n_items=3)

    predictions().put([0], np.ones((1, 1), np.float32))
    np.save(tmp_path / "m" / "tried.npy", np.array(["a", "b", "c"]))
    assert not predictions().tried.any()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ReadOnly, match="a folder that may be written to is expected"):
        Predictions(tmp_path / "file", model="m", label_ids=["a"], ids_digest="d", n_items=3)


# Logs from somewhere else: their checksums are right, what they say isn't


def forged(folder: Path, *, kind: str, body: object, text: str | None = None, acted_at: int | None = None) -> None:
    """Put an event with its right checksum into a log."""
    from hitl_widgets.storage.checks import checksum
    from hitl_widgets.storage.schema import EVENT, add
    with Log(folder) as log:
        seq = log.last_seq() + 1
        event = Event(f"forged-{seq:04}", "created", "eve", log._now(), {})
        row = {**row_of(event), "kind": kind, "body": json.dumps(body) if text is None else text, "seq": seq,
               "stored_at": 0, "tick": 2**52 + seq, "aside": 0}
        if acted_at is not None:
            row["acted_at"] = acted_at
        log._write(lambda conn: add(conn, EVENT, [{**row, "checksum": checksum(row)}]))


@pytest.mark.parametrize(("kind", "body", "text", "acted_at"), [
    ("taxonomy", [], None, None), ("taxonomy", {}, None, None), ("gold", {}, None, None),
    ("gold", {"answers": 5}, None, None), ("gold", {"answers": {"i1": ["a"]}, "taxonomy": 1}, None, None),
    ("gold", {"answers": {"i1": "L1"}, "taxonomy": "1"}, None, None),
    ("adjudicated", {"cause": "slip", "taxonomy": 1, "label_id": [None]}, None, None),
    ("adjudicated", {"cause": "slip", "taxonomy": 1, "answers": [[1]]}, None, None),
    ("redacted", {"of": "person", "hash": "ab", "number": "person ab", "salt": "cd"}, None, None),
    ("redacted", {"of": "person", "hash": ["a"], "number": "p", "salt": "c", "hardness": [2, 1, 1]}, None, None),
    ("redacted", {"of": "person", "hash": "a", "number": 7, "salt": "c", "hardness": [2, 1, 1]}, None, None),
    ("redacted", {"of": "note", "events": [1]}, None, None),
    ("presumed", {"labels": []}, None, None), ("sorted", {"act": "undone"}, None, None), ("taxonomy", 0, "{", None),
    ("gold", 0, "[" * 100_000, None), ("trained", {}, None, 10**18)])
def test_a_log_that_says_what_was_never_written_is_damaged(tmp_path: Path, kind, body, text, acted_at):
    project_of(tmp_path).close()
    forged(tmp_path, kind=kind, body=body, text=text, acted_at=acted_at)
    with pytest.raises(LogDamaged):
        project_of(tmp_path)


@pytest.mark.parametrize(("kind", "body"), [("consented", {}), ("gold", {}), ("thread", {}),
                                          ("sorted", {"act": "undone"}),
                                          ("adjudicated", {"cause": "slip", "taxonomy": 1, "label_id": [None]})])
def test_what_was_never_written_is_damage_also_where_the_project_is_open(tmp_path: Path, kind: str, body: object):
    project = project_of(tmp_path)
    forged(tmp_path, kind=kind, body=body)
    for _ in range(2):
        with pytest.raises(LogDamaged, match="never writes"):
            project.refresh()
    project.close()


@pytest.mark.parametrize("body", [
    {"of": "note", "events": 5}, {"of": "person", "hash": "ab", "number": "person ab", "salt": "cd"},
    {"of": "person", "hash": "ab", "number": "person ab", "salt": "cd", "hardness": [2.0, 1, 1]}])
def test_a_redaction_that_was_never_written_stops_an_open_project_in_words(tmp_path: Path, body: object):
    """A KeyError came of the next decision."""
    project = project_of(tmp_path)
    forged(tmp_path, kind="redacted", body=body)
    for _ in range(2):
        with pytest.raises(LogDamaged, match="never writes"):
            project.decide("i1", label="cat")
    project.close()


def test_a_verdict_that_was_never_written_stops_an_open_project_in_words(tmp_path: Path):
    """A KeyError came of the next look at the log."""
    project = project_of(tmp_path)
    project.decide("i1", label="cat")
    table = dict(project.log.annotations())
    project.state.place(table, np.array([1]))
    with pytest.raises(LogDamaged, match="never writes"):
        project.state.place({**table, "verdict": ["perhaps"]}, np.array([1]))
    project.close()


def test_a_label_that_became_what_is_none_is_a_damaged_log(tmp_path: Path):
    project = project_of(tmp_path)
    project.apply(edits.rename("cat", "lion"))
    body = dict(next(iter(project.log.events(1, kind="taxonomy"))).body) | {"edits": [], "resolution": {"L1": [{}]}}
    project.close()
    forged(tmp_path, kind="taxonomy", body=body | {"taxonomy": {**body["taxonomy"], "version": 3}})
    with pytest.raises(LogDamaged):
        project_of(tmp_path)


def test_an_answer_with_a_label_that_no_version_has_is_asked_again(tmp_path: Path):
    """The list of what is asked again ended in an UnknownLabel."""
    project = project_of(tmp_path)
    project.log.append(Event("decision-0", "decided", "ada", project._now(), {
        "verdict": "answer", "label": "yak", "label_id": "Lyak", "seen": {"taxonomy": 1}}, "i0"))
    assert project.relabel_queue()[["item_id", "label"]].to_numpy().tolist() == [["i0", "Lyak"]]
    assert project.next(9, queue="relabel").ids == ["i0"]
    project.close()


@pytest.mark.parametrize("version", ["1", 1.0, True, [1]])
def test_an_answer_under_a_version_that_is_none_stops_no_queue(tmp_path: Path, version: object):
    """An earlier version stored whatever came, and no item was asked any more."""
    project = Project(tmp_path, POOL, Taxonomy(["cat", "dog"]), annotator="ada", holdout=0.9, notify=lambda _: None)
    label_id = project.taxonomy.label_ids[0]
    for k in range(4):
        project.log.append(Event(f"decision-{k}", "decided", "ada", project._now(), {
            "verdict": "answer", "label": "cat", "label_id": label_id,
            "seen": {"hidden": True, "taxonomy": version}}, f"i{k}"))
    project.close()
    project = project_of_renamed(tmp_path)
    assert len(project.next(3)) == 3
    project.apply(edits.rename("cat", "lion"))
    assert project.annotations()["label"].tolist() == ["lion"] * 4
    project.close()


def test_settings_that_are_none_are_a_damaged_log(tmp_path: Path):
    with Log(tmp_path) as log:
        log.append(Event("created-0001", "created", "eve", log._now(), {"holdout": "x", "seed": 0}))
    with pytest.raises(HitlError):
        project_of(tmp_path)
    with pytest.raises(LogDamaged):
        project_of(tmp_path)


def test_an_event_of_a_kind_to_come_says_to_upgrade(tmp_path: Path):
    project_of(tmp_path).close()
    forged(tmp_path, kind="dreamt", body={})
    with Log(tmp_path) as log, pytest.raises(StoreError, match=r"'dreamt'.*Upgrade with: pip install -U"):
        list(log.events())


def test_a_skip_that_replaces_itself_opens(tmp_path: Path):
    """Opening such a log never came to an end."""
    project = project_of(tmp_path)
    project.log.append(
        decided(Decision("skip-0001", "i1", "ada", "skip", replaces="skip-0001", seen=Seen(taxonomy=1))),
        *[decided(Decision(f"skip-000{a}", "i2", "ada", "skip", replaces=f"skip-000{b}", seen=Seen(taxonomy=1)))
          for a, b in ((2, 3), (3, 2))])
    project.apply(edits.rename("cat", "lion"))
    project.close()
    again = project_of_renamed(tmp_path)
    assert again.tally()["answered"] == 0
    again.close()


def project_of_renamed(folder: Path) -> Project:
    return Project(folder, POOL, annotator="ada", holdout=0.0, notify=lambda _: None)


# Who may read and write


@posix
@pytest.mark.parametrize(("of_folder", "of_files"), [(0o700, 0o600), (0o775, 0o664), (0o2770, 0o660), (0o755, 0o644)])
def test_what_is_written_may_be_read_and_written_by_whoever_may_use_the_folder(tmp_path: Path, of_folder, of_files):
    folder = tmp_path / "p"
    folder.mkdir()
    folder.chmod(of_folder)
    project = project_of(folder)
    project.decide("i0", label="cat")
    project.log.keep_copy("round-1")
    Predictions(folder / "predictions", model="m", label_ids=["a"], ids_digest="d", n_items=3)
    with files.write_whole(folder / "weights") as part:
        part.write_bytes(b"x")
        part.chmod(0o600)  # as safetensors does
    project.close()
    modes = {path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert {"log.db", "log.db-journal", "pool.ids", "weights", "predictions/m/probs.npy"} < set(modes)
    assert {modes[name] for name in modes if not (folder / name).is_dir()} == {of_files}
    assert {mode & 0o777 for name, mode in modes.items() if (folder / name).is_dir()} == {of_folder & 0o777}


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another account")
def test_a_log_that_belongs_to_another_is_refused_with_its_owner_and_permissions(tmp_path: Path):
    folder = tmp_path / "p"
    project_of(folder).close()
    folder.chmod(0o777)
    (folder / "log.db").chmod(0o640)
    temporary = Path(tempfile.gettempdir())
    above = {path: path.stat().st_mode for path in folder.parents if temporary in path.parents}
    for path in above:
        path.chmod(0o755)
    os.setresuid(65534, 65534, 0)
    try:
        with pytest.raises(ReadOnly, match=r"can't be written.*belongs to root .*-rw-r-----"):
            project_of(folder)
    finally:
        os.setresuid(0, 0, 0)
        for path, mode in above.items():
            path.chmod(mode)


def test_zip_files_are_read_from_the_end(packed: Path, tmp_path: Path):
    """A damaged archive is told, not unpacked in part."""
    whole = io.BytesIO(packed.read_bytes()[:-40])
    packed.write_bytes(whole.getvalue())
    with pytest.raises(BadInput, match="can't be read as an archive"):
        archive.unpack(packed, tmp_path / "new")
