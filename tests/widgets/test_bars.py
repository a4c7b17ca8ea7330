"""Work that takes long says so: bars and lines, in a terminal and in a notebook, which never end the work."""

import io
import sys
import threading
import time
from contextlib import contextmanager

import pandas as pd
import pytest
from shades import TRUTH, label_some, small_net

import hitl_widgets as hw
import hitl_widgets.workbench.services
from hitl_widgets.widgets import bars
from hitl_widgets.widgets.bars import Bar, say


class Stream(io.StringIO):
    """Takes the place of stderr, from inside a test: pytest sets its own between a fixture and the test."""

    def __enter__(self):
        self._former, sys.stderr = sys.stderr, self
        return self

    def __exit__(self, *error):
        sys.stderr = self._former


def wait_for(text, stream, at_most_s=30.0):
    end = time.monotonic() + at_most_s
    while text not in stream.getvalue():
        assert time.monotonic() < end, f"{text!r} never came: {stream.getvalue()!r}"
        time.sleep(0.01)


def test_a_sign_comes_before_two_seconds_also_while_a_single_step_runs():
    assert bars.DELAY_S < 2
    with Stream() as stderr, Bar(3, title="Predicting", delay_s=0.01) as advance:
        wait_for("Predicting", stderr)
        time.sleep(0.15)  # tqdm draws at most ten times a second
        advance(2)
        wait_for("2/3", stderr)


def test_what_was_done_before_the_bar_appeared_is_counted():
    with Stream() as stderr, Bar(5, title="Predicting", delay_s=0.05) as advance:
        advance(4)
        wait_for("4/5", stderr)


def test_work_of_unknown_length_shows_what_is_done():
    with Stream() as stderr, Bar(None, title="Opening p", delay_s=0):
        wait_for("Opening p …", stderr)
    assert stderr.getvalue().endswith("\r")  # the line is cleared


def test_work_that_ends_sooner_shows_nothing_and_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with Stream() as stderr, Bar(3, title="Predicting", delay_s=60) as advance:
        advance(3)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    assert stderr.getvalue() == ""


@pytest.mark.parametrize("delay_s", [0, 0.01])
def test_a_closed_stderr_does_not_end_the_work(monkeypatch, delay_s):
    stream = io.StringIO()
    stream.close()
    for broken in (stream, None, object()):
        monkeypatch.setattr(sys, "stderr", broken)
        with Bar(2, title="Predicting", delay_s=delay_s) as advance:
            time.sleep(3 * delay_s)
            advance(1)
            advance(1, {"loss": "0.1"})


def test_a_stream_that_breaks_meanwhile_does_not_end_the_work():
    with Stream() as stderr, Bar(2, title="Predicting", delay_s=0) as advance:
        stderr.close()
        advance(1)


def test_an_error_passes_through_a_bar():
    with pytest.raises(ZeroDivisionError), Bar(2, title="Predicting", delay_s=0):
        1 / 0  # noqa: B018


def test_a_sentence_stands_on_a_line_of_its_own_beside_a_bar(capsys):
    with Bar(None, title="Opening p", delay_s=0):
        capsys.readouterr()
        say("Two items joined.")
        out, err = capsys.readouterr()
    assert out == "Two items joined.\n"
    assert err.startswith("\r")  # the bar's line is cleared first
    assert err.rstrip().endswith("Opening p …")


def test_a_sentence_is_printed_as_it_is(capsys):
    say("Two items joined.")
    assert capsys.readouterr().out == "Two items joined.\n"


def test_a_sentence_is_printed_beside_a_bar_of_a_notebook_that_is_only_half_made(capsys, monkeypatch):
    import tqdm.notebook
    monkeypatch.setattr(bars, "tqdm", tqdm.notebook.tqdm)
    half = tqdm.notebook.tqdm.__new__(tqdm.notebook.tqdm)  # listed already, without a widget
    half.fp, half.start_t, half.disable = sys.stdout, 0.0, False
    try:
        say("Two items joined.")
    finally:
        half.disable = True
        tqdm.notebook.tqdm._instances.clear()  # type: ignore[attr-defined]
    assert capsys.readouterr().out == "Two items joined.\n"


@pytest.fixture
def shown(monkeypatch):
    """The titles of all bars, each with its number of steps and how many were done."""
    opened = []

    class Recorded:
        def __init__(self, total, *, title, unit="item"):
            self.row = [title, total, 0]

        def __enter__(self):
            opened.append(self.row)
            return self

        def __call__(self, n=1):
            self.row[2] += n

        def __exit__(self, *error):
            pass
    monkeypatch.setattr(hitl_widgets.workbench.services, "Bar", Recorded)
    return opened


def test_each_long_work_of_a_workbench_says_what_it_does(bench, shown):
    wb = bench(model=small_net())
    assert [title for title, *_ in shown] == ["Opening p", "Opening the model of p"]
    shown.clear()
    wb.import_annotations(pd.DataFrame({"item_id": wb.pool.ids[:2], "label": wb.taxonomy.names[:2]}))
    assert [title for title, *_ in shown] == ["Importing 2 labels"]
    shown.clear()
    wb.predict()
    n = len(wb.pool)
    assert ["Predicting", n, n] in shown
    shown.clear()
    wb.explain(wb.pool.ids[:3], method="saliency")
    assert ["Explaining by saliency", 3, 3] in shown
    shown.clear()
    wb.check_explanations(["saliency", "gradcam"], n=2, budget_s=5)
    checked = [title for title, *_ in shown if title.startswith("Checking")]
    assert checked == ["Checking saliency (1 of 2 methods)", "Checking gradcam (2 of 2 methods)"]
    shown.clear()
    hw.simulate(wb, TRUTH, n=5)
    assert ["sim decides", 5, 5] in shown
    label_some(wb)
    wb.finetune(epochs=1)
    titles = [title for title, *_ in shown]
    assert "Gathering the answers" in titles
    assert "Round 1: measuring the new model" in titles


def test_the_two_nets_of_a_first_training_have_a_bar_each_and_so_has_their_comparison(bench, shown, monkeypatch):
    import hitl_widgets.widgets.live as live
    trained = []

    @contextmanager
    def recorded(epochs, *, title):
        rows = []
        trained.append((title, epochs, rows))
        yield rows.append
    monkeypatch.setattr(live, "Live", recorded)
    wb = bench()
    label_some(wb, n=30)
    wb.finetune(epochs=2)
    title = trained[0][0].partition(",")[0]
    assert title.startswith("Round 1: learning from")
    assert [name for name, *_ in trained] == [f"{title}, net 1 of 2, the light model",
                                              f"{title}, net 2 of 2, the small CNN"][:len(trained)]
    assert [len(rows) for *_, rows in trained] == [1, 2][:len(trained)]
    assert [f"{title}: comparing the two nets", 2, 2] in shown


def test_a_workbench_without_progress_shows_nothing(bench, shown, capsys, monkeypatch):
    wb = bench(model=small_net(), progress=False)
    label_some(wb)
    wb.predict()
    wb.finetune(epochs=1)
    assert shown == []
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_in_a_notebook_a_bar_appears_below_the_cell_that_works():
    import nbformat  # here, for it takes some seconds of a core, in each process that collects the tests
    from nbclient import NotebookClient
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        "import time\nfrom hitl_widgets.widgets.bars import Bar\n"
        "with Bar(3, title='Predicting', delay_s=0.1) as advance:\n    time.sleep(1.5)\n    advance(1)"),
        nbformat.v4.new_code_cell("1")])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    first, second = ([output.output_type for output in cell.outputs] for cell in notebook.cells)
    assert first == ["display_data"]
    assert second == ["execute_result"]
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[0].outputs[0].data
