"""The policy that the owner of a project sets for its people, their consent, and what they were told.

The owner is the person who created the project, or anybody with that role. The policy is a mapping (`KEYS`) in events
of kind "policy", in which later values win. A person's yes or no is an event of kind "consented", a notice to a person
one of kind "told".
Names of annotators aren't verified, as everywhere in the log: this protects a team against accidents, not against
malice. Read `Agreements` and `set_policy` first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, NotAllowed
from ..events import Event
from ..records import check_number, is_text
from ..storage.roles import Roles
from ..taxonomy.labels import Taxonomy
from .arms import ARMS

if TYPE_CHECKING:
    from .project import Project

# Keys of the policy: the purpose of the project in words; whether the owner sees names beside people's figures (fixed
# at the start); the share of each arm; planted suggestions (share, purpose, labels or a metadata column; None for
# none); the share of a person's own answers that are asked again; and which gold items are asked more often.
KEYS = ("purpose", "names", "arms", "planted", "repeats", "gold", "adaptive")
PLANTED = "planted"
LONGEST_PURPOSE = 2_000
# Maximum share of a person's items with a suggestion that is wrong on purpose.
MOST_PLANTED = 0.05
# Maximum share of a person's answers that are asked again: more would cost more than it is worth.
MOST_REPEATS = 0.2


class Agreements:
    """The policy, consents and notices up to some event of the log. Not locked: `State` does that.

    Attributes
    ----------
    roles : Roles
        Who may do what.
    given : dict
        person -> the "role" event that gave them theirs.
    policy : dict
        The policy, by `KEYS`; empty if nothing was set.
    set_by : dict
        Key -> id of the event that set it last.
    consents : dict
        (annotator, subject of the question) -> the last "consented" event.
    told : dict
        annotator -> their "told" events, in the log's order.
    """

    def __init__(self) -> None:
        self.roles = Roles()
        self.given = dict[str, Event]()
        self.policy = dict[str, Any]()
        self.set_by = dict[str, str]()
        self.consents = dict[tuple[str, str], Event]()
        self.told = dict[str, tuple[Event, ...]]()

    def take_created(self, events: Sequence[Event]) -> None:
        """Apply the "created" event: who created the project."""
        for event in events:
            self.roles = self.roles.then(event)

    def take_roles(self, events: Sequence[Event]) -> None:
        """Apply "role" events: roles that were given or withdrawn."""
        for event in events:
            self.roles = self.roles.then(event)
            self.given = {**self.given, event.body["annotator"]: event}

    @property
    def owner(self) -> str:
        """The person who created the project, as long as they own it; else the person who has been an owner longest."""
        return self.roles.owners[0] if self.roles.owners else ""

    @property
    def owners_in_words(self) -> str:
        """The owners as the subject of a sentence; a comma has to follow."""
        if not self.roles.in_force:
            return f"{self.owner}, who made the project"
        return f"{' or '.join(self.roles.owners)}, who owns the project"

    def is_owner(self, annotator: str) -> bool:
        """Whether a person owns the project."""
        return annotator in self.roles.owners

    def take_policies(self, events: Sequence[Event]) -> None:
        """Apply "policy" events: the last value of each key is in force."""
        for event in events:
            self.policy = {**self.policy, **event.body}
            self.set_by = {**self.set_by, **dict.fromkeys(event.body, event.id)}

    def take_consents(self, events: Sequence[Event]) -> None:
        """Apply "consented" events: who agreed, or withdrew."""
        self.consents = {**self.consents, **{(event.annotator, event.body["to"]): event for event in events}}

    def take_told(self, events: Sequence[Event]) -> None:
        """Apply "told" events: notices to a person, such as an alarm about gold."""
        for event in events:
            self.told = {**self.told, event.annotator: (*self.told.get(event.annotator, ()), event)}

    def consent(self, annotator: str, to: str) -> bool | None:
        """Whether a person agreed to the current policy; None if they haven't answered about it.

        A yes to an earlier policy doesn't count for the current one; a no does.
        """
        event = self.consents.get((annotator, to))
        if event is None or (event.body["yes"] and event.body.get("policy") != self.set_by.get(to)):
            return None
        return bool(event.body["yes"])


def at_start(purpose: str | None, names: bool | None, arms: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Check the policy of a new project, as the body of an event; empty if nothing is set."""
    if names is not None and not isinstance(names, bool):
        raise BadInput(f"names is {names!r}; True (the owner sees names beside people's figures) or False is expected.")
    return {**({} if purpose is None else {"purpose": check_purpose(purpose)}),
            **({} if names is None else {"names": names}), **({} if arms is None else {"arms": check_arms(arms)})}


def check_given(given: Mapping[str, Any], own: Mapping[str, Any], name: str) -> list[str]:
    """Compare the policy passed at opening with the project's own; return a sentence if the purpose differs.

    Parameters
    ----------
    given : mapping
        As `at_start` returned it.
    own : mapping
        The project's policy.
    name : str
        The folder's name, for messages.

    Raises
    ------
    BadInput
        When `names` differs from the project's setting, which is fixed at the start.
    """
    if "names" in given and given["names"] != (shown := own.get("names", False)):
        raise BadInput(f"names={given['names']} can't be set any more: {name} was made with names={shown}, and its "
                       "people answered on that understanding. Leave names out, or begin another project.")
    if "purpose" in given and given["purpose"] != own.get("purpose"):
        return [f"{name} goes on with its own purpose ({own.get('purpose') or 'none'}); "
                "wb.people.set(purpose=...) changes it."]
    return []


def set_arms(project: Project, shares: Mapping[str, float]) -> None:
    """Set the shares of the arms that the owner passed at opening; anybody else is told the current shares."""
    project.refresh()
    own = project.asking.arms.shares
    if own == shares:
        return
    if project.state.agreements.is_owner(project.annotator):
        set_policy(project, arms=dict(shares))
    else:
        in_use = ", ".join(f"{arm} {share:g}" for arm, share in own.items() if share)
        project.notify(f"{project.name} goes on with its own shares of the arms ({in_use}); "
                       f"{project.state.agreements.owners_in_words}, can change them.")


def set_policy(project: Project, **changes: Any) -> dict[str, Any]:
    """Change the policy while people work, as the owner; keys that aren't named stay unchanged.

    Parameters
    ----------
    project : Project
    **changes
        Checked values, by `KEYS`.

    Returns
    -------
    dict
        The whole policy now.

    Raises
    ------
    BadInput
        When somebody else than the owner acts, or nothing was named.
    """
    require_owner(project, "sets this")
    if not changes:
        raise BadInput("nothing was set; name what is to change, such as purpose='...' or repeats=0.05.")
    if odd := sorted(set(changes) - set(KEYS) | set(changes) & {"names"}):
        raise BadInput(f"{odd[0]!r} can't be set here; {', '.join(key for key in KEYS if key != 'names')} can.")
    agreements = project.state.agreements
    new = {key: value for key, value in changes.items() if value != agreements.policy.get(key)}
    if new:  # unchanged values are left out, so that nobody is asked for consent again
        project.record("policy", new)
        project.refresh()
    return dict(project.state.policy)


def require_owner(project: Project, does: str) -> None:
    """Raise NotAllowed unless the current annotator owns the project."""
    project.refresh()
    if not (agreements := project.state.agreements).is_owner(project.annotator):
        raise NotAllowed(f"{agreements.owners_in_words}, {does}; {project.annotator} acts now.")


def check_purpose(purpose: Any) -> str:
    """Return a purpose without surrounding space; BadInput when it is empty, too long or not a text."""
    if not isinstance(purpose, str) or not purpose.strip() or len(purpose) > LONGEST_PURPOSE or not is_text(purpose):
        raise BadInput(f"purpose is {purpose!r:.80}; a sentence of 1 to {LONGEST_PURPOSE:,} characters is expected, "
                       "which everybody reads on the card.")
    return purpose.strip()


def check_arms(arms: Any) -> dict[str, float]:
    """Return the share of every arm, with the remainder for "shown"; BadInput when they aren't valid shares.

    >>> check_arms({"blind": 0.1})
    {'blind': 0.1, 'no_map': 0.0, 'answer_first': 0.0, 'shown': 0.9}
    """
    if not isinstance(arms, Mapping) or (odd := sorted(str(arm) for arm in arms if arm not in ARMS)):
        which = f"{odd[0]!r} is none of them" if isinstance(arms, Mapping) else f"it is {arms!r:.80}"
        raise BadInput(f"arms maps ways of showing an item ({', '.join(ARMS)}) to their shares, such as "
                       f"{{'blind': 0.1}}; {which}.")
    shares = {arm: check_number(f"the share of {arm!r}", share, "a share from 0 to 1", 0, 1)
              for arm, share in arms.items()}
    rest = 1 - math.fsum(share for arm, share in shares.items() if arm != "shown")
    if rest < -1e-9 or ("shown" in shares and abs(rest - shares["shown"]) > 1e-9):
        raise BadInput(f"the shares of arms add up to {math.fsum(shares.values()):g}; 1 is expected. 'shown' may be "
                       "left out: it gets the rest.")
    return {arm: round(max(rest, 0.0), 12) if arm == "shown" else shares.get(arm, 0.0) for arm in ARMS}


def check_planted_share(share: Any) -> float:
    """Return the share of planted suggestions; BadInput when it isn't above 0, or more than one in twenty."""
    share = check_number("share", share, "a share above 0, at most 0.05 (one in twenty),", 0, MOST_PLANTED)
    if share <= 0:
        raise BadInput("share is 0; a share above 0, at most 0.05 (one in twenty), is expected. share=None ends "
                       "it.")
    return share


def check_adaptive(threshold: Any) -> float | None:
    """Return the automation bias above which people answer first, or None for False; BadInput when it is neither."""
    if threshold is False:
        return None
    return check_number("adaptive", threshold, "a difference of probabilities from 0 to 1, or False,", 0, 1)


def check_repeats(share: Any) -> float:
    """Return the share of own answers that are asked again; BadInput unless it is from 0 to `MOST_REPEATS`."""
    return check_number("repeats", share, f"a share from 0 to {MOST_REPEATS}", 0, MOST_REPEATS)


def check_gold_line(rare: Iterable[str] | None, pairs: Iterable[tuple[str, str]] | None, by: str | None,
                    taxonomy: Taxonomy) -> dict[str, Any]:
    """Check which gold items are asked more often, as the log keeps it: label_ids, and the taxonomy's version.

    Parameters
    ----------
    rare : iterable of str or None
        Labels that are declared to be rare.
    pairs : iterable of (str, str) or None
        Pairs of labels whose confusion does harm.
    by : str or None
        A column of the pool's metadata.
    taxonomy : Taxonomy
        Today's.
    """
    if isinstance(rare, str) or isinstance(pairs, str):
        raise BadInput("rare is a list of labels and pairs a list of pairs of labels, such as rare=['lynx'] and "
                       "pairs=[('cat', 'lynx')]; a text was given.")
    listed = [tuple(pair) for pair in pairs or ()]
    if odd := [pair for pair in listed if len(pair) != 2 or pair[0] == pair[1]]:
        raise BadInput(f"{odd[0]!r} isn't a pair of labels; two names are expected, such as ('cat', 'lynx').")
    return {"rare": [taxonomy.answer(label).id for label in rare or ()],
            "pairs": [[taxonomy.answer(label).id for label in pair] for pair in listed], "by": by,
            "taxonomy": taxonomy.version}
