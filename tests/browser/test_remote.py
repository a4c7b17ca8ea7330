"""Items that lie on a server, in a real JupyterLab: the next one is there when a key is pressed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from file_server import serving
from PIL import Image

playwright = pytest.importorskip("playwright")
from browser.lab import Lab  # noqa: E402

pytestmark = pytest.mark.browser

N, DELAY_S = 60, 0.2
SETUP = """
import tempfile, pandas as pd, hitl_widgets as hw
urls = [f"http://127.0.0.1:{port}/{{i}}.png?sig=" + "SEC" + "RET" for i in range({n})]
df = pd.DataFrame({{"id": range({n}), "url": urls}})
pool = hw.Pool.from_frame(df, image="url", remote=True, storage_options={{"headers": {{"X-Key": "HID" + "DEN"}}}})
wb = hw.Workbench(tempfile.mkdtemp(), pool, ["dark", "light"], annotator="ada", holdout=0, progress=False)
review, n_pushed = wb.review(learn=False, strategy="random"), [0]
def count_items(message, buffers=None, push=review.feed.push):
    push(message, buffers)
    n_pushed[0] += message["kind"] == "item"
review.feed.push = count_items
review
"""
# Which item the card shows two frames after each key press.
_WATCH = """() => {
  window.frames_after = [];
  document.addEventListener('keydown', () => {
    const card = document.activeElement?.closest('.hitl-card');
    if (!card) return;
    requestAnimationFrame(() => requestAnimationFrame(() => window.frames_after.push(card.dataset.item ?? '')));
  }, true);
}"""


def png(shade):
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64), shade, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_the_next_item_is_painted_after_each_key_though_each_file_takes_200_ms(lab: Lab):
    with serving({f"{i}.png": png(4 * i) for i in range(N)}, delay_s=DELAY_S) as server:
        notebook = lab.take([SETUP.format(n=N, port=server.port)])
        notebook.run_all()
        notebook.wait_for_item()
        notebook.card.focus()
        shown = [notebook.item]
        notebook.page.evaluate(_WATCH)
        for n_pressed in range(1, 31):
            # A person looks at an item: meanwhile the browser gets others.
            notebook.wait_until(lambda n=n_pressed: notebook.value("n_pushed[0]") >= n + 10)
            notebook.page.keyboard.press("1")
            notebook.wait_until(lambda n=n_pressed: notebook.page.evaluate("() => window.frames_after.length") == n)
            shown.append(notebook.page.evaluate("() => window.frames_after.at(-1)"))
        assert len(set(shown)) == 31  # two frames after each key another item was there, and never none
        notebook.wait_until_stored()
        assert notebook.value("len(wb.annotations())") == 30
        assert set(server.n_requests.values()) == {1}
        saved = notebook.save()
        assert "SECRET" not in saved
        assert "HIDDEN" not in saved
        assert notebook.errors() == []
