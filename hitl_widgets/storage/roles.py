"""Who may do what: which acts their person's role allows, by the events before them."""

from __future__ import annotations

from ..events import Event


class Roles:
    """What each person may do, after the events that were taken in. Until a role is given, everybody may do everything.

    Whether an act counts follows from the log alone: the same events in the same order give the same answer everywhere.
    """

    KINDS = ("role",)

    def permits(self, event: Event) -> bool:
        """Whether the person of an event may do it."""
        return True

    def take(self, event: Event) -> None:
        """Take in an event of one of `KINDS`, whether it was permitted or not."""
