"""Opening a project's folder: stored settings take precedence over arguments.

Read `read_settings` first. Each function does one step, and notifies where it used a stored setting instead of an
argument.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, IdReused, WrongPool
from ..events import Event
from ..items.ids import Ids
from ..items.integrity import check_same_pool, renamed_items
from ..items.pool import Pool
from ..records import OBJECT_TASKS, check_count
from ..storage.files import read_groups, read_pool_digest, read_pool_ids, write_groups, write_pool_ids
from ..storage.log import Log
from ..storage.schema import id_of_edit
from ..taxonomy.history import Change, Lineage
from ..taxonomy.labels import Taxonomy


def read_settings(folder: Path, log: Log, given: Mapping[str, Any], taxonomy: Taxonomy | None, *, annotator: str,
                  now: Callable[[], datetime], notify: Callable[[str], None],
                  policy: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read the settings that a project was created with; a new project is created with those given.

    Parameters
    ----------
    folder : Path
        The project's folder, for messages.
    log : Log
    given : mapping
        The settings that were passed: ``holdout``, ``seed``, ``task`` (None for the folder's own) and, if any,
        ``group``.
    taxonomy : Taxonomy or None
        The first version of a new project.
    annotator : str
        Who creates a new project.
    now : function returning an aware datetime
    notify : function taking a sentence
        Called if the log was repaired, and for each setting whose stored value differs.
    policy : mapping, optional
        The policy of a new project, see `policy.at_start`.

    Raises
    ------
    BadInput
        When the project is new and no taxonomy was passed, or the stored task differs.
    """
    if log.rebuilt:
        notify(f"{log.name}: the log's table of annotations didn't agree with its events, which are whole; it was "
               "made anew from its events. A copy of the former state is in copies/.")
    created = next(iter(log.events(kind="created")), None)
    if created is None:
        if taxonomy is None:
            raise BadInput(f"{log.location} is a new project; pass its taxonomy, for instance "
                           "Workbench(folder, pool, hw.Taxonomy(['cat', 'dog'])).")
        created = _create(log, given, taxonomy, annotator=annotator, now=now, policy=policy or {})
    settings: dict[str, Any] = dict(created.body)
    if given.get("task") not in (None, own := settings.setdefault("task", "classify")):
        of_file = f" Of a file, hw.Workbench.from_file(path, folder, task={own!r}) reads its {own}." \
            if {own, given["task"]} <= set(OBJECT_TASKS) - {"spans"} else ""
        raise BadInput(f"{log.name} is a project with task={own!r}, and {given['task']!r} was given: what is asked "
                       f"of an item is fixed when a project is made. Leave task out, or choose another folder.{of_file}"
                       )
    for name, value in given.items():
        if name == "task":
            continue
        if value != (own := settings.get(name)):
            notify(f"{log.name} goes on with its own {name}={own} ({value} was given): the hold-out never moves.")
    return settings


def check_task(task: str, taxonomy: Taxonomy) -> None:
    """Raise BadInput where a taxonomy has nothing that the task could ask."""
    if task == "scale" and not taxonomy.attributes:
        raise BadInput("task='scale' asks for values of attributes alone, and the taxonomy has none. Give some: "
                       "hw.Taxonomy(attributes=[hw.Attribute('blur', scale=(0, 10))]).")
    if task != "scale" and not taxonomy.label_ids:
        raise BadInput(f"task={task!r} asks for labels, and the taxonomy has only attributes. Give it labels, or say "
                       "task='scale'.")


def check_kind(task: str, pool: Pool) -> None:
    """Raise BadInput where a task asks for objects that the pool's items can't have."""
    if task == "spans" and pool.kind != "text":
        raise BadInput("task='spans' asks for spans of texts, and the pool has images; pass hw.Pool.from_texts(...), "
                       "or say task='boxes', 'polygons' or 'points'.")
    if task in OBJECT_TASKS and task != "spans" and pool.kind == "text":
        raise BadInput(f"task={task!r} asks for objects in images, and the pool has texts; say task='spans', or pass "
                       "hw.Pool.from_images(...).")


def _create(log: Log, settings: Mapping[str, Any], taxonomy: Taxonomy, *, annotator: str,
            now: Callable[[], datetime], policy: Mapping[str, Any]) -> Event:
    """Store the first events of a new project, and return the one of its settings."""
    settings = {name: value for name, value in settings.items() if name != "task" or value not in (None, "classify")}
    check_task(settings.get("task", "classify"), taxonomy)
    settings["key"] = secrets.token_hex(16)  # pseudonyms are made with it: `names.pseudonyms`
    first = Event(id=f"created-{log.id}", kind="created", annotator=annotator, acted_at=now(), body=settings)
    version = Change(taxonomy, {}).event(id=id_of_edit(log.id, 0), annotator=annotator, acted_at=now(),
                                         why="the project was made")
    more = [Event(id=f"policy-{log.id}-0", kind="policy", annotator=annotator, acted_at=now(), body=policy)]
    try:
        return log.append(first, version, *more[:len(policy)])[0]
    except IdReused:  # another process made it in the meantime
        return next(iter(log.events(kind="created")))


def with_former_ids(pool: Pool, folder: Path, log: Log, *, notify: Callable[[str], None]) -> Pool:
    """Find answered items whose files were renamed, and give them back the ids that their answers have.

    Parameters
    ----------
    pool : Pool
        The items as they were passed.
    folder : Path
        Keeps the ids of the pool from the last opening.
    log : Log
        Has the content hashes of the answered items.
    notify : function taking a sentence
        Called when files were renamed.
    """
    if read_pool_digest(folder) in ("", pool.digest):
        return pool
    ids = Ids(read_pool_ids(folder)[1])
    found = pool.positions(ids)
    gone = ids[np.flatnonzero(found < 0)].tolist()
    is_new = np.ones(len(pool), np.bool_)
    is_new[found[found >= 0]] = False
    joined = np.flatnonzero(is_new).tolist()
    if not gone or not joined:
        return pool
    rows = log.changed_annotations(log.last_seq(), gone, columns=("content",))
    renamed = renamed_items(pool, dict(zip(rows["item_id"], rows["content"], strict=True)), joined)
    if not renamed:
        return pool
    place, former = next(iter(renamed.items()))
    notify(f"{log.name}: {len(renamed):,} answered files were renamed or moved, such as {former!r} to "
           f"{pool.ids[place]!r}; they keep the ids that their answers have.")
    return pool.known_as(renamed)


def check_groups(pool: Pool, folder: Path, column: str | None) -> None:
    """Refuse a pool whose items changed their groups since the last opening: the hold-out would change.

    Parameters
    ----------
    pool : Pool
        The items, with the ids that the folder knows.
    folder : Path
        Keeps the groups from the last opening.
    column : str or None
        The column of the pool's metadata with the groups; None where there are none.

    Raises
    ------
    WrongPool
        When an item has another group than it had.
    """
    if column is None:
        return
    sums, former, same = pool.group_sums(column), read_groups(folder), read_pool_digest(folder) == pool.digest
    ids = pool.ids if same else Ids(read_pool_ids(folder)[1])
    if former is not None and len(former) == len(ids):
        places = np.arange(len(pool)) if same else pool.positions(ids)
        moved = np.flatnonzero((places >= 0) & (sums[places] != former))
        if len(moved):
            raise WrongPool(f"{len(moved):,} items, such as {ids[moved[0]]!r}, have another {column!r} than when "
                            f"{folder} was last opened, so that the hold-out would move. Give them their "
                            f"former {column!r} again, or begin another project.")
    if former is None or not np.array_equal(former, sums):
        write_groups(folder, sums)


def check_taxonomy(taxonomy: Taxonomy, lineage: Lineage, name: str, *, notify: Callable[[str], None]) -> None:
    """Compare the taxonomy that was passed with the project's own, and notify if it isn't today's.

    Parameters
    ----------
    taxonomy : Taxonomy
        As it was passed.
    lineage : Lineage
        All versions of the project's taxonomy.
    name : str
        The folder's name, for messages.
    notify : function taking a sentence

    Raises
    ------
    TaxonomyMismatch
        When the project never had this taxonomy.
    """
    today = lineage.today
    if (version := lineage.version_of(taxonomy)) != today.version:
        notify(f"{name}: the taxonomy given is version {version}; the project goes on with version {today.version}.")
    if taxonomy.digest == today.digest and taxonomy.names != today.names:
        notify(f"{name} goes on with its own order of the labels; the outputs of a net follow it.")


def shares_items(pool: Pool | None, folder: Path, *, notify: Callable[[str], None]) -> bool:
    """Whether the pool shares items with the pool of the last opening, as far as its ids are kept.

    From then on the folder keeps the ids of this pool.

    Parameters
    ----------
    pool : Pool or None
        The items; None where the project is opened without them.
    folder : Path
    notify : function taking a sentence
        Called if items were added to the pool or are missing.

    Raises
    ------
    WrongPool
        If the pool has none of the former items.
    """
    if pool is None:
        return False
    if read_pool_digest(folder) == pool.digest:
        return True
    ids = Ids(read_pool_ids(folder)[1])
    if len(ids):
        check_same_pool(pool, ids, folder, notify)
    write_pool_ids(folder, pool.digest, pool.ids.joined)
    return len(ids) > 0


def check_annotators(given: int | tuple[int, int]) -> int | tuple[int, int]:
    """Check the number of annotators per item: a number, or a minimum and a maximum; BadInput otherwise."""
    expected = "a whole number, 1 or more, or at least and at most, such as (1, 5),"
    if not isinstance(given, (tuple, list)):
        return check_count("annotators_per_item", given, expected, least=1)
    if len(given) != 2:
        raise BadInput(f"annotators_per_item is {given!r}; {expected} is expected.")
    least, most = (check_count("annotators_per_item", number, expected, least=1) for number in given)
    if least > most:
        raise BadInput(f"annotators_per_item is {given!r}; {expected} is expected.")
    return least, most
