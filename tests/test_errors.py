"""What a notebook shows of this package's errors: the person's own line and the message."""

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, HitlError

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def shell():
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield shell
    InteractiveShell.clear_instance()


def shown(shell, capsys, cell):
    result = shell.run_cell(cell)
    out, err = capsys.readouterr()
    return result.error_in_exec, COLOURS.sub("", out + err)


def test_wrong_usage_in_a_cell_shows_the_line_of_the_cell_and_the_message_without_our_frames(shell, capsys):
    error, text = shown(shell, capsys, "import hitl_widgets as hw\nimport numpy as np\n"
                                       "pool = hw.Pool.from_images(np.zeros((2, 8, 8), np.uint8))\n"
                                       "pool.position('cat')")
    assert isinstance(error, HitlError)
    assert "----> 4 pool.position('cat')" in text
    assert str(error) in text
    assert "hitl_widgets/" not in text.replace("import hitl_widgets", "")
    assert len(text.splitlines()) < 14


def test_frames_of_the_persons_functions_are_kept(shell, capsys):
    _, text = shown(shell, capsys, "import hitl_widgets as hw\ndef mine():\n    hw.Taxonomy([])\nmine()")
    assert "----> 4 mine()" in text
    assert "hw.Taxonomy([])" in text
    assert "labels.py" not in text


def test_an_error_in_the_persons_own_net_is_shown_with_its_line(shell, capsys, tmp_path):
    net = "import torch, numpy as np, hitl_widgets as hw\n" \
          "class Mine(torch.nn.Module):\n" \
          "    def forward(self, views):\n" \
          "        return views @ torch.ones(3, 3)\n" \
          "pool = hw.Pool.from_images(np.zeros((2, 8, 8), np.uint8))\n"
    error, text = shown(shell, capsys, net + f"hw.Workbench({str(tmp_path)!r}, pool, ['a', 'b'], model=Mine())")
    assert isinstance(error, HitlError)
    assert str(error).splitlines()[0] in text
    assert "return views @ torch.ones(3, 3)" in text


def test_the_error_keeps_its_own_traceback_and_cause(shell, capsys):
    cause = KeyError("x")
    error = BadInput("y")
    error.__cause__ = cause
    try:
        raise error
    except BadInput:
        whole = error.__traceback__
        error._render_traceback_()
    assert error.__cause__ is cause
    assert error.__suppress_context__
    assert error.__traceback__ is whole


def test_an_error_that_no_line_of_the_persons_led_to_is_shown_all_the_same(shell):
    with pytest.raises(HitlError) as caught:
        hw.Taxonomy([])
    error = caught.value.with_traceback(caught.tb.tb_next.tb_next)
    assert str(error).splitlines()[0] in COLOURS.sub("", "\n".join(error._render_traceback_()))
