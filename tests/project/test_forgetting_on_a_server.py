"""Forgetting in a project on a PostgreSQL server: the tables are written anew, so that no file of them has the name."""

from __future__ import annotations

import numpy as np

import hitl_widgets as hw

NAME = "Berta Bronte"


def holds_name(postgres, schema):
    """Which tables have the name in a row, or in a byte of their file."""
    postgres.execute("CHECKPOINT")
    found = []
    for table in ("event", "annotation", "claim"):
        [[rows]] = postgres.execute(f"SELECT count(*) FROM \"{schema}\".{table} t WHERE t::text LIKE '%{NAME}%'")
        [[path]] = postgres.execute(f"SELECT pg_relation_filepath('\"{schema}\".{table}')")
        [[place]] = postgres.execute(f"SELECT position('{NAME}'::bytea in pg_read_binary_file('{path}'))")
        found += [table] if rows or place else []
    return found


def test_the_name_is_in_no_row_and_in_no_file_of_the_tables(postgres, tmp_path):
    url, pool = postgres.new_project_url(), hw.Pool.from_images(np.zeros((4, 8, 8), np.uint8), ids=list("abcd"))
    with hw.Workbench(url, pool, ["cat", "dog"], annotator="owner", holdout=0, cache=tmp_path / "one",
                      progress=False) as wb, \
            hw.Workbench(url, pool, annotator=NAME, cache=tmp_path / "two", progress=False) as person:
        schema = wb.project.log.server.schema
        person.decide("a", label="cat", note=f"{NAME} was here")
        person.claim(2)
        assert holds_name(postgres, schema) == ["event", "annotation", "claim"]
        found = wb.people.forget(NAME)
        assert "the server's backups and write-ahead log" in set(found.not_reached["what"])
        person.decide("b", label="dog")
        assert person.annotator == found.number
        assert set(wb.annotations()["annotator"]) == {found.number}
        person.claim(2)
        assert holds_name(postgres, schema) == []


def test_the_statistics_of_the_server_do_not_keep_the_name(postgres, tmp_path):
    url = postgres.new_project_url()
    pool = hw.Pool.from_images(np.zeros((20, 8, 8), np.uint8), ids=[str(n) for n in range(20)])
    with hw.Workbench(url, pool, ["cat", "dog"], annotator="owner", holdout=0, cache=tmp_path, progress=False) as wb:
        for item in pool.ids:
            wb.decide(item, label="cat", annotator=NAME)
        schema = wb.project.log.server.schema
        known = f"SELECT count(*) FROM pg_stats s WHERE schemaname = '{schema}' AND s::text LIKE '%{NAME}%'"
        postgres.execute(f'ANALYZE "{schema}".event')
        assert postgres.execute(known) != [(0,)]
        wb.people.forget(NAME)
        assert postgres.execute(known) == [(0,)]


def test_somebody_whose_tables_they_are_not_is_told_that_they_were_not_written_anew(postgres, tmp_path):
    url, pool = postgres.new_project_url(), hw.Pool.from_texts(["one", "two"], ids=["a", "b"])
    with hw.Workbench(url, pool, ["cat", "dog"], annotator="owner", holdout=0, cache=tmp_path / "one",
                      progress=False) as wb:
        schema = wb.project.log.server.schema
        wb.decide("a", label="cat", annotator=NAME)
        postgres.execute("CREATE ROLE berta LOGIN")
        postgres.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO berta')
        postgres.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO berta')
        with hw.Workbench(url.replace("://hitl@", "://berta@"), pool, annotator=NAME, cache=tmp_path / "two",
                          progress=False) as person:
            found = person.people.forget(NAME)
        assert "free space in the tables' files" in set(found.not_reached["what"])
        assert holds_name(postgres, schema) == ["event", "annotation"]
        again = wb.people.forget(NAME)
        assert "free space in the tables' files" not in set(again.not_reached["what"])
        assert holds_name(postgres, schema) == []
