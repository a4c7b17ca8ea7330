"""The canvas of ipyannotations' annotators for boxes, polygons and points, repaired.

`AnnotatorCanvas` puts pictures and objects on it and reads them; `ObjectList` lets a person delete an object and change
its class, which the annotators can't. No other module depends on the canvas' internals.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import ipywidgets
from ipyannotations.images import BoxAnnotator, PointAnnotator, PolygonAnnotator
from ipyannotations.text import TextTagger
from PIL import Image

KINDS = {BoxAnnotator: "box", PolygonAnnotator: "polygon", PointAnnotator: "point", TextTagger: "span"}
# The attribute in which each canvas keeps its objects.
_LISTS = {"box": "annotations", "polygon": "polygons", "point": "points"}


def kind_of(widget: Any) -> str | None:
    """Which objects an annotator of ipyannotations gives; None for another widget."""
    return next((kind for one, kind in KINDS.items() if isinstance(widget, one)), None)


class AnnotatorCanvas:
    """An annotator's canvas: pictures and objects in, objects out.

    Parameters
    ----------
    widget : BoxAnnotator, PolygonAnnotator or PointAnnotator
    """

    def __init__(self, widget: Any) -> None:
        self.widget, self.canvas, self.kind = widget, widget.canvas, str(kind_of(widget))
        self.changed: Callable[[], None] = lambda: None
        self._loaded: list[Any] | None = []  # None while they are loaded
        self._draw = self.canvas.re_draw
        self.canvas.re_draw = self._redraw
        self._display, widget.display = widget.display, self.display
        self.scale = (1.0, 1.0)  # factors by which the displayed picture was enlarged

    def close(self) -> None:
        """Give the annotator back its own `display`, and the canvas its own drawing."""
        for owner, name in ((self.canvas, "re_draw"), (self.widget, "display")):
            owner.__dict__.pop(name, None)

    @property
    def objects(self) -> list[Any]:
        """The canvas' own objects, in the order in which they were made."""
        found: list[Any] = getattr(self.canvas, _LISTS[self.kind])
        return found

    def display(self, picture: Any) -> None:
        """Show a picture, without unfinished objects from the one before.

        It is encoded without loss, and a small one is enlarged by a whole factor, so that each of its pixels covers
        whole pixels of the canvas.
        """
        canvas = self.canvas
        for name in ("_proposed_annotation", "dragging"):
            if getattr(canvas, name, None) is not None:
                setattr(canvas, name, None)
        self.scale = (1.0, 1.0)
        if isinstance(picture, Image.Image):
            by = max(1, min(canvas.width // picture.width, canvas.height // picture.height))
            self.scale = (float(by), float(by))
            whole = picture.resize((picture.width * by, picture.height * by), Image.Resampling.NEAREST) \
                if by > 1 else picture
            png = io.BytesIO()
            whole.convert("RGB").save(png, "PNG")
            picture = ipywidgets.Image(value=png.getvalue(), format="png")
        former = canvas.current_image
        self._display(picture)
        if isinstance(former, ipywidgets.Image):
            former.close()
        # Otherwise Undo would take back what was drawn on the image before, and raise.
        canvas._undo_queue.clear()
        self._loaded = []
        self._redraw()

    def load(self, data: list[dict[str, Any]]) -> None:
        """Put objects on the picture, after it is displayed: before, they would vanish."""
        self._loaded = None
        self.canvas.data = data
        self.canvas._undo_queue.clear()
        self._loaded = list(self.objects)
        self._redraw()

    def data(self) -> list[dict[str, Any]]:
        """The objects that are there, as the annotator gives them."""
        self._close_polygons()
        return [dict(one.data) for one in self.objects]

    @property
    def unfinished(self) -> bool:
        """Whether a polygon was begun and isn't closed."""
        return self.kind == "polygon" and len(self.canvas.current_polygon) > 0

    def delete(self, place: int) -> None:
        """Delete an object, so that Undo brings it back."""
        objects, one = self.objects, self.objects[place]

        def undo() -> None:
            objects.insert(min(place, len(objects)), one)
            self._redraw()
        objects.pop(place)
        self.canvas._undo_queue.append(undo)
        self._redraw()

    def relabel(self, place: int, label: str) -> None:
        """Change the class of an object, so that Undo restores it."""
        one = self.objects[place]
        former = one.label

        def undo() -> None:
            one.label = former
            self._redraw()
        one.label = label
        self.canvas._undo_queue.append(undo)
        self._redraw()

    def point_out(self, place: int | None) -> None:
        """Draw a frame around an object; None for no frame."""
        layer = self.canvas[2]
        layer.clear()
        if place is None or not hasattr(self.canvas, "original_width"):
            return
        one = self.objects[place]
        points = [one.coordinates] if self.kind == "point" else one.corners if self.kind == "box" else one.points
        xs, ys = zip(*(self.canvas.image_to_canvas_coordinates(point) for point in points), strict=True)
        layer.stroke_style, layer.line_width = "#000000", 2
        layer.set_line_dash([3, 3])
        layer.stroke_rect(min(xs) - 6, min(ys) - 6, max(xs) - min(xs) + 12, max(ys) - min(ys) + 12)

    def _redraw(self, *args: Any) -> None:
        if not hasattr(self.canvas, "original_width"):  # nothing is displayed yet
            return
        self._close_polygons()
        self._draw()
        self.changed()

    def _close_polygons(self) -> None:
        """A drawn polygon ends with its first point, which alone moves when it is dragged."""
        if self.kind == "polygon" and self._loaded is not None:
            for one in self.objects:
                if not any(one is other for other in self._loaded):
                    one.points[-1] = one.points[0]


class ObjectList:
    """The objects on an annotator's canvas, of which one can be deleted, or given the class that is chosen.

    Parameters
    ----------
    canvas : AnnotatorCanvas

    Attributes
    ----------
    view : ipywidgets.HBox
    """

    def __init__(self, canvas: AnnotatorCanvas) -> None:
        self._canvas = canvas
        self._which = ipywidgets.Dropdown(options=[("No objects", None)], description="Object:")
        self._delete = ipywidgets.Button(description="Delete", icon="trash")
        self._relabel = ipywidgets.Button(description="Give it the class", icon="tag")
        self._delete.on_click(lambda _: self._act(canvas.delete))
        self._relabel.on_click(lambda _: self._act(canvas.relabel, canvas.widget.class_selector.value))
        self._which.observe(lambda change: canvas.point_out(change["new"]), "value")
        self.view = ipywidgets.HBox([self._which, self._delete, self._relabel])
        canvas.changed = self.refresh
        self.refresh()

    def refresh(self) -> None:
        """List what is on the canvas now."""
        if getattr(self._canvas.canvas, "dragging", None) is not None:
            return
        objects = self._canvas.objects
        options: list[tuple[str, int | None]] = [(f"No object chosen, of {len(objects)}", None)]
        for place, one in enumerate(objects):
            values = list(one.data.values())
            options.append((f"{place + 1}: {one.label or 'no class'} at {_place(values[-1])}", place))
        if options != list(self._which.options):
            former = self._which.value
            self._which.options = options
            self._which.value = former if former is not None and former < len(objects) else None
        self._delete.disabled = self._relabel.disabled = not objects

    def _act(self, act: Callable[..., None], *more: Any) -> None:
        place = self._which.value
        if place is not None and (not more or more[0] is not None):
            act(place, *more)


def _place(coordinates: Any) -> str:
    """The first corner or point, as x, y."""
    first = coordinates[0] if isinstance(coordinates, list) else coordinates
    return f"{first[0]}, {first[1]}" if first else "nowhere"
