import base64
import io
import logging
import os
import pickle
import shutil
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from file_server import serving
from PIL import Image
from yarl import URL

from hitl_widgets import Pool
from hitl_widgets.errors import BadInput, ImageError
from hitl_widgets.items import remote
from hitl_widgets.items.file_cache import FileCache
from hitl_widgets.items.integrity import Contents, alike_in_size
from hitl_widgets.items.pool_part import part_of
from hitl_widgets.items.pool_part import pool_of as pool_of_part
from hitl_widgets.items.remote import RemoteFiles, _Fetch, shown
from hitl_widgets.testing import wait_for


def png(shade, side=8):
    file = io.BytesIO()
    Image.new("L", (side, side), shade).save(file, "PNG")
    return file.getvalue()


NAMES = [f"{i}.png" for i in range(12)]


@pytest.fixture
def server():
    with serving({name: png(20 * i) for i, name in enumerate(NAMES)}) as server:
        yield server


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    monkeypatch.setattr(remote, "_BACK_OFF_S", 0.01)


def pool_of(server, names=NAMES, **options):
    frame = pd.DataFrame({"id": [Path(name).stem for name in names], "url": [server.url(name) for name in names]})
    return Pool.from_frame(frame, image="url", remote=True, **options)


def in_cache(pool):
    return sorted(pool._remote._cache.folder.glob("*.file"))


# -- what a table may hold


def test_files_of_a_table_of_addresses_are_read_when_they_are_asked_for(server):
    pool = pool_of(server)
    assert pool.remote
    assert pool.in_files
    assert not server.n_requests
    assert int(pool.load(3)[0, 0]) == 60
    assert pool.size(3) == (8, 8)
    assert server.n_requests == {"3.png": 1}
    assert pool.at_hand([3, 4]).tolist() == [True, False]


def test_files_of_any_file_system_of_fsspec_are_read():
    memory = fsspec.filesystem("memory")
    memory.pipe({"/remote/a.png": png(10), "/remote/b.png": png(90)})
    frame = pd.DataFrame({"id": ["a", "b", "c"], "url": [f"memory://remote/{name}.png" for name in "abc"]})
    pool = Pool.from_frame(frame, image="url", remote=True)
    assert [int(pool.load(place)[0, 0]) for place in range(2)] == [10, 90]
    with pytest.raises(ImageError, match=r"item 'c' \(memory://remote/c.png\) can't be shown: there is no such file"):
        pool.load(2)


def test_without_remote_no_address_is_opened_and_the_message_names_remote(server):
    frame = pd.DataFrame({"id": [1], "url": [server.url("0.png", user="ann:secret", query="sig=hidden")]})
    with pytest.raises(BadInput, match="remote=True") as caught:
        Pool.from_frame(frame, image="url")
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    with pytest.raises(BadInput, match="remote=True"):
        Pool.from_images(frame["url"].tolist())
    with pytest.raises(BadInput, match="pass remote=True"):
        Pool.from_frame(frame, image="url", storage_options={"anon": True})
    assert not server.n_requests


@pytest.mark.parametrize(("options", "sentence"), [
    ({"cache_size": 1_000}, "cache_size is for images that are fetched; pass remote=True"),
    ({"max_size": 10, "timeout": 5}, "max_size, timeout are for images that are fetched; pass remote=True")])
def test_what_is_for_fetching_is_refused_without_remote(options, sentence):
    with pytest.raises(BadInput, match=sentence):
        Pool.from_frame(pd.DataFrame({"id": [1], "text": ["a cat"]}), **options)


@pytest.mark.parametrize(("address", "why"), [
    ("file:///etc/passwd", "Pass paths, without remote=True"), ("local:///etc/passwd", "Pass paths"),
    ("a.png", "no address"), ("simplecache::http://host/a.png", "no address"),
    ("zip://a.png::file:///tmp/a.zip", "other files of this machine"), ("reference://a", "other files"),
    ("dir://a.png", "other files"), ("dvc://a.png", "other files"),
    ("FILE:///etc/passwd", "Pass paths"), ("nonsense://a/b", "doesn't know")])
def test_a_row_that_leads_to_this_machine_or_nowhere_is_refused(address, why):
    frame = pd.DataFrame({"id": ["a", "b"], "url": ["https://host/a.png", address]})
    with pytest.raises(BadInput, match=why):
        Pool.from_frame(frame, image="url", remote=True)


def test_two_colons_in_a_path_make_no_chain(server):
    server.files["file::a.png"] = png(30)
    assert int(pool_of(server, ["file::a.png"]).load(0)[0, 0]) == 30


def test_a_protocol_without_its_package_names_the_extra():
    class Finder:
        def find_spec(self, name, *_):
            if name == "s3fs":
                raise ImportError("No module named 's3fs'")

    frame = pd.DataFrame({"id": [1], "url": ["s3://bucket/a.png"]})
    sys.meta_path.insert(0, Finder())
    try:
        with pytest.raises(BadInput, match=r'pip install "hitl_widgets\[remote\]"'):
            Pool.from_frame(frame, image="url", remote=True)
    finally:
        del sys.meta_path[0]


def test_options_are_for_one_kind_of_place():
    frame = pd.DataFrame({"id": [1, 2], "url": ["https://host/a.png", "memory://a.png"]})
    with pytest.raises(BadInput, match="https, memory; storage_options are for one"):
        Pool.from_frame(frame, image="url", remote=True, storage_options={"a": 1})


@pytest.mark.parametrize("option", [{"cache_size": 0}, {"max_size": "1 GB"}, {"timeout": -1}, {"timeout": True},
                                    {"storage_options": "anon"}])
def test_an_option_that_cant_be_used_is_named(server, option):
    with pytest.raises(BadInput, match=next(iter(option))):
        pool_of(server, **option)


# -- secrets

@pytest.mark.parametrize("cache", ["https://ann:hunter2@host/a", Path("s3://ann:hunter2@bucket"), " ftp://ann:hunter2@h"])
def test_a_cache_that_is_an_address_is_refused_without_being_shown(server, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="cache is an address; the path of a folder") as caught:
        pool_of(server, cache=cache)
    assert "hunter2" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("address", "as_shown"), [
    ("https://ann:secret@host:80/a.png?X-Amz-Signature=12#top", "https://host:80/a.png"),
    ("https://ann:se/cret@host/a.png", "https://..."), ("https://ann:se?cret@host/a.png", "https://..."),
    ("https://ann:12?34@host/a.png", "https://..."),
    ("https://token@host/@me/a.png", "https://host/@me/a.png"), ("s3://bucket/a@b.png", "s3://bucket/a@b.png"),
    ("http://ann:x@[::1]:80/a?b", "http://[::1]:80/a"), ("images/what?.png", "images/what?.png")])
def test_an_address_is_shown_without_secrets(address, as_shown):
    assert shown(address) == as_shown


def test_no_secret_is_in_a_message_a_repr_a_table_or_a_pickle(server, caplog):
    server.files["0.png"] = png(10)
    server.faults["broken.png"] = [403]
    server.faults["cut.png"] = ["cut"] * 9
    server.faults["reset.png"] = ["reset"] * 9
    server.faults["bad.png"] = [500] * 9
    server.files.update({"cut.png": png(3, side=200), "text.png": b"no image"})
    names = ["0.png", "broken.png", "cut.png", "reset.png", "bad.png", "text.png", "missing.png"]
    frame = pd.DataFrame({"id": range(len(names)), "other": [server.url("o", user="u:SECRET4", query="a=SECRET5")]
                          * len(names), "url": [server.url(name, user="ann:SECRET1", query="sig=SECRET2")
                                                for name in names]})
    pool = Pool.from_frame(frame, image="url", remote=True, storage_options={"headers": {"X-Key": "SECRET3"}})
    texts = [repr(pool), pool._repr_html_(), repr(pool._remote), str(pool.frame), str([item.meta for item in pool]),
             str(pool.file_names(0, len(pool))), repr(pool[0]), str(pool.ids)]
    with caplog.at_level(logging.INFO):
        for position in range(1, len(pool)):
            with pytest.raises(ImageError) as caught:
                pool.load(position)
            texts.append("".join(traceback.format_exception(caught.value)))
    with pytest.raises(BadInput) as caught:
        pickle.dumps(pool)
    texts += [str(caught.value), caplog.text, *os.listdir(pool._remote._cache.folder)]
    assert not [text for text in texts if "SECRET" in text]
    assert shown(server.url("0.png")) in texts[5]
    assert str(server.port) in texts[-len(in_cache(pool)) - 4]  # the address itself is told


ADDRESS = "https://ann:SECRET@host/a.png?sig=SECRET"


@pytest.mark.parametrize("column", [
    pd.Categorical([ADDRESS, ADDRESS]), [f" {ADDRESS}", "a"], [f"see <{ADDRESS}>.", "a"], [[ADDRESS], {"a": ADDRESS}],
    [(ADDRESS,), {ADDRESS}], [ADDRESS.encode(), None], [PurePosixPath("x"), URL(ADDRESS)],
    [f"https://host/b {ADDRESS}", 3], pd.array([ADDRESS, None], dtype=pd.ArrowDtype(pa.string())),
    pd.Series([ADDRESS] * 2, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())))])
def test_no_secret_is_in_the_metadata_however_it_is_held(server, column):
    frame = pd.DataFrame({"id": [1, 2], "url": [server.url("0.png"), server.url("1.png")], "text": ["a", "b"],
                          "other": column, f"from {ADDRESS}": [1, 2]})
    pool = Pool.from_frame(frame, image="url", remote=True)
    assert "SECRET" not in str([pool.metas(0, 2), pool.frame.to_dict(), pool._repr_html_(), pool.values_of("other")])
    assert "host" in str(pool.meta(0)["other"]) + str(pool.meta(1)["other"])
    assert pool.meta(1)["text"] == "b"
    assert "SECRET" in str(frame.to_dict())


@pytest.mark.parametrize("odd", [f" {ADDRESS}", "https//ann:SECRET@host/a?sig=SECRET", f"see {ADDRESS}", "a?sig=SECRET",
                                 "https:/ann:SECRET@host/a"])
def test_no_secret_is_in_what_is_said_of_a_row_that_isnt_an_address(odd):
    with pytest.raises(BadInput, match="no address") as caught:
        Pool.from_frame(pd.DataFrame({"url": [odd]}), image="url", id=None, remote=True)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("item_id", [f" {ADDRESS}", f"a {ADDRESS}", ADDRESS.encode(), URL(ADDRESS)])
def test_an_id_that_holds_an_address_with_a_secret_is_refused(server, item_id):
    frame = pd.DataFrame({"id": pd.Series([item_id], dtype=object), "url": [server.url("0.png")]})
    with pytest.raises(BadInput, match="id=None") as caught:
        Pool.from_frame(frame, image="url", remote=True)
    assert "SECRET" not in str(caught.value)


def test_an_id_that_is_an_address_with_a_secret_is_refused(server):
    frame = pd.DataFrame({"url": [server.url("0.png"), server.url("1.png", query="sig=SECRET")]})
    with pytest.raises(BadInput, match="id=None") as caught:
        Pool.from_frame(frame, image="url", id="url", remote=True)
    assert "SECRET" not in str(caught.value)
    pool = Pool.from_frame(frame.iloc[:1], image="url", id="url", remote=True)
    assert pool.load(pool.position(server.url("0.png"))).shape == (8, 8)


def test_credentials_in_an_address_and_in_options_are_used(server):
    server.authorization = "Basic " + base64.b64encode(b"ann:secret").decode()
    frame = pd.DataFrame({"id": [1], "url": [server.url("0.png", user="ann:secret")]})
    assert Pool.from_frame(frame, image="url", remote=True).load(0).shape == (8, 8)
    assert pool_of(server, storage_options={"headers": {"Authorization": server.authorization}}).load(0).shape == (8, 8)
    with pytest.raises(ImageError, match=r"refuses it \(status 401\). Check your credentials"):
        pool_of(server).load(0)


SECRETS = {"headers": {"Authorization": "SECRET", "X-Key": "SECRET", "Cookie": "a=SECRET", "User-Agent": "mine"},
           "client_kwargs": {"headers": {"X-Other": "SECRET"}, "cookies": {"session": "SECRET"}}}


def test_a_table_of_several_servers_gets_no_credentials(server, monkeypatch):
    with serving({"b.png": png(90)}) as other:
        frame = pd.DataFrame({"id": ["a", "b"], "url": [server.url("0.png"), other.url("b.png")]})
        for options in (SECRETS, {"headers": {"X-Key": "SECRET"}}, {"params": {"token": "SECRET"}}):
            with pytest.raises(BadInput, match=r"2 servers, .* leave such options out"):
                Pool.from_frame(frame, image="url", remote=True, storage_options=options)
        both = pd.DataFrame({"id": ["a", "b"], "url": ["http://host/a.png", "https://host/b.png"]})
        with pytest.raises(BadInput, match="2 servers"):
            Pool.from_frame(both, image="url", remote=True, storage_options=SECRETS)
        for options in ({"headers": {"User-Agent": "mine"}}, {"timeout": 5, "client_kwargs": {"trust_env": True}}):
            pool = Pool.from_frame(frame, image="url", remote=True, storage_options=options)
        monkeypatch.setitem(fsspec.config.conf, "https", {"headers": {"X-Key": "SECRET"}})
        with pytest.raises(BadInput, match="2 servers"):
            Pool.from_frame(frame, image="url", remote=True)
        assert not other.n_requests
        monkeypatch.undo()
        assert int(pool.load(1)[0, 0]) == 90


@pytest.mark.parametrize("configured", [False, True])
def test_a_redirect_to_another_server_gets_no_credentials(server, monkeypatch, configured):
    with serving({"b.png": png(90)}) as other:
        server.redirects |= {"0.png": "/1.png", "1.png": other.url("b.png", query="signature=12")}
        if configured:
            monkeypatch.setitem(fsspec.config.conf, "http", SECRETS)
        pool = pool_of(server, storage_options=None if configured else SECRETS)
        assert int(pool.load(0)[0, 0]) == 90
        assert all("SECRET" in str(server.headers[name]) for name in ("0.png", "1.png"))
        assert "SECRET" not in str(other.headers["b.png"])
        assert other.headers["b.png"]["User-Agent"] == "mine"


def test_the_host_of_an_address_is_the_one_that_is_asked():
    asked = []

    class OfHosts(fsspec.AbstractFileSystem):
        protocol = "ofhosts"

        def __init__(self, host=None, password=None, **options):
            super().__init__(**options)
            asked.append((host, password))

        @staticmethod
        def _get_kwargs_from_urls(path):
            return {"host": path.split("/")[2]}

        def get_file(self, path, to, callback):
            Path(to).write_bytes(png(10))

    fsspec.register_implementation("ofhosts", OfHosts, clobber=True)
    frame = pd.DataFrame({"id": ["a", "b"], "url": ["ofhosts://one/a.png", "ofhosts://two/a.png"]})
    pool = Pool.from_frame(frame, image="url", remote=True)
    assert [int(pool.load(place)[0, 0]) for place in (0, 1)] == [10, 10]
    with pytest.raises(BadInput, match="2 servers, such as 'ofhosts:one', 'ofhosts:two'"):
        Pool.from_frame(frame, image="url", remote=True, storage_options={"password": "SECRET"})
    pool = Pool.from_frame(frame[1:], image="url", remote=True, storage_options={"password": "p", "host": "two"})
    assert pool.load(0).shape == (8, 8)
    assert asked == [("one", None), ("two", None), ("two", "p")]
    pool = Pool.from_frame(frame[1:], image="url", remote=True, storage_options={"password": "p", "host": "other"})
    with pytest.raises(ImageError, match="Check its address, storage_options"):
        pool.load(0)


# -- what goes wrong


def test_what_may_pass_is_tried_again(server):
    server.faults |= {"0.png": [503, 429], "1.png": ["reset", "cut"]}
    pool = pool_of(server)
    assert int(pool.load(0)[0, 0]) == 0
    assert int(pool.load(1)[0, 0]) == 20
    assert server.n_requests == {"0.png": 3, "1.png": 3}


@pytest.mark.parametrize("status", [403, 404])
def test_what_wont_pass_isnt_tried_again_at_once_but_later(server, status):
    server.faults["0.png"] = [status]
    pool = pool_of(server)
    for _ in range(3):
        with pytest.raises(ImageError, match="asked for again in 5 minutes"):
            pool.load(0)
    assert server.n_requests == {"0.png": 1}
    for key, (until, failure) in pool._remote._failed.items():  # five minutes later
        pool._remote._failed[key] = until - 301, failure
    assert pool.load(0).shape == (8, 8)


def test_a_server_that_hangs_is_given_up_and_the_next_connection_tried(server):
    server.faults["0.png"] = ["hang"]
    assert pool_of(server, timeout=1.0).load(0).shape == (8, 8)
    server.faults["1.png"] = ["hang"] * 9
    with pytest.raises(ImageError, match=r"didn't send it within 0\.6 seconds. Try later"):
        pool_of(server, timeout=0.6).load(1)


def test_a_file_that_is_too_large_isnt_taken_in(server):
    server.files["0.png"] = b"x" * 3_000_000
    fsspec.filesystem("memory").pipe("/large.png", b"x" * 3_000_000)
    pool = pool_of(server, max_size=1_000_000)
    with pytest.raises(ImageError, match=r"more than 1 MB\. Make max_size larger"):
        pool.load(0)
    pool = Pool.from_frame(pd.DataFrame({"id": [1], "url": ["memory://large.png"]}), image="url", remote=True,
                           max_size=1_000_000)
    with pytest.raises(ImageError, match="more than 1 MB"):
        pool.load(0)
    assert not list(pool._remote._cache.folder.iterdir())  # nothing is left of it


def test_a_server_that_isnt_there_is_named_in_words(server):
    frame = pd.DataFrame({"id": [1], "url": ["http://127.0.0.1:1/a.png?sig=SECRET"]})
    with pytest.raises(ImageError, match="connection to its server failed") as caught:
        Pool.from_frame(frame, image="url", remote=True).load(0)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_isnt_an_image_is_a_broken_item_as_one_on_disk_is(server):
    server.files["0.png"] = b"<html>Sign in</html>"
    with pytest.raises(ImageError, match="it isn't an image of a known format"):
        pool_of(server).load(0)


def test_a_redirect_is_followed(server):
    server.redirects["0.png"] = server.url("5.png")
    assert int(pool_of(server).load(0)[0, 0]) == 100


# -- the cache


def test_a_file_is_fetched_once_by_threads_that_want_it_at_once(server):
    server.gate = threading.Event()
    pool = pool_of(server)
    with ThreadPoolExecutor(8) as executor:
        loads = [executor.submit(pool.load, 2) for _ in range(8)]
        wait_for(lambda: server.n_requests["2.png"])
        server.gate.set()
        assert {int(load.result()[0, 0]) for load in loads} == {40}
    assert server.n_requests == {"2.png": 1}


def test_the_cache_stays_below_its_size_and_keeps_what_was_used_last(server, tmp_path):
    for name in NAMES:
        server.files[name] = os.urandom(10_000)
    pool = pool_of(server, cache=tmp_path / "cache", cache_size=50_000)
    (tmp_path / "cache" / "notes.txt").write_text("mine" * 100_000)
    for position in range(12):
        pool.open_file(0).close()
        pool.open_file(position).close()
        assert sum(path.stat().st_size for path in in_cache(pool)) <= 50_000
    assert server.n_requests["0.png"] == 1
    assert pool.at_hand([0, 1, 11]).tolist() == [True, False, True]
    assert (tmp_path / "cache" / "notes.txt").exists()


def test_a_cache_that_several_fill_stays_near_its_size(tmp_path):
    caches = [FileCache(tmp_path, 100_000) for _ in range(3)]
    for number in range(150):
        caches[number % 3].put(f"{number:032x}", lambda part: part.write_bytes(bytes(1_000)))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000 + 3 * (5_000 + 1_000)


def test_a_full_disk_costs_half_of_the_cache(tmp_path):
    for number in range(10):
        FileCache(tmp_path, 100_000).put(f"{number:032x}", lambda part: part.write_bytes(bytes(1_000)))
    FileCache(tmp_path, 100_000).shrink()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_file_larger_than_the_cache_is_read_all_the_same(server):
    pool = pool_of(server, cache_size=1)
    assert [int(pool.load(place)[0, 0]) for place in (1, 2, 1)] == [20, 40, 20]
    assert len(in_cache(pool)) == 1


def test_a_cache_that_is_removed_while_it_is_used_is_filled_again(server, tmp_path):
    pool = pool_of(server, cache=tmp_path / "cache")
    assert pool.load(1).shape == (8, 8)
    shutil.rmtree(tmp_path / "cache")
    assert pool.load(1).shape == pool.load(2).shape == (8, 8)
    assert server.n_requests["1.png"] == 2


def test_what_was_fetched_is_there_offline_also_for_another_session(server, tmp_path):
    pool_of(server, cache=tmp_path / "cache").load(0)
    again = pool_of(server, cache=tmp_path / "cache", timeout=5)
    server.faults |= {name: ["reset"] * 9 for name in NAMES}
    assert again.load(0).shape == (8, 8)
    with pytest.raises(ImageError, match="Check the network"):
        again.load(1)
    assert os.stat(tmp_path / "cache").st_mode & 0o077 == 0


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_others_neither_read_files_of_the_cache_nor_lead_it_elsewhere(server, tmp_path):
    elsewhere, folder = tmp_path / "elsewhere.png", tmp_path / "cache"
    elsewhere.write_bytes(png(200))
    folder.mkdir(mode=0o755)
    pool = pool_of(server, cache=folder)
    key = pool._remote._key(server.url("3.png"))
    (folder / f"{key}.file").symlink_to(elsewhere)
    assert not pool.at_hand([3])[0]
    assert int(pool.load(3)[0, 0]) == 60
    assert [path.stat().st_mode & 0o077 for path in in_cache(pool)] == [0]
    assert elsewhere.read_bytes() == png(200)


def test_a_folder_that_is_named_in_place_of_a_file_is_told():
    fsspec.filesystem("memory").pipe({"/folder/a.png": png(10)})
    frame = pd.DataFrame({"id": ["a"], "url": ["memory://folder"]})
    pool = Pool.from_frame(frame, image="url", remote=True)
    with pytest.raises(ImageError, match="its address is that of a folder"):
        pool.load(0)
    assert not os.listdir(pool._remote._cache.folder)


def test_a_temporary_cache_goes_with_the_pool(server):
    pool = pool_of(server)
    pool.load(0)
    folder = pool._remote._cache.folder
    assert folder.exists()
    assert os.stat(folder).st_mode & 0o077 == 0
    pool._remote = None
    wait_for(lambda: not folder.exists())


def test_another_endpoint_has_other_files(tmp_path):
    one = RemoteFiles(options={"client_kwargs": {"endpoint_url": "http://a"}, "key": "x"}, cache=tmp_path)
    same = RemoteFiles(options={"client_kwargs": {"endpoint_url": "http://a"}, "key": "y"}, cache=tmp_path)
    other = RemoteFiles(options={"client_kwargs": {"endpoint_url": "http://b"}, "key": "x"}, cache=tmp_path)
    assert one._key("s3://b/a") == same._key("s3://b/a") != other._key("s3://b/a")


@pytest.mark.long
def test_processes_share_a_cache_and_none_reads_half_a_file(server, tmp_path):
    for i, name in enumerate(NAMES):
        server.files[name] = png(20 * i, side=300)
    program = f"""
import sys, pandas as pd
from hitl_widgets import Pool
urls = {[server.url(name) for name in NAMES]!r}
pool = Pool.from_frame(pd.DataFrame({{"id": range(12), "url": urls}}), image="url", remote=True,
                       cache={str(tmp_path / "cache")!r}, cache_size=3_000)
for _ in range(10):
    for i in range(12):
        assert (pool.load(i) == 20 * i).all()
"""
    both = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=100)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert not list((tmp_path / "cache").glob("*.part"))


# -- ahead


def test_files_are_fetched_ahead_many_at_once(server):
    server.gate = threading.Event()
    pool = pool_of(server)
    done = []
    pool.fetch_ahead(range(12), then=lambda: done.append(1))
    wait_for(lambda: server.n_at_once == 12)
    assert all(pool.is_fetching(place) for place in range(12))
    assert not done
    server.gate.set()
    wait_for(lambda: len(done) == 12)
    assert pool.at_hand(range(12)).all()
    assert not pool.is_fetching(0)
    pool.fetch_ahead([0, 1], then=lambda: done.append(1))
    assert len(done) == 14
    assert sum(server.n_requests.values()) == 12


def test_threads_that_want_the_same_files_ahead_get_them(server):
    files, taken, errors = RemoteFiles(), threading.Event(), []
    fetched = threading.Semaphore(0)

    def addresses():
        yield server.url("0.png")
        taken.set()
        other.join(0.5)
        yield server.url("1.png")

    def want():
        taken.wait(10)
        try:
            files.ahead([server.url("0.png"), server.url("2.png")], first=True, then=fetched.release)
        except BaseException as error:
            errors.append(error)
            raise
    other = threading.Thread(target=want)
    other.start()
    files.ahead(addresses(), first=False, then=fetched.release)
    other.join()
    assert not errors
    assert all(fetched.acquire(timeout=30) for _ in range(4))
    assert "0.png" not in repr(_Fetch("https://host/0.png?signature=12ab", "key"))


def test_what_is_shown_comes_before_what_is_fetched_ahead(server, monkeypatch):
    monkeypatch.setattr(remote, "N_FETCHES", 1)
    server.gate = threading.Event()
    pool = pool_of(server)
    pool.fetch_ahead(range(8))
    wait_for(lambda: server.n_requests)
    pool.fetch_ahead([9, 10], first=True)
    pool.fetch_ahead([7], first=True)
    with ThreadPoolExecutor(1) as executor:
        shown_now = executor.submit(pool.load, 5)
        wait_for(lambda: server.n_requests["5.png"])  # while the only thread is at another one
        server.gate.set()
        assert shown_now.result().shape == (8, 8)
    wait_for(lambda: not any(map(pool.is_fetching, range(12))))
    assert [int(Path(name).stem) for name in server.order] == [0, 5, 7, 9, 10, 1, 2, 3, 4, 6]


def test_what_fails_ahead_is_told_and_isnt_fetched_again_and_again(server):
    server.faults["0.png"] = [404]
    pool, done = pool_of(server), threading.Event()
    pool.fetch_ahead([0], then=done.set)
    assert done.wait(30)
    done.clear()
    pool.fetch_ahead([0], then=done.set)
    assert done.is_set()
    assert server.n_requests["0.png"] == 1


def test_a_local_pool_has_nothing_to_fetch():
    pool, done = Pool.from_images(np.zeros((3, 4, 4), np.uint8)), []
    pool.fetch_ahead([0, 1], then=lambda: done.append(1))
    assert done == [1, 1]
    assert pool.at_hand([0, 2]).all()
    assert not pool.remote
    assert not pool.is_fetching(0)


def test_the_notebook_shows_eight_items_and_fetches_no_other(server):
    pool = pool_of(server)
    assert "8 x 8" in pool._repr_html_()
    assert sum(server.n_requests.values()) == 8


# -- parts, for workers


def test_a_worker_fetches_with_what_a_part_has_and_no_repr_shows_it(server):
    server.authorization = "Basic SECRET"
    pool = pool_of(server, storage_options={"headers": {"Authorization": server.authorization}})
    part = part_of(pool, [2, 5])
    assert "SECRET" not in repr(part)
    assert pool_of_part(part)._remote is pool._remote  # in one process one cache
    program = """
import pickle, sys
from hitl_widgets.items.pool_part import pool_of
part = pickle.load(sys.stdin.buffer)
pool = pool_of(part)
assert pool.ids.tolist() == ["2", "5"] and pool.load(1)[0, 0] == 100 and pool_of(part)._remote is pool._remote
"""
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(part), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert server.n_requests == {"5.png": 1}


# -- contents


def test_the_content_is_of_what_was_shown_and_nothing_is_fetched_for_it(server):
    pool = pool_of(server)
    contents = Contents(pool)
    assert contents.of(0) is None
    assert not server.n_requests
    pool.load(0)
    shown_then = contents.of(0)
    server.files["0.png"] = png(99)
    assert contents.of(0) == shown_then == pool.content(0)
    assert list(contents.differing([(0, shown_then), (1, "blake2b:other")], budget_s=None)) == []
    assert list(contents.differing([(0, "blake2b:other")], budget_s=None)) == [0]
    assert list(alike_in_size(pool, budget_s=1)) == []
    assert sum(server.n_requests.values()) == 1


def test_importing_the_package_loads_no_fsspec():
    program = "import sys, hitl_widgets as hw; hw.Pool; assert not {'fsspec', 'aiohttp'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
