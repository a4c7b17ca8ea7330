"""Workarounds for bugs of ipyannotations 0.5.1, and a check that a widget can be used for labelling.

A labeller is a widget such as ipyannotations.images.ClassLabeller. `Repairs` changes one labeller instance; the classes
of ipyannotations aren't changed. `check_is_served` raises BadInput for widgets whose answers can't be stored.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipyannotations.generic
import ipyannotations.images
import ipyannotations.text
import ipywidgets
from ipyannotations.controls.togglebuttongroup import ToggleButtonGroup
from ipyannotations.generic.generic_mixin import default_display_function
from ipyannotations.images.display import image_display_function
from ipyannotations.text.classification import _text_display_function as text_display_function
from PIL import Image

from ...errors import BadInput
from .canvas import kind_of
from .texts import PlainText

log = logging.getLogger(__name__)

_DIGITS = frozenset("0123456789")

SERVED = "A labeller that gives labels, such as ipyannotations.images.ClassLabeller, is expected"
# Labellers whose answers the log can't store yet -> what they give, in words.
REFUSED = {ipyannotations.generic.FreetextAnnotator: "captions"}


class Repairs:
    """Repairs of ipyannotations 0.5.1 on one labeller, until `undo`.

    Parameters
    ----------
    widget : ipywidget
        The labeller.
    say : callable
        Called with a text that is shown below the labeller.

    Notes
    -----
    The bugs that are repaired:

    - While the mouse is over the labeller, its keys act wherever they are typed, such as in its text field or in a
      cell.
    - If the labels are a drop-down list, a digit key raises an error, and the button gives the label "Submit." until
      another label is chosen.
    - A digit key chooses a label by its position. If the labels are 0 to 9, key 1 gives label 0.
    - If a button has the focus, Enter presses it and also submits.
    - If several labels can be chosen, Enter in the text field submits the labels chosen before, and the typed name is
      chosen for the next item. Adding or removing a typed name deselects all chosen labels.
    - The contrast of pictures is stretched. Texts are rendered as Markdown, so that HTML in them runs.
    - The widget that watches keys has no view and is one of the children: JupyterLab shows a red error in its place.
    """

    def __init__(self, widget: Any, say: Callable[[str], None]) -> None:
        self.widget, self.say = widget, say
        self.problem: str | None = None  # why the last picture couldn't be drawn
        self._watcher: Any = getattr(widget, "event_watcher", None)
        self._handler: Any = getattr(widget, "_handle_keystroke", None)
        self._listen(self._on_key, instead_of=self._handler)
        self._draw = getattr(widget, "display_function", None)
        if self._draw is not None:
            widget.display_function = partial(self._display, _true(self._draw, PlainText()))
        self._selector: Any = getattr(widget, "class_selector", None)
        if isinstance(self._selector, ToggleButtonGroup):
            self._selector.rearrange_buttons = partial(_keep_chosen, self._selector, self._selector.rearrange_buttons)
        self._set_enter(submits=False)
        widget.observe(self._on_children, "children")
        self._on_children()

    def undo(self) -> None:
        """Undo the repairs, except that the widget that watches keys isn't put back among the children."""
        self._listen(self._handler, instead_of=self._on_key)
        if self._draw is not None:
            self.widget.display_function = self._draw
        if isinstance(self._selector, ToggleButtonGroup):
            del self._selector.rearrange_buttons
        self._set_enter(submits=True)
        self.widget.unobserve(self._on_children, "children")

    def _listen(self, handler: Any, *, instead_of: Any) -> None:
        if callable(self._handler) and hasattr(self._watcher, "on_dom_event"):
            self._watcher.on_dom_event(instead_of, remove=True)
            self._watcher.on_dom_event(handler)

    def _set_enter(self, *, submits: bool) -> None:
        """Set whether Enter in the text field also submits, before the typed name is chosen (several labels)."""
        field: Any = getattr(self.widget, "freetext_widget", None)
        choose: Any = getattr(self.widget, "freetext_submission", None)
        if choose is None or not hasattr(field, "on_submit"):
            return
        field.on_submit(self.widget.submit, remove=True)
        if submits:
            field.on_submit(choose, remove=True)
            field.on_submit(self.widget.submit)
            field.on_submit(choose)

    def _on_key(self, event: Mapping[str, Any]) -> None:
        key, target = event.get("key"), event.get("target") or {}
        tag = str(target.get("tagName", "")).upper()
        if tag in ("INPUT", "TEXTAREA", "SELECT") or "cm-content" in str(target.get("className", "")):
            return
        if event.get("ctrlKey") or event.get("altKey") or event.get("metaKey") or (key == "Enter" and tag == "BUTTON"):
            return
        # If the mouse leaves the widget and comes back, the text field loses the focus: a typing person won't notice.
        if key in {*_DIGITS, "Enter", "Backspace"} and _typed(self.widget):
            return self.say("Keys do nothing while there is text in the field: press Enter in it, or clear it.")
        try:
            self._act_on(str(key), event)
        except Exception as error:  # the labeller may be any widget
            log.exception("a key of the labeller raised")
            self.say(f"The key {key!r} did nothing: {type(error).__name__}: {error}.")

    def _act_on(self, key: str, event: Mapping[str, Any]) -> None:
        controls: Any = getattr(self.widget, "control_elements", None)
        selector: Any = getattr(self.widget, "class_selector", None)
        named = key in _DIGITS and key in (getattr(self.widget, "options", None) or ())
        if hasattr(controls, "dropdown"):
            if key == "Backspace":
                self.widget.undo()
        elif named and hasattr(controls, "buttons"):
            self.widget.submit(controls.buttons[key])
        elif named and hasattr(selector, "_toggle"):
            selector._toggle(key)
        else:
            self._handler(event)

    def _on_children(self, _: Any = None) -> None:
        children = tuple(getattr(self.widget, "children", ()))
        if len(seen := [child for child in children if isinstance(child, ipywidgets.DOMWidget)]) < len(children):
            self.widget.children = seen
        controls: Any = getattr(self.widget, "control_elements", None)
        if hasattr(controls, "dropdown") and controls.button.description != controls.dropdown.value:
            controls._change_selection()

    def _display(self, draw: Callable[[Any], Any], picture: Any) -> None:
        try:
            draw(picture)
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"  # the Output widget in which it is drawn hides the error
            raise


def _keep_chosen(selector: Any, rearrange: Callable[[Any], None], change: Any) -> None:
    """Make the buttons for changed options, and keep the chosen options selected."""
    chosen = list(selector.value)
    with selector.hold_trait_notifications():  # observers aren't notified while nothing is chosen
        rearrange(change)
        selector.value = [option for option in selector.options if option in chosen]


def check_is_served(widget: Any, items: str = "image") -> None:
    """Raise BadInput if a widget can't be used to label items of this kind, "image" or "text"."""
    name = widget.__name__ if isinstance(widget, type) else type(widget).__name__
    if isinstance(widget, type):
        raise BadInput(f"view is the class {name}; make one, such as {name}(options=wb.taxonomy.names).")
    for kind, what in REFUSED.items():
        if isinstance(widget, kind):
            raise BadInput(f"view is a {name}, and {what} can't be kept in the log yet. {SERVED}.")
    missing = [method for method in ("display", "on_submit", "on_undo") if not callable(getattr(widget, method, None))]
    if missing or not isinstance(widget, ipywidgets.DOMWidget):
        lacking = f"has no {' and no '.join(missing)}" if missing else "isn't an ipywidget"
        raise BadInput(f"view is a {name}, which {lacking}. {SERVED}, or any widget with its display, on_submit and "
                       "on_undo.")
    if (shown := _kind_shown(widget)) not in (None, items):
        module = "text" if shown == "text" else "images"
        raise BadInput(f"view is a {name} of ipyannotations.{module}, and the pool's items are {items}s. "
                       f"{SERVED.replace('images', 'text') if items == 'text' else SERVED}.")


def _kind_shown(widget: Any) -> str | None:
    """The kind of items that a labeller shows, "image" or "text"; None if unknown."""
    draw = getattr(widget, "display_function", None)
    module = getattr(getattr(draw, "func", draw), "__module__", None) or ""
    if isinstance(widget, ipyannotations.text.TextTagger) or module.startswith("ipyannotations.text"):
        return "text"
    return "image" if module.startswith("ipyannotations.images") or kind_of(widget) else None


def is_a_caption(name: str, widget: Any) -> bool:
    """Whether a ClassLabeller gave the caption of a control in place of a label.

    It gives "Other:" when Enter is pressed in its empty text field.
    """
    return isinstance(widget, ipyannotations.generic.ClassLabeller) and name not in widget.options


def _typed(widget: Any) -> str:
    text = getattr(getattr(widget, "freetext_widget", None), "value", "")
    return text if isinstance(text, str) else ""


def _true(draw: Callable[[Any], Any], plain: PlainText) -> Callable[[Any], Any]:
    """Return a draw function that keeps the contrast of pictures and shows texts as plain text.

    It replaces `draw` only if `draw` is a function of ipyannotations; a user's own function is returned unchanged.
    """
    function, more = getattr(draw, "func", draw), getattr(draw, "keywords", {})
    if function not in (image_display_function, default_display_function, text_display_function):
        return draw
    return partial(_draw, plain, fit_into=more.get("fit_into", (500, 500)))


def _draw(plain: PlainText, item: Any, *, fit_into: tuple[int, int]) -> None:
    """Draw an item of either kind."""
    from IPython.display import display
    if isinstance(item, str):
        plain.text = item
        display(plain)
    else:
        _draw_true(item, fit_into=fit_into)


def _draw_true(picture: Image.Image, *, fit_into: tuple[int, int]) -> None:
    from IPython.display import Image as Shown
    from IPython.display import display
    scale = min(fit_into[0] / picture.width, fit_into[1] / picture.height)
    if scale >= 2:  # a small picture in whole steps, its pixels crisp
        picture = picture.resize((picture.width * int(scale), picture.height * int(scale)), Image.Resampling.NEAREST)
    elif scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    png = io.BytesIO()
    picture.save(png, "PNG")
    display(Shown(data=png.getvalue(), format="png"))
