"""Values of the pictures of `shades`: how light each is, on two scales, and which of three kinds it is."""

from __future__ import annotations

import numpy as np
from shades import IMAGES, KINDS, NAMES, POOL

import hitl_widgets as hw
from hitl_widgets.learn.background import BackgroundLearning

LIGHT = dict(zip(POOL.ids, IMAGES.reshape(len(IMAGES), -1).mean(axis=1) / 25.5, strict=True))
KIND = dict(zip(POOL.ids, KINDS, strict=True))
SHADE = hw.Attribute("shade", scale=(0.0, 10.0))
STEP = hw.Attribute("step", scale=(0, 10))
LOOK = hw.Attribute("look", choices=tuple(NAMES))


def true(item_id, *attributes):
    of = {"shade": LIGHT[item_id], "step": STEP.nearest(LIGHT[item_id]), "look": KIND[item_id]}
    return {attribute.name: of[attribute.name] for attribute in attributes}


def learner(wb):
    return BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify)


def answer(wb, n, *attributes, noise=0.0, **more):
    """Give values to n items that may train, in the order of the pool."""
    queue, rng = wb.project.queue, np.random.default_rng(0)
    places = np.flatnonzero(~queue.holdout & ~queue.gold & ~queue.is_answered())[:n]
    for item_id in POOL.ids[places].tolist():
        values = true(item_id, *attributes)
        if noise and "shade" in values:
            values["shade"] = float(np.clip(values["shade"] + rng.normal(0, noise), 0, 10))
        wb.decide(item_id, values=values, **{name: of[item_id] for name, of in more.items()})
    return [str(item_id) for item_id in POOL.ids[places]]


def open_positions(wb, n=40):
    queue = wb.project.queue
    return np.flatnonzero(~queue.holdout & ~queue.is_answered())[-n:]
