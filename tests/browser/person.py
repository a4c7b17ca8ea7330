"""Somebody at the keyboard who knows the truth: read `Person.answer` first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from browser.lab import PATIENCE_S, Notebook

_LOOK = """() => {
  const card = [...document.querySelectorAll('.hitl-card')].pop();
  const chips = [...card.querySelectorAll('.hitl-chip')];
  return {item: card.dataset.item,
    suggestion: card.querySelector('.hitl-bar.hitl-suggested:not([hidden]) .hitl-name')?.textContent ?? null,
    keys: Object.fromEntries(chips.map((c) => [c.querySelector('.hitl-name').textContent, c.ariaKeyShortcuts]))};
}"""
_SEEN = """(before) => {
  const card = [...document.querySelectorAll('.hitl-card')].pop();
  return card && card.dataset.item && card.dataset.item !== before && !card.querySelector('.hitl-empty');
}"""

@dataclass(frozen=True)
class Said:
    """A decision as it was made on the card."""

    item: str
    verdict: str
    label: str | None
    certainty: float | None


class Person:
    """Somebody who knows the truth, reads the card and presses keys.

    `said` is what should stand in the log when all is stored, `n_acts` how many acts its history should tell.
    """

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.truth: dict[str, str] = notebook.value("{str(item): str(label) for item, label in truth.items()}")
        self.said: dict[str, Said] = {}
        self.n_acts: Counter[str] = Counter()
        self.certainty: float | None = None

    def look(self, before: str = "") -> dict[str, Any]:
        """Wait for an item (another one), picture and all, and read the card."""
        self.notebook.page.wait_for_function(_SEEN, arg=before, timeout=1000 * PATIENCE_S)
        return dict(self.notebook.page.evaluate(_LOOK))

    def rate(self, certainty: int) -> None:
        """Say how sure; it is carried on to the decisions that follow."""
        self.notebook.page.keyboard.press(f"Shift+{certainty}")
        self.certainty = certainty

    def answer(self) -> Said:
        """Accept a suggestion that is right, correct one that is wrong, name what has none."""
        card = self.look()
        label, suggestion = self.truth[card["item"]], card["suggestion"]
        verdict = "answer" if suggestion is None else "accept" if suggestion == label else "correct"
        return self._press("Enter" if verdict == "accept" else card["keys"][label],
                           Said(card["item"], verdict, label, self.certainty))

    def unsure(self) -> Said:
        return self._press("u", Said(self.look()["item"], "unsure", None, self.certainty))

    def skip(self) -> Said:
        return self._press("s", Said(self.look()["item"], "skip", None, None))

    def undo(self, last: Said) -> None:
        """Take the last decision back: its item is on the card again."""
        self.notebook.page.keyboard.press("z")
        self.notebook.page.wait_for_function(
            "(item) => [...document.querySelectorAll('.hitl-card')].pop().dataset.item === item", arg=last.item,
            timeout=1000 * PATIENCE_S)
        self.said.pop(last.item, None)
        self.n_acts["retracted"] += 1

    def answer_mostly(self, n: int) -> None:
        """Answer n items, but of every ten: unsure of one, unsure of another and then not, and one skipped before."""
        for i in range(n):
            if i % 10 == 4:
                self.unsure()
            elif i % 10 == 5:
                self.undo(self.unsure())
                self.answer()
            elif i % 10 == 6:
                self.skip()
                self.answer()
            else:
                self.answer()

    def _press(self, key: str, said: Said) -> Said:
        self.notebook.page.keyboard.press(key)
        self.look(before=said.item)
        self.said[said.item] = said
        self.n_acts["decided"] += 1
        return said


def take_the_card(notebook: Notebook) -> None:
    """Scroll to the card and click it, as a person does who wants to use its keys."""
    notebook.card.scroll_into_view_if_needed()
    notebook.card.locator(".hitl-stage").click()
