"""A project whose items are files on a server."""

import io
import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from file_server import serving
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.items import remote
from hitl_widgets.project import session
from hitl_widgets.testing import wait_for
from hitl_widgets.widgets.window import SIZE

N = 60
LABELS = ["dark", "light"]
SECRETS = ("PASSWORD1", "SIGNATURE2", "TOKEN3")


def png(shade):
    file = io.BytesIO()
    pixels = np.full((16, 16), shade, np.uint8)
    pixels[4:8, 4:8] = 255 - shade
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def server():
    with serving({f"{i}.png": png(4 * i) for i in range(N)}) as server:
        yield server


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    monkeypatch.setattr(remote, "_BACK_OFF_S", 0.01)


def pool_of(server, n=N, **options):
    urls = [server.url(f"{i}.png", user=f"ann:{SECRETS[0]}", query=f"sig={SECRETS[1]}") for i in range(n)]
    frame = pd.DataFrame({"id": [f"item-{i}" for i in range(n)], "url": urls})
    return hw.Pool.from_frame(frame, image="url", remote=True, storage_options={"headers": {"X-Token": SECRETS[2]}},
                              **options)


@pytest.fixture
def opened(tmp_path, server):
    workbenches = []

    def opening(folder="project", *, n=N, model=None, **options):
        workbench = hw.Workbench(tmp_path / folder, pool_of(server, n, **options), LABELS, model=model, holdout=0,
                                 annotator="ada", progress=False)
        workbenches.append(workbench)
        return workbench

    yield opening
    for workbench in workbenches:
        workbench.close()


class Browser:
    def __init__(self, review):
        self.review, self.pushed = review, []
        review.feed.push = lambda message, buffers=None: self.pushed.append(message)
        review.receive({"kind": "hello"})

    @property
    def items(self):
        return {message["item"]["item_id"]: message["item"] for message in list(self.pushed)
                if message["kind"] == "item"}


class Brightness(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(2, 2)

    def forward(self, x):
        bright = x.mean(dim=(1, 2, 3))
        return self.head(torch.stack([-bright, bright], dim=1))


def test_opening_a_project_fetches_nothing_and_labelling_fetches_what_is_shown(opened, server):
    workbench = opened()
    assert not server.n_requests
    item = workbench.next(1, strategy="random")[0]
    assert workbench.pool[item.id].image.shape == (16, 16)
    workbench.decide(item.id, "answer", label="dark")
    assert sum(server.n_requests.values()) == 1


def test_an_answer_keeps_the_hash_of_the_bytes_that_were_shown(opened, server):
    workbench = opened()
    assert workbench.pool["item-3"].image[0, 0] == 12
    shown = workbench.pool.content(3)
    server.files["3.png"] = png(200)
    workbench.decide("item-3", "answer", label="dark")
    workbench.decide("item-4", "answer", label="dark")  # by a script, which never looked
    table = workbench.project.log.annotations(columns=("content",))
    assert dict(zip(table["item_id"], table["content"], strict=True)) == {"item-3": shown, "item-4": None}
    assert server.n_requests == {"3.png": 1}


def test_opening_again_compares_nothing_that_wasnt_fetched(opened, server):
    workbench = opened()
    for position in range(5):
        workbench.pool.load(position)
        workbench.decide(f"item-{position}", "answer", label="dark")
    workbench.close()
    n_before = sum(server.n_requests.values())
    again = opened()
    assert sum(server.n_requests.values()) == n_before
    assert len(again.annotations()) == 5


def test_the_card_has_its_window_fetched_and_little_more(opened, server, monkeypatch):
    monkeypatch.setattr(session, "FETCHED_AHEAD", 8)
    monkeypatch.setattr("hitl_widgets.learn.pool_descriptors._N_FITTED_REMOTE", 8)
    browser = Browser(opened().review(learn=False))
    wait_for(lambda: len(browser.items) == SIZE)
    assert not any("broken" in item for item in browser.items.values())
    assert set(server.n_requests.values()) == {1}
    assert SIZE <= len(server.n_requests) <= SIZE + 8 + 8 + 8


@pytest.mark.long
def test_a_file_that_hangs_doesnt_hold_up_the_others_and_is_shown_as_unreadable(opened, server):
    workbench = opened(n=10, timeout=4.0, model=Brightness())
    server.faults["9.png"] = ["hang"] * 9
    server.faults["8.png"] = [404]
    browser = Browser(workbench.review(learn=False))
    wait_for(lambda: len(browser.items) >= 9)
    others = set(browser.items) - {"item-8"}
    assert others == {f"item-{i}" for i in range(8)}
    assert "there is no such file" in browser.items["item-8"]["broken"]
    assert all("suggestion" in browser.items[item_id] for item_id in others)
    wait_for(lambda: "item-9" in browser.items)
    assert "didn't send it within 4 seconds" in browser.items["item-9"]["broken"]


def test_what_couldnt_be_fetched_is_predicted_once_it_can(opened, server):
    server.faults["7.png"] = [403]
    workbench = opened(n=8, model=Brightness())
    first = workbench.predict().set_index("item_id")
    assert first["label"].isna().to_dict() == {f"item-{i}": i == 7 for i in range(8)}
    workbench.pool._remote._failed.clear()  # five minutes later
    assert workbench.predict()["label"].notna().all()
    assert server.n_requests["7.png"] == 2
    assert {n for name, n in server.n_requests.items() if name != "7.png"} == {1}


def test_what_couldnt_be_fetched_is_embedded_once_it_can(opened, server):
    server.faults["7.png"] = [403, 403]
    workbench = opened(n=8, model=Brightness())
    workbench.predict()
    for _ in range(2):  # item 7 alone is missing, so that no item of its block can be read
        embedded = workbench.embeddings()
        assert np.isnan(embedded).all(axis=1).tolist() == [i == 7 for i in range(8)]
        workbench.pool._remote._failed.clear()  # five minutes later
    assert np.isfinite(workbench.embeddings()).all()
    assert np.isfinite(workbench.inference.embeddings(range(8))).all()


def test_what_couldnt_be_fetched_is_embedded_later_also_with_others_of_its_block(opened, server):
    server.faults["7.png"] = [403, 403]
    workbench = opened(n=8, model=Brightness())
    assert np.isnan(workbench.inference.embeddings(range(8))).all(axis=1).tolist() == [i == 7 for i in range(8)]
    workbench.pool._remote._failed.clear()  # five minutes later
    assert np.isnan(workbench.embeddings()).all(axis=1).tolist() == [i == 7 for i in range(8)]
    workbench.pool._remote._failed.clear()
    assert np.isfinite(workbench.embeddings()).all()


def test_a_damaged_file_is_predicted_once(opened, server):
    server.files["2.png"] = b"no image"
    workbench = opened(n=8, model=Brightness())
    assert workbench.predict()["label"].isna().sum() == 1
    assert workbench.project.ranking.predictions.tried.all()


def test_predicting_fetches_many_at_once(opened, server):
    workbench = opened(model=Brightness())
    server.gate = threading.Event()
    thread = threading.Thread(target=workbench.predict)
    thread.start()
    wait_for(lambda: server.n_at_once >= 16)
    server.gate.set()
    thread.join()
    assert server.most_at_once <= 40
    assert set(server.n_requests.values()) == {1}


def test_finetuning_fetches_each_file_once(opened, server):
    workbench = opened(n=40, model=Brightness())
    for position in range(40):
        workbench.decide(f"item-{position}", "answer", label=LABELS[position >= 20])
    workbench.finetune(epochs=2)
    assert set(server.n_requests.values()) == {1}


@pytest.mark.parametrize("format", ["label_studio", "csv", "jsonl"])
def test_labels_go_out_with_addresses_without_secrets_and_come_back(opened, server, tmp_path, format):
    workbench = opened(n=4)
    for position in range(4):
        workbench.decide(f"item-{position}", "answer", label=LABELS[position % 2])
    path = tmp_path / {"csv": "labels.csv", "jsonl": "labels.jsonl"}.get(format, "labels.json")
    exported = workbench.export(path, format=format)
    texts = [file.read_bytes().decode() for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    assert not [secret for secret in SECRETS if any(secret in text for text in texts)], exported
    if format == "label_studio":
        assert any(json.dumps(f"http://127.0.0.1:{server.port}/2.png")[1:-1] in text for text in texts)
    again = opened("again", n=4)
    again.import_file(path, format=format)
    labels = again.annotations().set_index("item_id")["label"]
    assert labels.to_dict() == {f"item-{i}": LABELS[i % 2] for i in range(4)}


def test_an_export_that_has_to_copy_a_missing_image_goes_on_and_says_which(opened, server, tmp_path):
    workbench = opened(n=4)
    for i in range(4):
        workbench.decide(f"item-{i}", "answer", label=LABELS[i % 2])
    del server.files["2.png"]
    for format, more, cure in [("image_folders", {}, "format='csv'"),
                               ("label_studio", {"images": "copy"}, "images='reference'")]:
        exported = workbench.export(tmp_path / format, format=format, **more)
        assert exported.n == 3
        [why] = exported.lost.loc[exported.lost["what"] == "item", "why"]
        assert all(words in why for words in ["item-2", "there is no such file", cure]), why
        assert len(list((tmp_path / format).rglob("*.png"))) == 3
    workbench.decide("item-2", "skip", flags=["bad_data"])
    assert workbench.export(tmp_path / "out", format="image_folders").n == 3


def test_boxes_go_out_with_addresses_and_come_back_by_them(server, tmp_path):
    box = [{"kind": "box", "at": [2, 2, 9, 9], "label": "dark"}]
    with hw.Workbench(tmp_path / "boxes", pool_of(server, 3), LABELS, task="boxes", annotator="ada", holdout=0,
                      progress=False) as workbench:
        workbench.decide("item-1", "answer", objects=box)
        workbench.export(tmp_path / "coco", format="coco")
    texts = "".join(path.read_text() for path in (tmp_path / "coco").rglob("*") if path.is_file())
    assert f'"file_name":"http://127.0.0.1:{server.port}/1.png"' in texts
    assert not [secret for secret in SECRETS if secret in texts]
    with hw.Workbench(tmp_path / "again", pool_of(server, 3), LABELS, task="boxes", annotator="eve", holdout=0,
                      progress=False) as again:
        again.import_file(tmp_path / "coco", format="coco")
        assert again.annotations()["item_id"].tolist() == ["item-1"]


def test_images_are_copied_as_they_are_where_an_export_has_them(opened, server, tmp_path):
    workbench = opened(n=4)
    for position in range(4):
        workbench.decide(f"item-{position}", "answer", label=LABELS[position % 2])
    workbench.export(tmp_path / "folders", format="image_folders")
    copies = {path.name: path.read_bytes() for path in (tmp_path / "folders").rglob("*.png")}
    assert sorted(copies.values()) == sorted(server.files[f"{i}.png"] for i in range(4))


def test_no_secret_is_in_a_file_of_the_project_or_its_archive(opened, server, tmp_path, capsys):
    workbench = opened(n=30, model=Brightness())
    server.faults["3.png"] = [403]
    browser = Browser(workbench.review(learn=False))
    wait_for(lambda: len(browser.items) == SIZE)
    for position in range(30):
        workbench.decide(f"item-{position}", "answer", label=LABELS[position >= 15])
    run = workbench.finetune(epochs=1)
    workbench.predict()
    workbench.export(tmp_path / "labels.jsonl")
    workbench.archive(tmp_path / "all.zip")
    table = workbench.annotations()
    shown = [repr(workbench), workbench._repr_html_() if hasattr(workbench, "_repr_html_") else "", repr(run),
             table.to_csv(), workbench.predict().to_csv(), json.dumps(browser.pushed, default=str),
             repr(workbench.pool), workbench.pool._repr_html_(), *map(str, workbench.session.news)]
    workbench.close()
    output = capsys.readouterr()
    places = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(places) > 5
    for secret in SECRETS:
        assert not [path for path in places if secret.encode() in path.read_bytes()]
        assert not [text for text in (*shown, output.out, output.err) if secret in text]


def test_the_same_project_opens_with_files_that_were_downloaded(opened, server, tmp_path):
    workbench = opened(n=6)
    for position in range(6):
        workbench.pool.load(position)
        workbench.decide(f"item-{position}", "answer", label="dark")
    workbench.close()
    folder = Path(tmp_path / "images")
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.png").write_bytes(server.files[f"{i}.png"])
    pool = hw.Pool.from_images([folder / f"{i}.png" for i in range(6)], ids=[f"item-{i}" for i in range(6)])
    with hw.Workbench(tmp_path / "project", pool, LABELS, annotator="ada", progress=False) as local:
        assert len(local.annotations()) == 6
        assert not local.project.state.changed
