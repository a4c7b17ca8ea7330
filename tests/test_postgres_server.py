"""The server that the tests start: each PostgreSQL that this machine has, and what is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import postgres_server
import psutil
import psycopg
import pytest
from postgres_server import PASSWORD, WITH_PASSWORD, Server

from hitl_widgets.testing import wait_for

pytestmark = pytest.mark.skipif(not postgres_server.programs() and not os.environ.get("CI"),
                                reason=postgres_server.ABSENT)


@pytest.mark.long
@pytest.mark.parametrize("which", postgres_server.programs())
def test_each_postgresql_of_this_machine_starts_and_survives_a_kill(which):
    with Server(postgres_server.programs()[which], durable=True) as server:
        server.execute("create table kept (x int)", "insert into kept values (1)")
        server.restart(kill=True)
        assert server.execute("select x from kept") == [(1,)]
        server.stop()
        assert not server.answers()
        server.start()
        assert server.execute("select x from kept") == [(1,)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(**{**server.connection(), "user": WITH_PASSWORD, "password": "wrong"})
        psycopg.connect(**{**server.connection(), "user": WITH_PASSWORD, "password": PASSWORD}).close()
    assert not server.folder.exists()


@pytest.mark.long
def test_programs_that_another_user_can_t_read_are_copied(tmp_path, monkeypatch):
    """Of an environment in root's home."""
    if os.name != "posix" or os.geteuid() != 0 or "pgserver" not in postgres_server.programs():
        pytest.skip("only root runs the server as another user, and only the wheel is copied")
    (tmp_path / "home").mkdir(mode=0o700)
    package = postgres_server.programs()["pgserver"].parent.parent
    for folder in (package, *package.parent.glob("pgserver.libs")):
        subprocess.run(["cp", "-r", str(folder), str(tmp_path / "home")], check=True)
    with Server(tmp_path / "home" / "pgserver" / "pginstall" / "bin") as server:
        assert server.execute("select 1") == [(1,)]


def test_nothing_is_left_of_the_server_of_a_process_that_was_killed():
    code = ("import sys, time; from postgres_server import Server; server = Server();"
            "print(server.folder, server._process.pid, flush=True); time.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                          cwd=Path(__file__).parent) as process:
        folder, pid = process.stdout.readline().split()
        assert psutil.pid_exists(int(pid))
        process.kill()
    wait_for(lambda: not Path(folder).exists())


def test_two_projects_of_one_server_have_urls_of_their_own(postgres):
    assert postgres.new_project_url() != postgres.new_project_url()
    assert postgres.new_database_url() != postgres.new_database_url()
