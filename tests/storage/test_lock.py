import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hitl_widgets.errors import LogBusy
from hitl_widgets.storage.lock import file_system, is_local, take
from hitl_widgets.storage.log import Log

MOUNTS = r"""
21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
22 21 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw
23 22 0:41 / /home/ann/fast\040disk rw - tmpfs tmpfs rw
24 21 0:42 / /mnt rw - ext4 /dev/sdb1 rw
25 21 0:43 / /mnt rw master:2 - cifs //server/share rw
""".strip()


@pytest.mark.parametrize(("folder", "kind"), [
    ("/srv/project", "ext4"), ("/home", "nfs4"), ("/home/ann/project", "nfs4"), ("/homework", "ext4"),
    ("/home/ann/fast disk/project", "tmpfs"), ("/mnt/project", "cifs"),
])
def test_the_file_system_of_a_folder_is_that_of_the_nearest_and_latest_mount(folder: str, kind: str):
    assert file_system(Path(folder), MOUNTS) == kind


def test_on_a_local_file_system_no_lock_is_taken(tmp_path: Path):
    assert is_local(Path("/proc")) is False or not Path("/proc/self/mountinfo").exists()
    with Log(tmp_path, local=lambda folder: True):
        assert not (tmp_path / "log.lock").exists()


OPEN = """
import sys
from hitl_widgets.storage.log import Log
log = Log(sys.argv[1], local=lambda folder: False)
print("open", flush=True)
sys.stdin.read()
"""


def test_on_another_one_the_second_kernel_is_told_who_has_the_project(tmp_path: Path):
    command = [sys.executable, "-c", OPEN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        with pytest.raises(LogBusy, match=rf"{socket.gethostname()}, process {first.pid}.*log\.lock"):
            Log(tmp_path, local=lambda folder: False)
        first.communicate("")
    assert not (tmp_path / "log.lock").exists()
    with Log(tmp_path, local=lambda folder: False) as log:
        assert log.last_seq() == 0


def test_stores_of_one_process_share_the_lock_until_the_last_is_closed(tmp_path: Path):
    first, second = (Log(tmp_path, local=lambda folder: False) for _ in range(2))
    first.close()
    first.close()
    assert (tmp_path / "log.lock").exists()
    second.close()
    assert not (tmp_path / "log.lock").exists()


def holder(folder: Path, **changed: object) -> None:
    release = take(folder)
    mine = json.loads((folder / "log.lock").read_text())
    release()
    (folder / "log.lock").write_text(json.dumps({**mine, **changed}))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process started")
def test_the_lock_of_a_process_that_is_gone_is_taken_over(tmp_path: Path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    holder(tmp_path, pid=dead.pid)
    take(tmp_path)()
    holder(tmp_path, pid=os.getppid(), started="0")  # the number lives on, in another process
    take(tmp_path)()
    assert not (tmp_path / "log.lock").exists()


def test_the_lock_of_another_machine_or_one_that_cant_be_read_is_respected(tmp_path: Path):
    holder(tmp_path, host="elsewhere")
    with pytest.raises(LogBusy, match="machine elsewhere"):
        take(tmp_path)
    (tmp_path / "log.lock").write_text("")
    with pytest.raises(LogBusy, match="delete"):
        take(tmp_path)
    (tmp_path / "log.lock").unlink()
    take(tmp_path)()
