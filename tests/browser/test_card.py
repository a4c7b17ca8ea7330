"""The decision card in a real JupyterLab: keys, focus, saliency, and a kernel that is busy."""

from __future__ import annotations

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import TESTS, Lab, Notebook  # noqa: E402

pytestmark = pytest.mark.browser

SETUP = """
from hitl_widgets.testing import MemoryHost, rings
from hitl_widgets.widgets.card import Review
def count_items(review):
    push, n = review.feed.push, [0]
    def counting(message, buffers=None):
        push(message, buffers)
        n[0] += message["kind"] == "item"
    review.feed.push = counting
    return n
def rows(desk):
    return [[d.item_id, d.verdict, d.label, d.certainty] for d in desk.decisions]
"""


@pytest.fixture
def open_card(lab: Lab):
    opened: list[Notebook] = []

    def opening(desk: str = "MemoryHost()", review: str = "Review(desk)", *then: str, wait: bool = True,
                item: bool = True) -> Notebook:
        notebook = lab.take([f"{SETUP}\ndesk = {desk}\nreview = {review}\nn_pushed = count_items(review)\nreview",
                             *then])
        opened.append(notebook)
        notebook.start_run_all()
        if wait:
            notebook.wait_for_cells()
        if item:
            notebook.wait_for_item()
        if item and wait:  # keys come faster than the first items do on a busy machine
            notebook.wait_until(lambda: notebook.value("n_pushed[0] >= min(20, len(desk.pool))"))
            notebook.settle()
        notebook.card.focus()
        return notebook

    yield opening
    for notebook in opened:
        assert notebook.errors() == []


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)


def test_keys_decide_and_the_log_tells_what_was_seen(open_card):
    notebook = open_card()
    first = notebook.item
    suggested = notebook.card.locator(".hitl-bar.hitl-suggested .hitl-name").inner_text()
    notebook.card.locator(".hitl-scale").wait_for()   # the map comes a moment after its item
    for key in ("Shift+8", "Enter", "0", "9", "u", "s", "Shift+Backquote", "f"):
        notebook.wait_for_item()   # on a busy machine the first ones may be pressed before the next item has come
        press(notebook, key)
    notebook.wait_until_stored()
    rows = notebook.value("rows(desk)")
    assert [row[0] for row in rows] == [f"item-{i:04d}" for i in range(6)]
    assert rows[0] == [first, "accept", suggested, 8]
    assert rows[3:] == [["item-0003", "unsure", None, 8], ["item-0004", "skip", None, None],
                        ["item-0005", "unsure", None, 0]]
    assert {row[2] for row in rows[1:3]} == {"Ankle boot", "Bag"}
    assert {row[1] for row in rows[1:3]} <= {"correct", "accept"}
    assert notebook.value("list(desk.decisions[5].flags)") == ["bad_data"]
    seen = notebook.value("[d.seen.to_dict() for d in desk.decisions]")
    assert seen[0]["certainty"] == "given"
    assert seen[1]["certainty"] == "carried"
    assert (seen[0]["method"], seen[0]["target"]) == ("gradcam", seen[0]["suggestion"])
    assert (seen[0]["model"], seen[0]["taxonomy"], seen[0]["chosen_by"]) == ("a1b2c3", 1, "margin")
    assert len(seen[0]["probs"]) == 5
    assert seen[0]["shown_ms"] > 0


def test_undo_brings_the_item_back_and_a_held_key_decides_once(open_card):
    notebook = open_card()
    first = notebook.item
    notebook.page.keyboard.down("Enter")
    notebook.page.keyboard.down("Enter")  # a second `down` without `up` is the key's own repeat
    notebook.page.keyboard.up("Enter")
    assert notebook.wait_for_item(first) == "item-0001"
    press(notebook, "z")
    assert notebook.item == first
    press(notebook, "2", "Backspace", "3")
    notebook.wait_until_stored()
    kinds = notebook.value("[kind for kind, _ in desk.log]")
    assert kinds == ["decided", "retracted", "decided", "retracted", "decided"]
    assert notebook.value("rows(desk)[-1][:3]") == [first, "correct", "Pullover"]


def test_jupyterlabs_shortcuts_do_not_reach_the_notebook(open_card):
    notebook = open_card("MemoryHost()", "Review(desk)", "'another cell'")
    before = [(c["type"], c["source"]) for c in notebook.cells()]
    press(notebook, "m", "x", "d", "d", "a", "b", "0", "0", "z", "Shift+m", "c", "v", "y", "1")
    notebook.wait_until_stored()
    notebook.settle()
    assert [(c["type"], c["source"]) for c in notebook.cells()] == before


def test_keys_act_only_while_the_card_has_the_focus(open_card):
    notebook = open_card()
    before = notebook.item
    assert notebook.card.get_by_text("Keys on").is_visible()
    press(notebook, "Escape")
    assert not notebook.card.get_by_text("Keys on").is_visible()
    press(notebook, "Enter", "5")
    assert notebook.item == before
    notebook.page.keyboard.press("Escape")
    notebook.card.locator(".hitl-stage").click()
    press(notebook, "5")
    assert notebook.item != before


def test_run_all_straight_into_a_busy_cell_leaves_the_card_alive(open_card, busy):
    notebook = open_card("MemoryHost()", "Review(desk)", busy.code, wait=False)
    busy.wait_for(notebook)
    for _ in range(30):
        before = notebook.item
        press(notebook, "Enter")
        notebook.wait_for_item(before)
    notebook.wait_until_stored()
    assert notebook.cells()[1]["state"] == "running"
    busy.end()
    notebook.wait_for_cells()
    assert notebook.value("len(desk.decisions)") == 30


def test_a_card_whose_comm_is_held_by_the_running_cell_opens_a_line_of_its_own(open_card, busy):
    # The worst that another library could do: every act would wait for the cell.
    held = "review.card.comm._reply_subshell_id = None\n" + busy.code
    notebook = open_card("MemoryHost()", "Review(desk)", held, wait=False)
    busy.wait_for(notebook)
    for _ in range(3):
        before = notebook.item
        press(notebook, "Enter")
        notebook.wait_for_item(before)
    notebook.wait_until_stored()
    assert notebook.cells()[1]["state"] == "running"
    busy.end()
    notebook.wait_for_cells()
    assert notebook.value("[r[0] for r in rows(desk)]") == ["item-0000", "item-0001", "item-0002"]


def test_a_reloaded_page_gets_its_window_again(open_card, lab):
    notebook = open_card()
    press(notebook, "Enter", "Enter")
    notebook.wait_until_stored()
    notebook.save()
    notebook.page.reload()
    lab.wait_for_kernel(notebook)
    assert notebook.wait_for_item() == "item-0002"
    notebook.card.focus()
    press(notebook, "Enter")
    notebook.wait_until_stored()
    assert notebook.value("len(desk.decisions)") == 3


def test_a_note_a_flag_and_a_mark_outlive_a_reload(open_card, lab):
    notebook = open_card()
    press(notebook, "Enter", "Shift+E", "n", *"hem", "Enter", "b")
    notebook.card.locator(".hitl-brush").wait_for()
    press(notebook, "Space")
    notebook.wait_until_stored()
    notebook.save()
    notebook.page.reload()
    lab.wait_for_kernel(notebook)
    assert notebook.wait_for_item() == "item-0001"
    notebook.card.get_by_text("Marked as wrong").wait_for()
    notebook.card.focus()
    press(notebook, "1")
    notebook.wait_for_item("item-0001")
    press(notebook, "1")
    notebook.wait_until_stored()
    said = "[[list(d.flags), d.note, d.wrong is not None] for d in desk.decisions]"
    assert notebook.value(said) == [[[], None, False], [["ethics"], "hem", True], [[], None, False]]


def test_no_item_ends_in_the_saved_notebook(open_card):
    notebook = open_card()
    press(notebook, "Enter")
    text = notebook.save()
    assert "iVBOR" not in text
    assert len(text) < 20_000


def test_two_views_share_one_cursor(open_card):
    notebook = open_card("MemoryHost()", "Review(desk)", "review")
    cards = notebook.page.locator(".hitl-card")
    assert cards.count() == 2
    press(notebook, "Enter")
    for i in range(2):
        cards.nth(i).and_(notebook.page.locator("[data-item=item-0001]")).wait_for()


def test_the_map_lies_over_the_item_and_h_takes_it_away(open_card):
    notebook = open_card()
    notebook.card.locator(".hitl-scale").wait_for()
    image, saliency = notebook.card.locator(".hitl-image"), notebook.card.locator(".hitl-image + .hitl-map")
    assert saliency.bounding_box() == pytest.approx(image.bounding_box(), abs=1)
    assert saliency.evaluate("c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)")
    press(notebook, "h")
    assert not saliency.is_visible()
    press(notebook, "Enter")
    notebook.wait_until_stored()
    assert "method" not in notebook.value("desk.decisions[0].seen.to_dict()")


def test_a_blind_item_shows_neither_suggestion_nor_map(open_card):
    notebook = open_card("MemoryHost(blind=('item-0000',))")
    assert notebook.card.locator(".hitl-bar:visible").count() == 0
    assert "blind" in notebook.card.inner_text()
    press(notebook, "Enter")
    assert notebook.item == "item-0000"
    press(notebook, "1")
    notebook.wait_until_stored()
    assert notebook.value("rows(desk)[0][:3]") == ["item-0000", "answer", "T-shirt/top"]
    seen = notebook.value("desk.decisions[0].seen.to_dict()")
    assert seen["hidden"]
    assert "suggestion" in seen
    assert "method" not in seen


def test_a_broken_image_and_a_missing_model_have_a_face(open_card):
    notebook = open_card("MemoryHost(rings(2), model=None, broken=('item-0000',))")
    assert "ends after 12 of 400 bytes" in notebook.card.inner_text()
    press(notebook, "f")
    notebook.wait_for_item("item-0000")
    assert "no model yet" in notebook.card.inner_text()
    press(notebook, "1")
    notebook.card.get_by_text("Nothing left to label").wait_for()
    assert notebook.item == ""
    press(notebook, "z")
    assert notebook.item == "item-0001"


def test_the_default_annotator_is_asked_for_a_name(open_card):
    notebook = open_card("MemoryHost(annotator='jovyan', annotator_is_default=True)", item=False)
    box = notebook.card.get_by_label("Your name")
    box.wait_for()
    box.fill("grace")
    box.press("Enter")
    notebook.wait_for_item()
    press(notebook, "Enter")
    notebook.wait_until_stored()
    assert notebook.value("desk.decisions[0].annotator") == "grace"


def test_a_certainty_is_asked_for_where_the_policy_wants_one(open_card):
    notebook = open_card("MemoryHost()", "Review(desk, certainty='ask')")
    press(notebook, "Enter")
    assert notebook.item == "item-0000"
    press(notebook, "7")
    assert notebook.wait_for_item("item-0000") == "item-0001"
    notebook.wait_until_stored()
    assert notebook.value("rows(desk)[0][3]") == 7


def test_a_label_without_a_key_is_found_by_typing(open_card):
    notebook = open_card("MemoryHost(labels=[f'species {i}' for i in range(1000)])")
    press(notebook, "/", *"es 742", "Enter")
    notebook.wait_until_stored()
    assert notebook.value("rows(desk)[0][2]") == "species 742"
    press(notebook, "1")
    notebook.wait_until_stored()
    assert notebook.value("rows(desk)[1][2]") == "species 0"


def test_few_labels_are_searched_too_and_what_is_typed_decides_nothing(open_card):
    """With ten labels or fewer no search opened, and what was typed next was taken for labels' keys."""
    notebook = open_card()
    first = notebook.item
    assert not notebook.card.locator(".hitl-search").is_visible()
    press(notebook, "/", "b", "a", "7", "Backspace", "g")
    notebook.card.get_by_text("1 label matches").wait_for()
    assert notebook.item == first
    press(notebook, "Enter")
    notebook.wait_for_item(other_than=first)
    notebook.wait_until_stored()
    assert [row[2] for row in notebook.value("rows(desk)")] == ["Bag"]
    assert not notebook.card.locator(".hitl-search").is_visible()


@pytest.mark.parametrize("desk", ["MemoryHost()", "MemoryHost(model=None)",
                                  "MemoryHost(labels={'animal': list('abcdefgh'), 'vehicle': list('ijkl')})",
                                  "MemoryHost(labels={'animal': list('abcdefgh'), 'vehicle': list('ijklmn')})",
                                  "MemoryHost(labels={k: [f'{k} {n}' for n in range(5)] for k in ('a', 'b', 'c')})"])
def test_on_a_small_screen_the_whole_card_fits_between_top_and_bottom(open_card, desk):
    """On 1366 x 768 the keys of decisions and the last decisions were below the fold, and labels scrolled."""
    notebook = open_card(desk)
    size = notebook.page.viewport_size
    # Of 768 and 720 the page of a notebook has 656 and 608.
    for width, height, room in ((1366, 768, 650), (1280, 720, 608)):
        notebook.page.set_viewport_size({"width": width, "height": height})
        notebook.wait_until(lambda room=room: notebook.card.bounding_box()["height"] <= room)
        box = notebook.card.bounding_box()
        for part in (".hitl-actions", ".hitl-strip", ".hitl-footer", ".hitl-flags"):
            inner = notebook.card.locator(part).bounding_box()
            assert box["y"] <= inner["y"] < inner["y"] + inner["height"] <= box["y"] + box["height"] + 1
        assert notebook.card.locator(".hitl-chips").evaluate("(chips) => chips.scrollHeight - chips.clientHeight") <= 0
    notebook.page.set_viewport_size(size)


def test_the_click_that_gives_the_card_the_keys_moves_nothing_under_the_pointer(open_card):
    """Without the keys the line at the top was longer, and wrapped: the card moved under the click, which was lost."""
    notebook = open_card()
    size = notebook.page.viewport_size
    header = notebook.card.locator(".hitl-header")
    for width in range(1400, 900, -20):
        notebook.page.set_viewport_size({"width": width, "height": 768})
        heights = []
        for act in ("blur", "focus"):
            notebook.card.evaluate(f"(card) => card.{act}()")
            notebook.settle()
            heights.append(header.bounding_box()["height"])
        assert heights[0] == heights[1], width
        if notebook.card.bounding_box()["width"] >= 720:
            header.locator(".hitl-done").evaluate("(done) => { done.textContent = '12,345 of 1,000,000 · '.repeat(4) }")
            assert header.bounding_box()["height"] == heights[0] <= 43, width
    notebook.page.set_viewport_size(size)


def test_a_picture_that_comes_while_the_card_is_out_of_view_is_shown_when_it_comes_into_view(open_card):
    """It was decoded for a width of 0, shown as broken, and stayed so."""
    notebook = open_card()
    view = "(shown) => { document.querySelector('.hitl-card').parentElement.style.display = shown ? '' : 'none'; }"
    notebook.page.evaluate(view, False)
    before = notebook.value("n_pushed[0]")
    notebook.execute("desk.adopt('c0ffee')")
    notebook.wait_until(lambda: notebook.value("n_pushed[0]") >= before + 18)
    notebook.settle()
    notebook.page.evaluate(view, True)
    notebook.card.focus()
    for place in range(6):
        notebook.card.locator(".hitl-sheet:not(.hitl-empty) .hitl-image").first.wait_for()
        assert not notebook.card.locator(".hitl-is-broken").count(), place
        item = notebook.item
        press(notebook, "u")
        notebook.wait_for_item(other_than=item)


def test_a_rejected_decision_comes_back_with_its_reason(open_card):
    notebook = open_card()
    notebook.execute("from hitl_widgets.errors import BadInput; desk.refuse = BadInput('no such luck.')")
    press(notebook, "Enter")
    notebook.card.get_by_text("no such luck").wait_for()
    notebook.execute("desk.refuse = None")
    press(notebook, "Enter")
    assert notebook.item == "item-0000"
    assert "Not stored: no such luck" in notebook.card.inner_text()
    press(notebook, "Enter")
    notebook.wait_until_stored()
    assert [r[0] for r in notebook.value("rows(desk)")] == ["item-0001", "item-0000"]


def test_decisions_outlive_a_log_that_cannot_be_written_for_a_while(open_card):
    notebook = open_card()
    notebook.execute("from hitl_widgets.errors import DiskFull; desk.refuse = DiskFull('the disk is full.')")
    press(notebook, "Enter", "Enter", "Enter")
    notebook.card.get_by_text("the disk is full").wait_for()
    assert notebook.card.get_attribute("data-pending") == "3"
    notebook.execute("desk.refuse = None")
    notebook.wait_until_stored(15)
    assert [r[0] for r in notebook.value("rows(desk)")] == ["item-0000", "item-0001", "item-0002"]


def acts(notebook: Notebook) -> list[list]:
    """Item, verdict, label, flags and note of each decision, in the order in which they were stored."""
    return notebook.value("[[d.item_id, d.verdict, d.label, list(d.flags), d.note] for d in desk.decisions]")


def test_flags_a_note_and_a_best_guess_go_with_the_decision(open_card):
    notebook = open_card()
    press(notebook, "Shift+E", "Shift+L", "n", *"m x1", "Enter", "Shift+U", "3")
    press(notebook, "Shift+B", "Shift+B", "2", "Shift+T", "f")
    notebook.wait_until_stored()
    assert acts(notebook) == [
        ["item-0000", "unsure", "Pullover", ["ethics", "second_look"], "m x1"],
        ["item-0001", acts(notebook)[1][1], "Trouser", [], None],
        ["item-0002", "unsure", None, ["not_in_taxonomy"], None]]


def test_a_past_decision_is_revised_by_click_or_by_arrows_and_an_undo_restores_it(open_card):
    notebook = open_card("MemoryHost(blind=('item-0001',))")
    press(notebook, "1", "2", "3")
    strip = notebook.card.locator(".hitl-past-item")
    strip.nth(2).wait_for()
    assert "model" in strip.nth(1).inner_text()  # what the model said of the blind item is told by now
    strip.nth(0).click()
    assert notebook.item == "item-0000"
    press(notebook, "4")
    assert notebook.item == "item-0003"
    press(notebook, "ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert notebook.item == "item-0001"
    press(notebook, "Escape")
    assert notebook.item == "item-0003"
    press(notebook, "z")
    notebook.wait_until_stored()
    assert notebook.item == "item-0003"
    standing = notebook.value("[[d.item_id, d.label] for d in desk.latest()]")
    assert standing == [["item-0000", "T-shirt/top"], ["item-0001", "Trouser"], ["item-0002", "Pullover"]]
    assert notebook.value("[[d.item_id, d.seen.chosen_by] for d in desk.decisions][3]") == ["item-0000", "revision"]


def test_after_a_reload_the_last_decisions_stand_in_the_strip_and_can_be_undone(open_card, lab):
    notebook = open_card()
    press(notebook, *"123456")
    notebook.wait_until_stored()
    notebook.save()
    notebook.page.reload()
    lab.wait_for_kernel(notebook)
    notebook.wait_for_item()
    notebook.card.locator(".hitl-past-item").nth(5).wait_for()
    notebook.page.wait_for_function("""() => [...document.querySelectorAll('.hitl-past-item canvas')].every((c) =>
        c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0))""")
    notebook.card.focus()
    press(notebook, "z", "z")
    for item, key in (("item-0004", "7"), ("item-0005", "8")):
        notebook.card.and_(notebook.page.locator(f"[data-item={item}]")).wait_for()
        press(notebook, key)
    notebook.wait_until_stored()
    assert notebook.value("[[d.item_id, d.label] for d in desk.latest()][-3:]") == [
        ["item-0003", "Dress"], ["item-0004", "Shirt"], ["item-0005", "Sneaker"]]


def test_the_map_is_shown_over_the_item_beside_it_or_the_item_only_where_it_is_hot(open_card):
    notebook = open_card()
    notebook.card.locator(".hitl-scale").wait_for()
    over, beside = notebook.card.locator(".hitl-image + .hitl-map"), notebook.card.locator(".hitl-beside .hitl-map")
    clear = """(c) => { const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        return data.filter((_, i) => i % 4 === 3 && data[i] < 9).length / (data.length / 4); }"""
    image = notebook.card.locator(".hitl-image")
    assert (over.is_visible(), beside.is_visible(), image.evaluate(clear)) == (True, False, 0)
    press(notebook, "m")
    assert (over.is_visible(), beside.is_visible(), beside.evaluate(clear)) == (False, True, 0)
    press(notebook, "m")
    assert (over.is_visible(), beside.is_visible()) == (False, False)
    assert 0.3 < image.evaluate(clear) < 0.97
    press(notebook, "h")
    assert image.evaluate(clear) == 0
    press(notebook, "h", "Enter", "m", "Enter")
    notebook.wait_until_stored()
    assert notebook.value("[d.seen.display for d in desk.decisions]") == ["hot", "overlay"]


def test_a_key_asks_why_this_label_and_not_the_next_best(open_card):
    notebook = open_card()
    notebook.card.locator(".hitl-scale").wait_for()
    first, second = notebook.card.locator(".hitl-bar .hitl-name").all_inner_texts()[:2]
    press(notebook, "y")
    notebook.card.get_by_text(f"Grad-CAM for {first} and not {second}").wait_for()
    press(notebook, "Enter")
    notebook.wait_until_stored()
    seen = notebook.value("desk.decisions[0].seen.to_dict()")
    assert [notebook.value(f"desk.taxonomy.name_of({seen[of]!r})") for of in ("target", "against")] == [first, second]


def test_a_wrong_reason_is_painted_by_mouse_and_by_keys(open_card):
    notebook = open_card()
    notebook.card.locator(".hitl-scale").wait_for()
    press(notebook, "b")
    notebook.card.locator(".hitl-brush-words", has_text="What should not count").wait_for()
    sheet = notebook.card.locator(".hitl-sheet").first.bounding_box()
    notebook.page.mouse.move(sheet["x"] + sheet["width"] * .25, sheet["y"] + sheet["height"] * .25)
    notebook.page.mouse.down()
    notebook.page.mouse.move(sheet["x"] + sheet["width"] * .25, sheet["y"] + sheet["height"] * .75, steps=4)
    notebook.page.mouse.up()
    press(notebook, "b", *["ArrowRight"] * 8, "Space", "Escape", "Enter")
    notebook.wait_until_stored()
    reason, wrong, missing = notebook.value("(lambda d: [d.reason, d.wrong.mask().tolist(), d.missing.n_pixels])"
                                            "(desk.decisions[0])")
    painted = [(x, y) for y, row in enumerate(wrong) for x, inside in enumerate(row) if inside]
    assert reason == "wrong"
    assert {y for x, y in painted if x == 7} >= set(range(7, 21))
    assert {x for x, _ in painted} <= set(range(5, 10))
    assert 0 < missing < 20
    press(notebook, "ArrowLeft")
    notebook.card.get_by_text("Marked as wrong").wait_for()
    assert notebook.card.locator(".hitl-marked-region").is_visible()


def test_whole_parts_are_marked_by_a_click_and_by_keys_and_taken_back(open_card):
    notebook = open_card()
    notebook.card.locator(".hitl-scale").wait_for()
    press(notebook, "b", "p")
    notebook.card.locator(".hitl-parts").wait_for()
    sheet = notebook.card.locator(".hitl-sheet").first.bounding_box()
    notebook.page.mouse.click(sheet["x"] + 4, sheet["y"] + 4)
    press(notebook, "b", *["ArrowRight"] * 12, *["ArrowDown"] * 12, "Space", "ArrowLeft", "Space", "z")
    press(notebook, "Escape", "Enter")
    notebook.wait_until_stored()
    marked = notebook.value("[desk.decisions[0].wrong.mask().tolist(), desk.decisions[0].missing.mask().tolist()]")
    notebook.execute("from hitl_widgets.items.superpixels import clickable")
    parts = notebook.value("clickable(desk.pool.load(0)).tolist()")
    clicked, pressed = ([(x, y) for y, row in enumerate(mask) for x, inside in enumerate(row) if inside]
                        for mask in marked)
    assert clicked[0] == (0, 0)
    assert pressed[-1][1] > 22  # far below the middle, where the keys began
    for region in (clicked, pressed):
        x, y = region[0]
        assert region == [(i, j) for j in range(28) for i in range(28) if parts[j][i] == parts[y][x]]


def test_zoom_brings_an_item_closer_and_the_next_one_begins_whole(open_card):
    notebook = open_card()
    plane = notebook.card.locator(".hitl-plane").first
    whole = plane.bounding_box()
    press(notebook, "PageUp", "]", "Shift+ArrowRight")
    near = plane.bounding_box()
    assert near["width"] == pytest.approx(2.25 * whole["width"], rel=0.02)
    assert near["x"] < whole["x"]
    press(notebook, "Home")
    assert plane.bounding_box() == pytest.approx(whole, abs=1)
    notebook.card.locator(".hitl-stage").hover()
    notebook.page.keyboard.down("Control")
    notebook.page.mouse.wheel(0, -200)
    notebook.page.keyboard.up("Control")
    assert plane.bounding_box()["width"] == pytest.approx(2 * whole["width"], rel=0.02)
    press(notebook, "1")
    assert plane.bounding_box()["width"] == pytest.approx(whole["width"], abs=1)


def test_a_large_item_is_drawn_as_large_as_the_screen_shows_it_and_in_full_when_it_is_looked_at_closely(open_card):
    notebook = open_card("MemoryHost(rings(4, 1500))")
    width = "() => [...document.querySelectorAll('.hitl-image')].pop().width"
    notebook.page.wait_for_function(f"() => ({width})() > 0")
    press(notebook, "1")
    notebook.wait_for_item("item-0000")
    notebook.page.wait_for_function(f"() => ({width})() > 300 && ({width})() < 1000")
    press(notebook, "PageUp")
    notebook.page.wait_for_function(f"() => ({width})() === 1500")


def test_the_label_in_focus_is_explained_and_text_is_only_text(open_card):
    hostile = "<img src=x onerror=\\'window.hacked=1\\'><b>bold</b>"
    label = (f"{{'name': 'cat {hostile}', 'definition': 'purrs {hostile}', 'examples': ['item-0003'], "
             "'counter_examples': ['item-0004'], 'link': 'https://example.org/cat'}")
    notebook = open_card(f"MemoryHost(labels=[{label}, 'dog'], meta={{'place': '{hostile}'}})")
    while "cat" not in notebook.card.locator(".hitl-meaning strong").inner_text():
        press(notebook, "ArrowDown")
        notebook.settle()
    notebook.card.locator(".hitl-example").nth(1).wait_for()
    assert "purrs <img" in notebook.card.locator(".hitl-meaning").inner_text()
    assert notebook.card.locator(".hitl-meaning a").get_attribute("href") == "https://example.org/cat"
    assert "<b>bold</b>" in notebook.card.locator(".hitl-meta").inner_text()
    assert notebook.card.locator("img, b:has-text('bold')").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None


def test_keys_of_ones_own_choosing_work_and_are_shown(open_card):
    notebook = open_card("MemoryHost()", "Review(desk, keys={'skip': 'x', 'accept': ['j', 'Enter']})")
    assert notebook.card.locator(".hitl-says .hitl-accept").inner_text().startswith("J")
    press(notebook, "j", "x")
    notebook.wait_until_stored()
    assert [row[1] for row in notebook.value("rows(desk)")] == ["accept", "skip"]
    press(notebook, "?")
    assert "skip: the item comes again later" in notebook.card.locator(".hitl-help").inner_text()
    press(notebook, "Escape")
    assert not notebook.card.locator(".hitl-help").is_visible()


def test_on_a_temporary_server_the_archive_is_a_download(open_card):
    binder = "__import__('os').environ.update(BINDER_LAUNCH_HOST='https://mybinder.org/')"
    notebook = open_card(f"{binder} or MemoryHost()")
    with notebook.page.expect_download() as download:
        notebook.card.get_by_role("button", name="Download the archive").click()
    assert download.value.suggested_filename.endswith(".zip")
    assert download.value.path().read_bytes() == b"PK archive of memory"


def test_a_fault_in_the_cards_own_code_is_said_on_the_card(open_card):
    notebook = open_card()
    notebook.page.evaluate("""() => { const {getContext} = HTMLCanvasElement.prototype; let n = 0;
        HTMLCanvasElement.prototype.getContext = function (...a) {
          HTMLCanvasElement.prototype.getContext = getContext;
          if (n++ < 1) throw new Error('no canvas');
          return getContext.apply(this, a);
        }; }""")
    press(notebook, "Enter")
    notebook.card.get_by_text("The card itself failed: no canvas").wait_for()
    assert "reload the page" in notebook.card.locator(".hitl-footer").inner_text()
    notebook.wait_until_stored()
    assert len(notebook.value("rows(desk)")) == 1
    notebook.console.clear()  # it was said there too


def test_a_restarted_kernel_is_told_on_the_card_with_what_to_do(open_card, lab):
    notebook = open_card()
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    notebook.card.get_by_text("The kernel was restarted or has died: run the notebook from the top.").wait_for()
    press(notebook, "Enter", "2")
    notebook.card.get_by_text("2 decisions are kept").wait_for()
    lab.wait_for_kernel(notebook)
    notebook.run_all()
    notebook.wait_for_item()
    notebook.wait_until_stored()
    assert [row[0] for row in notebook.value("rows(desk)")] == ["item-0000", "item-0001"]
    lab.drop()
    notebook.console.clear()  # it said there that nothing could be sent, and may say so until the page is gone


def test_saving_the_notebook_works_from_the_card_and_escape_hands_the_keyboard_back(open_card):
    notebook = open_card("MemoryHost()", "Review(desk)", "1 + 1")
    dirty = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
    assert notebook.page.evaluate(dirty)
    press(notebook, "Control+s")
    notebook.page.wait_for_function(f"() => !({dirty})()")
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    press(notebook, "Escape", "ArrowDown")
    assert notebook.page.evaluate(active) == 1


def test_a_face_takes_no_keys_that_need_an_item(open_card):
    notebook = open_card("MemoryHost(rings(1))")
    press(notebook, "1")
    notebook.card.get_by_text("Nothing left to label").wait_for()
    press(notebook, "n", "/", "z")
    assert notebook.item == "item-0000"


def test_axe_finds_nothing_serious(open_card):
    script = TESTS.parent / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("axe-core is fetched by `npm ci`")
    label = "{'name': 'cat', 'definition': 'purrs', 'examples': ['item-0003'], 'link': 'https://example.org'}"
    labels = f"[{label}, *[f'label {{i}}' for i in range(20)]]"
    notebook = open_card(f"MemoryHost(labels={labels}, blind=('item-0002',), meta={{'camera': 1}})")
    press(notebook, "Shift+7", "Enter", "u", "Shift+E")
    notebook.wait_until_stored()
    notebook.page.add_script_tag(path=script)
    # Blind, with a suggestion, revised, the keys, a guideline, the project.
    for keys in ((), ("1",), ("ArrowLeft",), ("Escape", "?"), ("Escape", "g"), ("Escape", "Shift+P")):
        press(notebook, *keys)
        notebook.settle()
        found = notebook.page.evaluate("() => axe.run(document.querySelector('.hitl-card'))")
        serious = [(v["id"], v["help"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found["violations"]
                   if v["impact"] in ("serious", "critical")]
        assert serious == []
        assert len(found["passes"]) > 5


def test_the_tab_key_leads_through_the_card_and_out_of_it(open_card):
    notebook = open_card()
    inside = []
    for _ in range(12):
        press(notebook, "Tab")
        inside.append(notebook.page.evaluate("() => Boolean(document.activeElement.closest('.hitl-card'))"))
    assert inside[0]
    assert not inside[-1]


def test_a_key_paints_the_next_item_in_the_frame_after_it(open_card):
    """How long that takes is what benchmarks/latency.py measures."""
    notebook = open_card()
    notebook.card.locator(".hitl-scale").wait_for()  # maps come after the window's items
    notebook.watch_keys()
    for _ in range(10):
        before = notebook.item
        press(notebook, "Enter")
        notebook.wait_for_item(before)
        notebook.settle()
    notebook.wait_until_stored()
    assert len(notebook.painted_ms()) == 10
