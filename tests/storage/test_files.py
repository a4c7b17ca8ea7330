"""Processes that take turns."""

from __future__ import annotations

import subprocess
import sys
import threading

from hitl_widgets.storage.files import in_turn

HOLDS = "import sys; from pathlib import Path; from hitl_widgets.storage.files import in_turn\n" \
        "with in_turn(Path(sys.argv[1]), most_s=60): print('within', flush=True); sys.stdin.readline()"


def test_one_that_is_killed_within_holds_nobody_up_and_nobody_waits_for_what_is_done(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "within\n"
    asked, entered = threading.Event(), threading.Event()
    with in_turn(tmp_path, most_s=3_600, until=lambda: True):
        pass
    with in_turn(tmp_path, most_s=0.01):  # another one is stuck within
        pass

    def wait():
        with in_turn(tmp_path, most_s=3_600, until=lambda: asked.set() or False):
            entered.set()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert asked.wait(60)
    assert not entered.is_set()
    process.kill()
    process.communicate()
    assert entered.wait(60)
    thread.join(60)
    with in_turn(tmp_path / "not there", most_s=3_600):
        pass
