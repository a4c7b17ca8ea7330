"""Two machines on one project: what is trained or adopted on one predicts on the other, byte by byte.

A machine is a workbench with a cache folder of its own; where it matters that nothing else is shared, also a process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from circles import drawn
from postgres_server import Server
from shade_values import LIGHT, SHADE, answer
from shades import NAMES, POOL, TRUTH, label_some, small_net

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, LogBusy, StoreError, WrongPool
from hitl_widgets.learn.object_net import ObjectNet
from hitl_widgets.learn.span_net import SpanNet
from hitl_widgets.records import new_id
from hitl_widgets.storage.blobs import BLOB_PART, TeamFiles
from hitl_widgets.storage.location import locate
from hitl_widgets.storage.moved import told
from hitl_widgets.widgets.card import Review

CIRCLES = hw.Pool.from_images([drawn(seed)[0] for seed in range(6)])
TEXTS = hw.Pool.from_texts(["Ada met Ben in Rome.", "Cleo is in Paris.", "Nobody is anywhere.", "Dan, in Oslo."])
# Another process: it has the pool, the URL and a cache folder, and keeps what it predicts.
ON_ANOTHER_MACHINE = """
import sys
sys.path.insert(0, {tests!r})
from shades import POOL
import numpy as np
import hitl_widgets as hw
with hw.Workbench({url!r}, POOL, annotator="ben", cache={cache!r}, progress=False) as wb:
    np.save(wb.folder / "said.npy", wb.inference.probs(np.arange(len(POOL))))
"""
Open = Callable[..., Any]


def digest(wb: Any) -> str:
    """A hash of every bit of what the adopted model says of the pool."""
    return hashlib.sha256(np.ascontiguousarray(probs(wb)).tobytes()).hexdigest()


def probs(wb: Any) -> np.ndarray:
    """What the adopted model says of the pool."""
    found: np.ndarray = wb.inference.probs(np.arange(len(wb.pool)))
    return found


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.new_project_url()


@pytest.fixture
def machine(url: str, tmp_path: Path) -> Iterator[Open]:
    """Opens the project as somebody on a machine of their own."""
    opened = []

    def opening(name: str, pool: Any = POOL, taxonomy: Any = NAMES, **more: Any) -> Any:
        if opened:
            taxonomy = None
        opened.append(hw.Workbench(url, pool, taxonomy, annotator=name, cache=tmp_path / name,
                                   progress=False, **more))
        return opened[-1]
    yield opening
    for wb in opened:
        wb.close()


def elsewhere(url: str, cache: Path) -> np.ndarray:
    """What the adopted model says of the pool in another process, with another cache folder."""
    code = ON_ANOTHER_MACHINE.format(tests=str(Path(__file__).parent), url=url, cache=str(cache))
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    said: np.ndarray = np.load(cache / "said.npy")
    return said


def probabilities() -> pd.DataFrame:
    probs = np.random.default_rng(3).dirichlet([1, 1, 1], len(POOL))
    return pd.DataFrame({"item_id": POOL.ids, **dict(zip(NAMES, probs.T, strict=True))})


@pytest.mark.long
def test_what_is_trained_in_one_process_predicts_in_another(machine: Open, url: str, tmp_path: Path) -> None:
    ada = machine("ada")
    label_some(ada, 40)
    ada.finetune(epochs=2, adopt="always")
    # Other batches sum up in another order; the weights are the same to the last bit.
    np.testing.assert_allclose(elsewhere(url, tmp_path / "bens"), ada.inference.probs(np.arange(len(POOL))), atol=1e-6)
    weights = f"models/{ada.inference.version}.safetensors"
    assert (tmp_path / "bens" / weights).read_bytes() == (ada.folder / weights).read_bytes()
    ada.import_predictions(probabilities(), "theirs")
    assert elsewhere(url, tmp_path / "bens").tobytes() == ada.inference.probs(np.arange(len(POOL))).tobytes()


def test_every_open_workbench_follows_an_adopted_model(machine: Open) -> None:
    ada, ben = machine("ada", model=small_net()), machine("ben", model=small_net())
    assert digest(ada) == digest(ben)
    version = ada.adopt(small_net(seed=5))
    assert ben.inference.version == version
    assert digest(ada) == digest(ben)
    first = ben.models()["model"].iloc[0]
    ben.adopt(first)
    assert ada.inference.version == first
    assert digest(ada) == digest(ben)


def test_imported_predictions_that_wait_can_be_adopted_on_another_machine(machine: Open) -> None:
    ada = machine("ada")
    ada.import_predictions(probabilities(), "theirs", adopt=False)
    ben = machine("ben")
    ben.adopt("theirs")
    pd.testing.assert_frame_equal(ada.predict(), ben.predict())
    assert digest(ada) == digest(ben)


@pytest.mark.parametrize(("pool", "task", "net"), [(CIRCLES, "boxes", ObjectNet), (TEXTS, "spans", SpanNet)],
                         ids=["detector", "tagger"])
def test_a_detector_travels(machine: Open, pool: Any, task: str, net: Any) -> None:
    ada, ben = machine("ada", pool, ["disc", "ring"], task=task), machine("ben", pool)
    ada.adopt(net(2))
    ben._services.follow()
    assert ben.detectors.version == ada.detectors.version is not None
    pd.testing.assert_frame_equal(ada.predict_objects(), ben.predict_objects())
    name = next((ben.folder / "models").iterdir()).name
    assert (ada.folder / "models" / name).read_bytes() == (ben.folder / "models" / name).read_bytes()


def test_heads_for_values_travel(machine: Open) -> None:
    ada = machine("ada", taxonomy=hw.Taxonomy(attributes=[SHADE]), task="scale")
    answer(ada, 30, SHADE)
    ada.finetune(adopt="always")
    ben = machine("ben")
    assert ben.registry.values.follow() or ben.registry.values.version == ada.registry.values.version
    place = POOL.position(next(iter(LIGHT)))
    assert ada.session.predicted_values(place) == ben.session.predicted_values(place) != {}


@pytest.mark.parametrize("harm", ["deleted", "cut off", "changed"])
def test_a_cache_costs_nothing_but_time(machine: Open, harm: str) -> None:
    ada = machine("ada", model=small_net())
    expected = digest(ada)
    ada.close()
    [weights] = (ada.folder / "models").iterdir()
    content = weights.read_bytes()
    if harm == "deleted":
        shutil.rmtree(ada.folder)
    else:
        weights.write_bytes(content[:100] if harm == "cut off" else content[:-1] + b"?")
    again = machine("ada", model=small_net())
    assert again.inference.missing is None
    assert digest(again) == expected
    assert weights.read_bytes() == content


def test_weights_that_are_damaged_on_the_server_come_from_whoever_has_them(machine: Open) -> None:
    ada = machine("ada", model=small_net())
    version, expected = ada.inference.version, digest(ada)
    ada.project.log.transact(lambda conn: conn.execute(BLOB_PART.update().values(data=b"nonsense")))
    ben = machine("ben", model=small_net(seed=1))  # of another seed: it can't be had from the argument
    assert ben.inference.version is None
    assert "gives it to the server again" in ben.inference.missing
    ada.close()
    machine("ada", model=small_net())  # opening is enough
    cleo = machine("cleo", model=small_net(seed=1))
    assert (cleo.inference.version, digest(cleo)) == (version, expected)


def test_a_model_is_taken_up_later_where_the_server_could_not_be_reached(
        machine: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, ben = machine("ada", model=small_net()), machine("ben", model=small_net())
    version = ada.adopt(small_net(seed=5))

    def away(*_: Any) -> None:
        raise LogBusy("the server is away")
    with monkeypatch.context() as patch:
        patch.setattr(TeamFiles, "_fetch", away)
        with pytest.raises(LogBusy):
            ben._services.follow()
    assert ben.inference.version == version
    assert digest(ada) == digest(ben)


def test_old_weights_are_removed_everywhere(machine: Open) -> None:
    ada = machine("ada", model=small_net())
    label_some(ada, 20)
    first = ada.inference.version
    runs = [ada.finetune(epochs=1, adopt="never", seed=seed).model for seed in range(4)]
    kept = [f"models/{version}.safetensors" for version in (first, *runs[1:])]
    assert set(ada.project.files.names()) == {*kept, "pool.ids"}
    ben = machine("ben", model=small_net())
    with pytest.raises(hw.errors.ModelError, match="are gone"):
        ben.adopt(runs[0])
    ben.adopt(runs[2])
    assert digest(ada) == digest(ben)


def test_a_pool_whose_groups_changed_is_refused_on_every_machine(machine: Open) -> None:
    def pool(moved: bool) -> Any:
        scenes = [f"scene-{number // 10 + (moved and number == 7)}" for number in range(len(POOL))]
        return hw.Pool.from_images(np.zeros((len(POOL), 4, 4), np.uint8), ids=list(POOL.ids),
                                   meta=[{"scene": scene} for scene in scenes])
    machine("ada", pool(False), group="scene")
    machine("ben", pool(False))
    with pytest.raises(WrongPool, match="have another 'scene'"):
        machine("cleo", pool(True))
    with pytest.raises(WrongPool):
        machine("dan", hw.Pool.from_images(np.zeros((2, 4, 4), np.uint8), ids=["x", "y"], meta=[{"scene": "s"}] * 2))


def test_the_cache_of_another_project_is_refused(machine: Open, postgres: Server, tmp_path: Path) -> None:
    machine("ada")
    with pytest.raises(BadInput, match="belongs to another project"):
        hw.Workbench(postgres.new_project_url(), POOL, NAMES, cache=tmp_path / "ada", progress=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("\\begin{document}")
    with pytest.raises(BadInput, match="holds other files"):
        hw.Workbench(postgres.new_project_url(), POOL, NAMES, cache=tmp_path / "mine", progress=False)


def test_without_a_cache_folder_there_is_one_in_the_users_directory(
        url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    with hw.Workbench(url, POOL, NAMES, model=small_net(), progress=False) as wb:
        if sys.platform not in ("win32", "darwin"):
            assert wb.folder.is_relative_to(tmp_path / "caches")
        assert wb.project.log.id[:12] in wb.folder.name
        wb.decide(POOL.ids[0], label=TRUTH[POOL.ids[0]])


def test_a_card_on_the_old_place_keeps_its_decision_and_the_new_place_stores_it(
        machine: Open, url: str, tmp_path: Path) -> None:
    with hw.Workbench(tmp_path / "cells", POOL, NAMES, annotator="ada", progress=False) as elsewhere, \
            hw.Workbench(tmp_path / "cells", POOL, annotator="ben", progress=False) as wb:
        wb.decide(POOL.ids[1], label=TRUTH[POOL.ids[1]])
        before = wb.annotations()
        review = Review(elsewhere.session)
        act = {"kind": "decide", "decision_id": new_id(), "item_id": str(POOL.ids[0]), "verdict": "answer",
               "label_id": elsewhere.taxonomy.label_ids[0], "acted_at": "2026-03-01T09:30:00Z", "annotator": "ada"}
        with wb.move_to(url, cache=tmp_path / "bens") as moved:
            pd.testing.assert_frame_equal(moved.annotations(), before)
            assert moved.annotator == "ben"
            with pytest.raises(StoreError, match="has moved to postgresql"):
                wb.decide(POOL.ids[2], label="dark")
            reply: Any = review.card.answer(act)
            assert (reply["kind"], reply["again"]) == ("rejected", True)
            assert "has moved to postgresql" in reply["reason"]
            review.close()
            later = Review(machine("ada", taxonomy=None).session)
            assert later.card.answer(act)["kind"] == "stored"
            later.close()
            assert moved.annotations()["item_id"].tolist() == [str(POOL.ids[1]), str(POOL.ids[0])]
            with moved.move_to(tmp_path / "cells") as back:
                assert len(back.annotations()) == 2
                assert elsewhere.decide(POOL.ids[3], label="dark").verdict == "answer"


def test_who_opens_the_old_place_is_told_where_the_project_is(
        url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with hw.Workbench(tmp_path / "cells", POOL, NAMES, progress=False) as wb:
        wb.move_to(url, cache=tmp_path / "cache").close()
    with hw.Workbench(tmp_path / "cells", POOL, progress=False) as old:
        assert f"has moved to {told(locate(url))}" in caplog.text + "".join(capsys.readouterr())
        assert len(old.annotations()) == 0
        with pytest.raises(StoreError, match="has moved to"):
            old.apply(edits.add("grey"))


def test_an_archive_is_unpacked_onto_a_server_and_one_of_a_server_into_a_folder(
        postgres: Server, url: str, tmp_path: Path) -> None:
    def events(wb: Any) -> list[tuple[Any, ...]]:
        return [(event.seq, event.id, event.kind, event.body, event.stored_at) for event in wb.project.log.events()]
    with hw.Workbench(tmp_path / "cells", POOL, NAMES, model=small_net(), progress=False) as wb:
        label_some(wb, 10)
        # Items that are asked about in other batches may differ in the last bit.
        expected, said = events(wb), (wb.inference.version, pytest.approx(probs(wb), abs=1e-6))
        packed = wb.archive(tmp_path / "cells.zip")
    with hw.Workbench.from_archive(packed, url, pool=POOL, model=small_net(), cache=tmp_path / "one",
                                   progress=False) as there:
        assert (events(there), (there.inference.version, probs(there))) == (expected, said)
        packed = there.archive(tmp_path / "again.zip")
    with pytest.raises(BadInput, match="there is a project at"):
        hw.Workbench.from_archive(packed, url, pool=POOL, cache=tmp_path / "one", progress=False)
    with hw.Workbench.from_archive(packed, tmp_path / "back", pool=POOL, model=small_net(), progress=False) as back:
        assert (events(back), (back.inference.version, probs(back))) == (expected, said)
        back.decide(POOL.ids[5], label="dark")
