"""Blocks on the workers of a real cluster: what is sent, what a lost worker costs, and what comes of it."""

from __future__ import annotations

import os
import pickle
import pickletools
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import block_nets
import numpy as np
import pandas as pd
import pytest
import torch
from distributed import Client, LocalCluster
from PIL import Image
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.items.pool_part import part_of, pool_of
from hitl_widgets.learn import blocks, dask_cluster
from hitl_widgets.learn.blocks import Block, blocks_of, run_block, work_of
from hitl_widgets.learn.light import light_net
from hitl_widgets.learn.text_nets import TextCNN

LABELS = ["a", "b", "c"]
N, SIZE = 60, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of images, the 20th of which is damaged; the workers leave lines beside it."""
    home = tmp_path_factory.mktemp("blocks")
    rng = np.random.default_rng(0)
    (home / "images").mkdir()
    for k in range(N):
        image = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
        image[0, 0] = k, 0, 0
        Image.fromarray(image).save(home / "images" / f"{k:02}.png")
    (home / "images" / "20.png").write_bytes(b"no image")
    return home


@pytest.fixture(scope="module")
def client(folder):
    os.environ[block_nets.FOLDER] = str(folder)
    try:
        with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as local, \
                Client(local) as client:
            yield client
    finally:
        del os.environ[block_nets.FOLDER]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SIZE", SIZE)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def lines(folder):
    """What was seen since the test began: how often each item was."""
    path = folder / "seen"
    path.unlink(missing_ok=True)

    def count() -> Counter[str]:
        return Counter(line.split(" ", 1)[1] for line in path.read_text().splitlines()) if path.exists() else Counter()
    return count


def own_net(seed=0):
    torch.manual_seed(seed)
    return block_nets.ResidualNet()


@pytest.fixture
def bench(tmp_path, folder):
    """Workbenches on the same images, each in a folder of its own."""
    opened = []

    def make(model=None, preprocess=block_nets.seen, pool=None, **more):
        wb = hw.Workbench(tmp_path / f"p{len(opened)}", pool or hw.Pool.from_images(folder / "images"), LABELS,
                          model=model or own_net(), preprocess=preprocess, holdout=0, progress=False, **more)
        opened.append(wb)
        return wb
    yield make
    for wb in opened:
        wb.close()


@pytest.mark.long
def test_workers_say_what_a_serial_run_in_the_same_blocks_says(bench, client):
    on_cluster, here = bench(), bench()
    table = on_cluster.predict(client=client)
    pd.testing.assert_frame_equal(table, here.predict())
    assert on_cluster.probs().tobytes() == here.probs().tobytes()
    assert table["label"].isna().tolist() == [k == 20 for k in range(N)]
    assert "isn't an image" in on_cluster.inference.predictor.unreadable[20]
    embedded = on_cluster.inference.stored_embeddings()
    assert embedded is not None
    assert embedded.tobytes() == here.inference.stored_embeddings().tobytes()


@pytest.mark.long
def test_a_second_run_sends_nothing(bench, client, lines):
    wb = bench()
    wb.predict(client=client)
    before = lines()
    wb.predict(client=client)
    wb.embeddings(client=client)
    assert before
    assert lines() == before


def test_a_killed_worker_costs_one_block(bench, client, folder, lines):
    here = bench()
    here.predict()
    wb = bench()
    lines_here = lines()
    (folder / "kill").touch()
    wb.predict(client=client)
    assert not (folder / "kill").exists()
    assert wb.probs().tobytes() == here.probs().tobytes()
    again = lines() - lines_here - Counter(lines_here.keys())
    assert sum(again.values()) <= SIZE + 4 * blocks.N_SAMPLE + 10  # a block, and what nets are compared by


def test_an_interrupted_run_goes_on_where_it_stopped(bench, client, lines):
    wb, here = bench(), bench()

    @contextmanager
    def interrupting(n, *, title):
        def advance(n):
            raise KeyboardInterrupt
        yield advance
    with pytest.raises(KeyboardInterrupt):
        wb.inference.ask_in_blocks(np.arange(N), client=client, bars=interrupting)
    kept = wb.project.ranking.predictions.tried.copy()
    assert 0 < kept.sum() < N
    before = np.array(wb.project.ranking.predictions.probs)
    wb.predict(client=client)
    here.predict()
    assert before[kept].tobytes() == np.array(wb.project.ranking.predictions.probs)[kept].tobytes()
    assert wb.probs().tobytes() == here.probs().tobytes()


@pytest.mark.long
def test_a_budget_ends_a_run_that_the_next_one_goes_on_with(bench, client):
    wb = bench()
    table = wb.predict(budget_s=1e-3, client=client)
    assert len(table) < N
    assert len(wb.predict(client=client)) == N


def test_a_damaged_answer_is_asked_for_again(bench, client, folder):
    wb = bench()
    here = bench()
    here.predict()
    work, sent = prepared(wb)
    (folder / "damage").touch()
    got = {block.number: answers
           for block, answers in dask_cluster.results(client, block_nets.damaged_once, work, sent)}
    assert not (folder / "damage").exists()
    rows = np.concatenate([got[number].arrays["probs"] for number in sorted(got)])
    assert rows.tobytes() == np.array(here.project.ranking.predictions.probs).tobytes()


def test_an_answer_of_other_numbers_than_those_asked_for_is_refused(bench):
    work, sent = prepared(bench(preprocess=hw.Preprocess(8, channels=3)))
    result = run_block(work, sent[0])
    assert not dask_cluster._fault(result, sent[0], work)
    assert "a list" in dask_cluster._fault([1], sent[0], work)
    assert "checksum" in dask_cluster._fault(replace(result, number=1), sent[0], work)
    probs = result.answers.arrays["probs"]
    infinite = probs.copy()
    infinite[0, 0] = np.inf
    for arrays in ({}, {"probs": probs[:, :2]}, {"probs": probs.astype(np.float64)}, {"probs": probs[:, 0]},
                   {"probs": infinite}, {"probs": probs, "embeddings": probs}, {"other": probs}):
        answers = replace(result.answers, arrays=arrays)
        wrong = replace(result, answers=answers, checksum=answers.checksum)
        assert "isn't of the numbers" in dask_cluster._fault(wrong, sent[0], work), arrays


def test_a_block_that_always_fails_is_named(bench, client):
    work, sent = prepared(bench())
    with pytest.raises(ModelError, match=r"block 0 \(items '00.png' to '07.png'\) failed 3 times.*too little"):
        list(dask_cluster.results(client, block_nets.always_fails, work, sent[:1]))


def prepared(wb):
    """The work of a workbench, and all its blocks."""
    inference = wb.inference
    work = work_of(inference.predictor, np.arange(N), inference.folder_of_work, what="probs")
    return work, [Block(number, some, part_of(wb.pool, some)) for number, some in blocks_of(np.arange(N))]


def test_no_module_is_sent(bench):
    work, sent = prepared(bench(preprocess=hw.Preprocess(8, channels=3)))
    data = pickle.dumps((run_block, work, sent[0]), protocol=4)
    texts = [arg for op, arg, _ in pickletools.genops(data) if isinstance(arg, str)]
    assert not [text for text in texts if text.startswith("torch") or "block_nets" in text or text == "Net"
                if text != "torch"]  # the name of a package, among the versions
    assert any(text.endswith("00.png") for text in texts)
    assert len(data) < 10_000  # names of files, and no pixels


def test_another_file_of_weights_is_not_used(bench):
    work, sent = prepared(bench(preprocess=hw.Preprocess(8, channels=3)))
    path = Path(work.path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    blocks._nets.clear()
    assert "another net" in run_block(work, sent[0]).error
    path.unlink()
    result = run_block(work, sent[0])
    assert result.cause == "set up"
    assert "shared disk" in result.error


def test_a_worker_that_does_not_see_the_files_is_refused(bench, tmp_path):
    work, sent = prepared(bench(preprocess=hw.Preprocess(8, channels=3)))
    blocks._nets.clear()
    elsewhere = replace(work, sample=replace(work.sample, root=str(tmp_path / "nowhere")))
    result = run_block(elsewhere, sent[0])
    assert result.cause == "set up"
    assert "same paths on every machine" in result.error


def test_a_worker_with_another_version_is_refused(bench):
    work, sent = prepared(bench(preprocess=hw.Preprocess(8, channels=3)))
    blocks._nets.clear()
    result = run_block(replace(work, versions={**work.versions, "torch": "1.0"}), sent[0])
    assert result.cause == "set up"
    assert "instead of 1.0" in result.error


def test_a_worker_with_another_net_of_that_name_is_refused(bench):
    work, sent = prepared(bench(preprocess=hw.Preprocess(8, channels=3)))
    blocks._nets.clear()
    result = run_block(replace(work, expected=1 - work.expected), sent[0])
    assert "says something else" in result.error


@pytest.mark.parametrize(("model", "why"), [
    (type("Net", (block_nets.ResidualNet,), {"__module__": "__main__"})(), "defined in the notebook"),
    (nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), "no weights"),
], ids=["of the notebook", "lazy"])
def test_a_net_that_cannot_be_described_is_refused_before_anything_is_sent(bench, client, lines, model, why):
    if why == "no weights":
        model(torch.zeros(1, 3, 10, 12))
        model[1].kept = object()
        why = "attribute '1.kept'"
    wb = bench(model)
    lines_before = lines()
    with pytest.raises(ModelError, match=why):
        wb.predict(client=client)
    assert not wb.project.ranking.predictions.tried.any()
    assert sum((lines() - lines_before).values()) <= 20 * blocks.N_SAMPLE


def test_a_function_of_the_notebook_is_refused(bench, client):
    wb = bench(preprocess=lambda image: block_nets.seen(image))
    with pytest.raises(ModelError, match=r"the function preprocess, .*<lambda>, has no name.*leave client out"):
        wb.predict(client=client)


@pytest.mark.long
def test_the_workbenchs_own_light_model_sends_descriptors(bench, client):
    on_cluster, here = (bench(preprocess=hw.Preprocess(16, channels=3)) for _ in range(2))
    for wb in (on_cluster, here):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            net = wb.registry.descriptors.net
            wb.registry.install(light_net(net, nn.Linear(net.n_features, 3)), origin="trained")
    assert on_cluster.inference.adopted.by_rows
    on_cluster.predict(client=client)
    here.predict()
    assert on_cluster.probs().tobytes() == here.probs().tobytes()
    assert on_cluster.embeddings(client=client).tobytes() == here.embeddings().tobytes()


def texts():
    return hw.Pool.from_texts([f"text {k}, " + "word " * (k % 7) for k in range(30)] + [b"\xff"])


@pytest.mark.parametrize("model", [lambda: TextCNN(3), lambda: block_nets.by_length], ids=["net", "function"])
def test_texts_are_predicted_as_well(bench, client, model):
    labels = {} if callable(getattr(model(), "parameters", None)) else {"n": 2}
    of_texts = [hw.Workbench(bench().folder.parent / f"texts{k}", texts(), LABELS[:labels.get("n", 3)], model=net,
                             holdout=0, progress=False) for k, net in enumerate([model()] * 2)]
    on_cluster, here = of_texts
    on_cluster.predict(client=client)
    here.predict()
    assert on_cluster.probs().tobytes() == here.probs().tobytes()
    assert np.isnan(on_cluster.probs()[30]).all()
    assert on_cluster.embeddings(client=client).tobytes() == here.embeddings().tobytes()
    for wb in of_texts:
        wb.close()


def test_items_in_memory_are_sent_as_pixels(bench, client):
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(12)]
    pools = [hw.Pool.from_images([Image.fromarray(one) if k % 2 else one for k, one in enumerate(images)])
             for _ in range(2)]
    on_cluster, here = (bench(pool=pool, preprocess=hw.Preprocess(9, channels=3)) for pool in pools)
    on_cluster.predict(client=client)
    here.predict()
    assert on_cluster.probs().tobytes() == here.probs().tobytes()


def test_embeddings_that_were_asked_for_are_kept_whatever_room_they_take(bench, client, monkeypatch):
    wb = bench()
    wb.inference.adopted.embeddings._limit = 10
    wb.predict(client=client)
    assert wb.inference.stored_embeddings() is None
    every = wb.embeddings(client=client)
    assert every.shape == (N, 8)
    assert isinstance(every, np.memmap)
    assert not every.flags.writeable
    assert np.isnan(every).all(axis=1).tolist() == [k == 20 for k in range(N)]
    some = wb.embeddings(["05.png", "03.png"])
    assert some.tobytes() == np.array(every[[5, 3]]).tobytes()


def test_embeddings_of_a_block_in_which_nothing_can_be_read_are_nan(bench, tmp_path):
    (tmp_path / "images").mkdir()
    for k in range(3 * SIZE):
        path = tmp_path / "images" / f"{k:02}.png"
        if k // SIZE == 1:
            path.write_bytes(b"no image")
        else:
            Image.new("RGB", (12, 10), (k, 2 * k, 90)).save(path)
    wb = bench(pool=hw.Pool.from_images(tmp_path / "images"))
    assert np.isnan(wb.embeddings()).all(axis=1).tolist() == [k // SIZE == 1 for k in range(3 * SIZE)]


CELLS = """
wb = hw.Workbench(folder, pool, ["a", "b", "c"], model=net, preprocess=preprocess, holdout=0, progress=False)
table = wb.predict(client=client)
embedded = wb.embeddings(client=client)
wb.close()
"""


def meanwhile(wb, n, act):
    """Act once while items are predicted, after n of them."""
    @contextmanager
    def acting(n_items, *, title):
        done = 0

        def advance(k):
            nonlocal done
            done += k
            if act and title == "Predicting" and done >= n:
                act.pop()()
        yield advance
    wb._services.bars = acting


@pytest.mark.long
def test_the_table_is_of_the_model_that_was_asked_where_another_is_adopted_meanwhile(bench, client):
    first, second = bench().predict(), bench(own_net(1)).predict()
    for client_or_none in (client, None):
        wb = bench()
        meanwhile(wb, N // 2, [lambda wb=wb: wb.adopt(own_net(1))])
        pd.testing.assert_frame_equal(wb.predict(client=client_or_none), first)
        pd.testing.assert_frame_equal(wb.predict(client=client_or_none), second)


def test_maps_are_of_the_model_that_was_asked_where_another_is_adopted_meanwhile(bench):
    wb, here = bench(), bench()
    meanwhile(wb, N // 2, [lambda: wb.adopt(own_net(1))])
    maps, same = wb.explain_all(), here.explain_all()
    assert (maps.model, set(maps.errors)) == (same.model, {"20.png"})
    assert maps.model != wb.inference.version
    assert all((maps[item_id] == same[item_id]).all() for item_id in wb.pool.ids[:5])


def test_an_edit_while_blocks_are_predicted_changes_no_answer(bench, client):
    wb, here = bench(), bench()
    meanwhile(wb, N // 2, [lambda: wb.apply(hw.edits.merge(["a", "b"], into="ab"))])
    table = wb.predict(client=client)
    here.predict()
    here.apply(hw.edits.merge(["a", "b"], into="ab"))
    pd.testing.assert_frame_equal(table, here.predict())
    assert [item.id for item in wb.next(N, strategy="margin")] == [item.id for item in here.next(N, strategy="margin")]


def test_blocks_on_threads_of_the_kernel_leave_it_its_number_of_threads():
    torch.set_num_threads(3)
    inside, left, seen = Event(), Event(), []

    def first():
        with blocks._one_thread():
            inside.set()
            left.wait(10)

    def second():
        inside.wait(10)
        with blocks._one_thread():
            left.set()
            earlier.join(10)
            seen.append(torch.get_num_threads())
    earlier, later = Thread(target=first), Thread(target=second)
    for thread in (earlier, later):
        thread.start()
    later.join(10)
    after = Thread(target=lambda: seen.append(torch.get_num_threads()))
    after.start()
    after.join(10)
    assert seen == [1, 3]


def test_the_same_cells_run_with_and_without_a_client(client, folder, tmp_path):
    found = []
    for k, one in enumerate((client, None)):
        cell = {"hw": hw, "client": one, "folder": tmp_path / f"{k}", "net": own_net(), "preprocess": block_nets.seen,
                "pool": hw.Pool.from_images(folder / "images")}
        exec(CELLS, cell)
        found.append(cell)
    pd.testing.assert_frame_equal(found[0]["table"], found[1]["table"])
    assert found[0]["embedded"].tobytes() == found[1]["embedded"].tobytes()


def test_what_is_no_client_is_refused(bench, client):
    wb = bench()
    with pytest.raises(BadInput, match=r"client is a str; a distributed.Client"):
        wb.predict(client="tcp://127.0.0.1:8786")
    with Client(client.scheduler.address, set_as_default=False) as closed:
        pass
    with pytest.raises(BadInput, match="closed"):
        wb.predict(client=closed)


@pytest.mark.parametrize(("address", "private"), [
    ("tcp://127.0.0.1:8786", True), ("tcp://[::1]:8786", True), ("inproc://10.0.0.7/1/1", True),
    ("tls://10.0.0.7:8786", True), ("tcp://10.0.0.7:8786", False), ("tcp://example.org:8786", False),
    ("ws://10.0.0.7:80", False), ("tcp://localhost:1", True)])
def test_a_scheduler_elsewhere_needs_tls(address, private):
    assert dask_cluster._is_private(address) == private


@pytest.mark.long
def test_nothing_of_dask_is_loaded_without_a_client(tmp_path):
    code = f"""
import sys, numpy as np, hitl_widgets as hw
from block_nets import by_length
wb = hw.Workbench({str(tmp_path / "p")!r}, hw.Pool.from_texts(["a b", "c d"]), ["a", "b"], model=by_length, holdout=0)
wb.predict()
assert not {{"dask", "distributed"}} & set(sys.modules), "dask is loaded"
"""
    there = str(Path(block_nets.__file__).parent)
    root = str(Path(hw.__file__).parent.parent)
    subprocess.run([sys.executable, "-c", code], check=True,
                   env={**os.environ, "PYTHONPATH": os.pathsep.join([root, there])})


def test_blocks_are_stretches_of_the_pool():
    found = blocks_of(np.array([17, 3, 8, 2, 3]))
    assert [(number, some.tolist()) for number, some in found] == [(0, [2, 3]), (1, [8]), (2, [17])]
    ordered = blocks_of(np.arange(24), draws=np.linspace(1, 0, 24))
    assert [number for number, _ in ordered] == [2, 1, 0]


def test_a_part_makes_a_pool_with_the_same_items(folder):
    pool = hw.Pool.from_images(folder / "images")
    small = pool_of(pickle.loads(pickle.dumps(part_of(pool, [7, 3]))))
    assert small.ids.tolist() == ["07.png", "03.png"]
    assert np.array_equal(small.load(1), pool.load(3))
    assert small.content(0) == pool.content(7)


PAGES = """
import resource
import numpy as np
from hitl_widgets.learn import blocks
blocks._keep_memory()
faults = []
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**18)  # 2 MiB, freed at once: small enough that numpy asks for no huge pages
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(max(faults[1:]))
"""


@pytest.mark.long
@pytest.mark.skipif(not os.confstr_names.get("CS_GNU_LIBC_VERSION"), reason="another C library has no mallopt")
@pytest.mark.parametrize(("threshold", "kept"), [(blocks.KEPT_BY_DASK, True), ("131072", False)])
def test_a_worker_keeps_what_it_freed_for_the_next_batch_unless_a_person_set_how_much(threshold, kept):
    env = {**os.environ, "MALLOC_TRIM_THRESHOLD_": threshold}
    said = subprocess.run([sys.executable, "-c", PAGES], env=env, capture_output=True, text=True, check=True)
    assert (int(said.stdout) < 50) == kept  # of 512 pages
