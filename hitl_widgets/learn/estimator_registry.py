"""Model versions that come from an estimator: what is stored, and when the estimator itself predicts.

An estimator is never stored. `EstimatorVersions.restored` returns the stored probabilities, together with the estimator
if it was passed to this session or fitted in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from ..errors import ModelError
from ..events import Event
from ..records import Bars, no_bars
from .callables import holds_callable
from .estimator_nets import MOST_STORED, EstimatorNet, is_of, tabled
from .estimators import Estimator
from .imported import ImportedNet, holds_imported_net
from .weights import weights_version

if TYPE_CHECKING:
    from .architecture import Architecture

# Number of this session's estimators that are kept in memory, the latest.
N_LIVE = 6


class EstimatorVersions:
    """An estimator's versions in one session.

    Parameters
    ----------
    architecture : callable
        Returns the project's `Architecture`, which has the estimator that was passed.
    notify : callable
        Called with a message for the user.
    names : callable
        Returns version -> name; an estimator's name is its class.
    bars : Bars
        Shows how many items are predicted.
    """

    def __init__(self, architecture: Callable[[], Architecture], *, notify: Callable[[str], None],
                 names: Callable[[], dict[str, str]], bars: Bars = no_bars) -> None:
        self._architecture, self._notify, self._names, self._bars = architecture, notify, names, bars
        self._live: dict[str, EstimatorNet] = {}
        self._lock = threading.Lock()

    @property
    def given(self) -> Estimator | None:
        """The estimator that was passed to this session; None without one."""
        return self._architecture().estimator

    def is_live(self, version: str) -> bool:
        """Whether the estimator of a version is in memory."""
        return version in self._live

    def net(self, estimator: Estimator, label_ids: Sequence[str]) -> EstimatorNet:
        """A fitted estimator as a net, with its probabilities for the pool.

        Parameters
        ----------
        estimator : Estimator
        label_ids : sequence of str
            The label of each column.

        Raises
        ------
        ModelError
            When its classes aren't these labels, or it can't be used on this pool.
        """
        architecture = self._architecture()
        net = tabled(estimator.in_order(label_ids, architecture.names()), architecture.pool, label_ids,
                     content=architecture.content, bars=self._bars)
        return self._keep(net)

    def _keep(self, net: EstimatorNet) -> EstimatorNet:
        version = weights_version(net)
        with self._lock:
            kept = {**{name: one for name, one in self._live.items() if name != version}, version: net}
            self._live = dict(list(kept.items())[-N_LIVE:])
        return net

    def restored(self, path: Path, label_ids: Sequence[str]) -> nn.Module | None:
        """The net in a version's file if it came from an estimator, else None.

        Parameters
        ----------
        path : Path
            The file of weights.
        label_ids : sequence of str
            The label of each column.

        Returns
        -------
        EstimatorNet, ImportedNet or None
            An `ImportedNet`, with the stored probabilities, where the estimator isn't available.
        """
        if (live := self._live.get(path.stem)) is not None:
            return live
        architecture, given = self._architecture(), self.given
        if holds_callable(path):  # of a pool that is too large for a table
            if given is None or not given.is_fitted or len(architecture.pool) <= MOST_STORED:
                return None
            net = self.net(given, label_ids)
            return net if weights_version(net) == path.stem else None
        if not holds_imported_net(path):
            return None
        table = architecture.restored(path, len(label_ids))
        assert isinstance(table, ImportedNet)
        if given is not None and given.is_fitted:
            try:
                ordered = given.in_order(label_ids, architecture.names())
            except ModelError:  # it was fitted to other labels
                return table
            if is_of(table, ordered, architecture.pool, label_ids, content=architecture.content):
                return self._keep(EstimatorNet(ordered, table))
        return table

    # 13 branches: one for each reason why the project's model stays, with its own notice.
    def takes_over(self, event: Event, path: Path) -> bool:
        """Whether the estimator that was passed should replace the adopted model; `notify` is called with the reason.

        Parameters
        ----------
        event : Event
            The event of the last adoption.
        path : Path
            The adopted model's file of weights.
        """
        given, body = self.given, event.body
        if given is None:
            if holds_imported_net(path) and body["origin"] != "imported" and body.get("name"):
                self._notify(f"The project goes on with the stored probabilities of {body['name']}, which itself isn't "
                             "stored: pass it again, hw.Workbench(..., model=...), to predict new items or to train.")
            return False
        if body["own"]:
            fits = f"wb.finetune() fits the {given.name} and compares the two, and " if given.fits else ""
            self._notify(f"The project goes on with the workbench's own model, {body['model']}, and not with the "
                         f"{given.name} given; {fits}wb.adopt(model) takes it.")
            return False
        if not given.is_fitted:
            if holds_imported_net(path):
                self._notify(f"The project goes on with the stored probabilities of {body.get('name', 'its model')}; "
                             f"wb.finetune() fits the {given.name} given.")
            return False
        if body["origin"] == "imported":
            self._notify(f"The project goes on with the imported predictions {body.get('name', '')!r}; "
                         f"wb.adopt(model) takes the {given.name} given.")
            return False
        if isinstance(self.restored(path, tuple(body["label_ids"])), EstimatorNet):
            return False
        if body.get("features", given.features.version) != given.features.version:
            self._notify(f"The pool has other items, to which its descriptors were fitted anew: the {given.name} given "
                         "was fitted to others, and the project goes on with the stored probabilities. wb.finetune() "
                         "fits it to today's; wb.adopt(model) takes one that was fitted to them.")
            return False
        if body.get("name") == given.name and body["origin"] != "given":
            self._notify(f"The project goes on with the stored probabilities of the {given.name} that was fitted to "
                         f"the answers, {body['model']}; wb.finetune() fits the one given again, and wb.adopt(model) "
                         "takes it as it is.")
            return False
        self._notify(f"The {given.name} given isn't the model that was adopted, {body['model']}; it is adopted now.")
        return True
