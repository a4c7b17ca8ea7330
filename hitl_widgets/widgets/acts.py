"""How is an act of a widget answered, whatever comes twice, too early or can't be read? Read `Acts.receive`.

Every act gets a reply, at once and on whichever thread it arrived. What can't be stored just now comes again; what came
again is stored once; an act that follows another in its tab waits for that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BadInput, HitlError, StoreError
from .comm import Message

KNOWN = 4_096  # acts whose answer is remembered


class Acts:
    """The acts that a widget knows, and what became of those that came.

    Parameters
    ----------
    handlers : what answers each kind of act; a `HitlError` that it raises becomes a `rejected` reply
    """

    def __init__(self, handlers: Mapping[str, Callable[[Mapping[str, Any]], Message]]) -> None:
        self._handlers = handlers
        self._answered: dict[str, None] = {}  # ids of the acts that needn't come again
        self._troubled: set[str] = set()  # ids of acts that raised what nobody foresaw
        self._refusal = ""

    def receive(self, act: Any) -> Message:
        """The reply to one act."""
        if not isinstance(act, Mapping):
            return {"kind": "rejected", "reason": f"an act is a mapping, not {type(act).__name__}."}
        try:
            kind = str(act.get("kind"))
            if kind not in self._handlers:
                raise BadInput(f"an act of kind {kind!r} is unknown; known are {', '.join(self._handlers)}.")
            if self._comes_too_early(act):
                reason = self._refusal or "an earlier decision of this tab isn't stored yet; this one waits for it."
                return {"kind": "rejected", "decision_id": act.get("decision_id"), "reason": reason, "again": True}
            reply = self._handlers[kind](act)
        except StoreError as error:
            self._refusal = str(error)
            return {"kind": "rejected", "decision_id": act.get("decision_id"), "reason": str(error), "again": True}
        except HitlError as error:
            reply = {"kind": "rejected", "decision_id": act.get("decision_id"), "reason": str(error)}
        except Exception:
            self._troubled.add(str(act.get("decision_id")))
            raise
        if "decision_id" in act:
            self._refusal = ""
            self._answered[str(act["decision_id"])] = None
            while len(self._answered) > KNOWN:
                self._answered.pop(next(iter(self._answered)), None)
        return reply

    def _comes_too_early(self, act: Mapping[str, Any]) -> bool:
        """Whether an act that this one follows in its tab must be stored first. It will come, or come again."""
        after, undone = act.get("after"), str(act.get("retracts"))
        # What fails for a reason of its own keeps nothing waiting but its own undo.
        if undone in self._troubled and undone not in self._answered:
            return True
        return after is not None and str(after) not in self._answered and str(after) not in self._troubled
