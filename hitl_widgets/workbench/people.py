"""The accessor ``wb.people``: the annotators of a project, their answers and their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..errors import BadInput
from ..project import policy as policy_
from ..project import team
from ..project.labels_required import require_labels
from ..quality.label_errors import SECOND_LOOK

if TYPE_CHECKING:
    from ..project.forgetting import Forgotten
    from ..project.threads import Threads
    from ..quality.annotator_agreement import Agreement, Distance
    from ..quality.by_label import ByLabel
    from ..quality.calibration import Calibration
    from ..quality.crowd_consensus import Consensus
    from ..quality.label_states import SetConsensus
    from ..quality.object_agreement import ObjectAgreement
    from ..quality.prefill import PrefillBias
    from ..quality.schools_of_thought import Schools
    from ..quality.suggestion_effect import AutomationBias
    from ..quality.value_agreement import ValueAgreement
    from ..quality.value_bias import ValueBias
    from ..quality.value_consensus import ValueConsensus
    from ..records import Decision
    from ..report.experiment_plan import ExperimentPlan
    from ..report.own_page import OwnPage
    from ..widgets.adjudication import AdjudicationDesk
    from .workbench import Workbench


class People:
    """The annotators of a project: ``wb.people()`` is the table, ``wb.people.calibration()`` judges their certainty."""

    def __init__(self, wb: Workbench) -> None:
        self._wb = wb

    def __call__(self) -> pd.DataFrame:
        """One row per annotator, yours first: annotator, n_answers (current ones), n_unsure, n_skipped, last_acted_at.

        Where items are assigned to people, the columns assigned and left count them, as `workload` does. Other people
        have pseudonyms, unless you own a project that was made with ``names=True``.
        """
        from ..project.names import as_seen_by
        annotations = self._wb.annotations()
        verdicts = annotations["verdict"]
        by_person = annotations.assign(unsure=verdicts == "unsure", skipped=verdicts == "skip").groupby("annotator")
        table = by_person.agg(n=("verdict", "size"), n_unsure=("unsure", "sum"), n_skipped=("skipped", "sum"),
                              last_acted_at=("acted_at", "max")).reset_index()
        table.insert(1, "n_answers", table.pop("n") - table["n_skipped"])
        reader, project = self._wb.annotator, self._wb.project
        if project.has_pool and project.state.assignments.by_annotator:
            from ..project.workload import workload
            assigned = workload(project)[0][["annotator", "assigned", "left"]]
            table = table.merge(assigned, on="annotator", how="outer")
            counts = ["n_answers", "n_unsure", "n_skipped", "assigned", "left"]
            table[counts] = table[counts].fillna(0).astype(int)
        seen = as_seen_by(self._wb.project, table, reader)
        mine = seen["annotator"] == reader
        return pd.concat([seen[mine], seen[~mine].sort_values("annotator")], ignore_index=True)

    def calibration(self, annotator: str | None = None) -> Calibration:
        """Calibration of people's certainty: how often answers are right at each step of it.

        Answers are compared with gold, or else with what at least two other annotators agree on. The hold-out is
        excluded. You see your own figures: the names and rows of others are shown only to the owner of a project made
        with ``names=True``, and the figures of all together only if there are five others or more.

        Parameters
        ----------
        annotator : str, optional
            One annotator; each annotator, and all together, if missing.

        Returns
        -------
        Calibration
            .table (n, Brier score, AUROC with its interval, a verdict in words, a flag for annotators who rate
            everything 10), .curve, .plot()

        Raises
        ------
        BadInput
            When the annotator has answered nothing, or their figures aren't shown to you.
        """
        from ..learn.soft_labels import judged_answers
        require_labels(self._wb.project, "this calibration is", "wb.objects() has the certainty of each object")
        from ..project.names import names_for, own_and_all, sees_names
        from ..quality.calibration import calibration
        project, reader = self._wb.project, self._wb.annotator
        answers = judged_answers(project)
        if annotator is not None:
            if annotator not in set(given := self._wb.annotations()["annotator"]):
                seen = sorted(names_for(project, given, reader).values())
                raise BadInput(f"annotator {annotator!r} has answered nothing; there are answers by: "
                               f"{', '.join(seen) or 'nobody'}.")
            if annotator != reader and not sees_names(project, reader):
                raise BadInput(f"the figures of {annotator!r} are theirs: this project wasn't made with names=True, or "
                               f"{reader!r} isn't its owner.")
            answers = answers[answers["annotator"] == annotator]
        found = calibration(answers)
        table, curve = (own_and_all(project, frame, reader, annotators=answers["annotator"])
                        for frame in (found.table, found.curve))
        return replace(found, table=table, curve=curve)

    # -- what several people's answers say

    def consensus(self, method: str = "auto", *, label: str | None = None, attribute: str | None = None
                  ) -> Consensus | ValueConsensus | SetConsensus:
        """The consensus of all annotators on each item, their reliability, and how often suggestions are copied.

        It is `hitl_widgets.quality.consensus` of `Workbench.votes`, with the taxonomy's labels. Votes that were given
        in sight of a suggestion may be copies of it: if votes name suggestions, no method is taken that ignores this.
        Unlike in `Workbench.consensus`, adjudicated labels don't overrule the votes.

        Parameters
        ----------
        method : str
            "majority", "one_coin", "dawid_skene", "glad", "mace", "exposure", or "auto" for the one that best predicts
            held-out votes. For values on a scale "auto", "model", "median" or "mean".
        label : str, optional
            With ``task="multilabel"``, one label: whether an item has it. All of them, each on its own, if missing.
        attribute : str, optional
            The values of an attribute in place of labels.

        Returns
        -------
        Consensus, SetConsensus or ValueConsensus
            .labels, .probs, .table, .annotators (your own row; everybody's where you may see names), .copy_rate,
            .copying, .model, .method, .evidence. With ``task="multilabel"`` and no label .table, .probs, .shares,
            .per_label, .annotators and .by_label (name -> the consensus about it); for a scale .table (with low, high
            and spread), .annotators (who answers high or low), .method.
        """
        from ..report.several_people import consensus_of
        return consensus_of(self._wb.project, self._wb.annotator, method, label=label, attribute=attribute)

    def agreement(self, distance: Distance | None = None, *, label: str | None = None, attribute: str | None = None
                  ) -> Agreement | ValueAgreement | ObjectAgreement:
        """How far annotators agree: coefficients with intervals over items, and over items and people.

        Parameters
        ----------
        distance : str, optional
            "nominal" for labels; "ordinal" where the taxonomy's labels are steps of a scale, from the lowest to the
            highest; "masi" or "jaccard" for sets of labels; "interval" or "ordinal" for values. By default the first
            that fits: "nominal", "masi", "ordinal" for whole steps and "interval" for a continuous scale.
        label : str, optional
            With ``task="multilabel"``, one label: whether an item has it. Whole sets if missing.
        attribute : str, optional
            The values of an attribute in place of labels.

        Returns
        -------
        Agreement, ValueAgreement or ObjectAgreement
            .table, .per_label, .pairs and .within (everybody's if you may see names; else .pairs compares you with all
            others together, and .within has your own row and "all", from five others on), .over_time(), .plot(). For a
            scale .alpha, .difference (how much two values of an item differ), .table and .pairs. For objects, how many
            were found, named and placed alike, as curves: .table, .annotators (your own row, as above), .plot(). Images
            count that were answered for certain; objects of which somebody was unsure are theirs like any other; of
            objects whose label an edit left in doubt only the place is compared, and .notes says how many images have
            one.
        """
        from ..report.several_people import agreement_of
        return agreement_of(self._wb.project, self._wb.annotator, distance, label=label, attribute=attribute)

    def bias(self, truth: pd.Series | Mapping[str, Any] | None = None, *, label: str | None = None,
             attribute: str | None = None) -> AutomationBias | ValueBias | PrefillBias:
        """The effect of seeing the model's suggestion on people's labels, from cards with randomly drawn arms.

        Parameters
        ----------
        truth : Series or mapping, optional
            Item id -> label, from people who saw no suggestion; by default the gold of the project. Other items are
            judged by the majority of other people's blind votes.
        label : str, optional
            With ``task="multilabel"``, one label: whether an item has it. Whole sets if missing, and `.per_label` then
            has each label on its own.
        attribute : str, optional
            The values of an attribute in place of labels.

        Returns
        -------
        AutomationBias, ValueBias or PrefillBias
            .effect, .anchoring, .over_correction, .planted, .per_label, .per_annotator (your own row; everybody's if
            you may see names), .power(n), .plot(). For a scale .pull (the share of the way to the suggested value that
            people go when they see it), .nearer, .taken and .per_annotator. With ``task="multilabel"`` and no label
            `.per_label` also has kept and left_off: how much more often a suggested label is on, and one that wasn't
            suggested off, when the suggestion is seen. Where objects are asked for, PrefillBias: .missed (objects that
            are found blind and missed where their proposal was withheld), .missed_share, .proposed, .by_threshold,
            .by_score.
        """
        from ..report.several_people import bias_of
        return bias_of(self._wb.project, self._wb.annotator, truth, label=label, attribute=attribute)

    def schools(self, *, level: float = 0.05, n_boot: int = 199, seed: int = 0, label: str | None = None,
                attribute: str | None = None) -> Schools | ByLabel[Schools]:
        """Whether annotators form several schools, that is, mean different things by the labels.

        Parameters
        ----------
        level : float
            Two schools are reported where the p-value is at most this.
        n_boot : int
            Number of data sets simulated under a single school.
        seed : int
        label : str, optional
            With ``task="multilabel"``, one label: whether an item has it. All of them, each on its own, if missing.
        attribute : str, optional
            An attribute with choices in place of labels.

        Returns
        -------
        Schools or ByLabel
            .n, .p_value, .sizes (how many people each school has), .members and .people (your own row; everybody's
            where you may see names), .dividing_items, .stability, .plot(). With ``task="multilabel"`` and no label
            a mapping of names to these.
        """
        from ..report.several_people import schools_of
        with self._wb._services.bars(None, title="Looking for schools of thought"):
            return schools_of(self._wb.project, self._wb.annotator, label=label, attribute=attribute, level=level,
                              n_boot=n_boot, seed=seed)

    def plan(self, effect: float = 0.2, *, power: float = 0.8, hold: bool | None = None) -> ExperimentPlan:
        """How many more cards the project needs to find an effect of its suggestions, and how many weeks that takes.

        Parameters
        ----------
        effect : float
            The effect to find: how much more often people give the model's wrong label when they see it.
        power : float
            Probability of finding the effect, between 0 and 1.
        hold : bool, optional
            As the owner: True begins an experiment of `n_more` cards, during which nothing is learnt in the background,
            since people's answers depend on how good the suggestions are; False ends it. It is logged.

        Returns
        -------
        ExperimentPlan
            .needed, .n_so_far, .n_more, .per_week, .weeks, .power

        Raises
        ------
        BadInput
            When an argument can't be used, or somebody other than the owner begins or ends an experiment.
        """
        from ..project import experiment
        from ..report.experiment_plan import plan_experiment
        if hold is not None and not isinstance(hold, bool):
            raise BadInput(f"hold is {hold!r}; True, False or None is expected.")
        require_labels(self._wb.project, "this plan is", "people.bias() has the interval of what was measured so far")
        if self._wb.project.task == "scale":
            raise BadInput("an experiment can be planned only where labels are asked for, and this project asks for "
                           "values alone; people.bias(attribute=...) has the interval of what was measured so far.")
        plan = plan_experiment(self._wb.project.answers().cards(), truth=self._known(), effect=effect, power=power)
        if hold:
            experiment.hold(self._wb.project, plan.n_more, effect=effect, power=power)
        elif hold is False:
            experiment.release(self._wb.project)
        return plan

    def adjudicate(self, *, tolerance: float = 0.05, new: bool = False, seed: int | None = None,
                   keys: Mapping[str, str | Sequence[str]] | None = None) -> AdjudicationDesk:
        """The adjudication below the cell: items with competing answers, without names, and the model hidden.

        The most doubtful labels and a random sample of the rest are reviewed, until at most `tolerance` of the labels
        are still wrong with 95 % confidence. A verdict's label overrules the votes, which are kept. A script uses
        `next` and `decide` of the same object. Calling it again closes the earlier page.

        Parameters
        ----------
        tolerance : float
            Largest acceptable share of wrong labels. Fixed when a plan is drawn.
        new : bool
            Draw a new plan from today's answers, though the last one isn't finished.
        seed : int, optional
            Seed of the plan's random sample.
        keys : mapping, optional
            Other keys for the page's actions, such as ``{"undecided": "x"}``; `?` lists them.

        Returns
        -------
        AdjudicationDesk
            .next(), .decide(item_id, label, cause, note=), .retract(verdict), .estimate (share of labels that are still
            wrong), .error (and whether reviewing may stop), .table

        Raises
        ------
        BadInput
            When nobody answered anything yet, or an argument can't be used.
        """
        from ..project.adjudication import Adjudication
        from ..widgets.adjudication import AdjudicationDesk
        wb = self._wb
        require_labels(wb.project, "verdicts are", "wb.objects(consensus=True) joins the objects of several people")
        session = Adjudication(wb.project, tolerance=tolerance, new=new, seed=seed, bars=wb._services.bars)
        return wb._widgets.take_over(AdjudicationDesk(session, keys=keys))

    def own(self) -> OwnPage:
        """Your own page: answers that others contradict, your calibration, your bias, your agreement with yourself.

        Only you see these figures, and the owner if the project was made with ``names=True``.

        Returns
        -------
        OwnPage
            .slips (a DataFrame), .counts, .gold, .agreement, .with_oneself, .calibration, .anchoring, .effect; it shows
            itself in a notebook
        """
        from ..report.own_page import own_page
        require_labels(self._wb.project, "this page is", "people.bias() and people.agreement() tell of objects")
        return own_page(self._wb.project, self._wb.annotator)

    def _known(self) -> pd.Series:
        """The gold answers as names of labels; for sets, the names in one text."""
        name_of = self._wb.taxonomy.name_of
        return pd.Series({item_id: name_of(label_id) for item_id, label_id in self._wb.project.gold().items()},
                         dtype=object)

    def threads(self, *, all_items: bool = False) -> Threads:
        """The questions about items and labels, their answers, and their outcome.

        On the card, `q` asks one. Here people answer and settle them: settling can turn an answer into a sentence of
        the label's definition, an example, a counter-example or an edge case, by an edit of the taxonomy. As on the
        card, questions about items that you haven't answered yet are left out, unless you wrote in them.

        Parameters
        ----------
        all_items : bool
            Whether those are included too: for people who may adjudicate. Your own answers to these items are then no
            longer independent.

        Raises
        ------
        NotAllowed
            When somebody who is neither reviewer nor owner asks for all items.

        Returns
        -------
        Threads
            .table, a DataFrame; .ask(text, item_id=, label=), .answer(thread, text), .settle(thread, "definition"),
            .reopen(thread)
        """
        from ..project.threads import Threads
        from ..storage.roles import READING_AHEAD
        self._wb.project.refresh()
        if not all_items:
            return Threads(self._wb.project, self._wb.annotator)
        self._wb.project.require_role(READING_AHEAD)
        return Threads(self._wb.project)

    def second_looks(self) -> pd.DataFrame:
        """Answers that may be wrong and are worth a second look, the least probable first.

        Columns: item_id, annotator (pseudonyms of other people, unless you may see their names), label, certainty,
        right (the probability that it is right), looked (whether its author confirmed it at a second look already).
        Estimated as for ``finetune(certainty="soft")``, docs/certainty.md. With ``task="multilabel"`` a row is about
        one label, and value says whether the answer has it. With ``task="scale"`` it is about the value of an
        attribute: columns attribute, value and expected (predicted out of fold) in place of label.
        Where objects are asked for, a row is about one object: columns object_id (None where one may be missing), error
        ("missing", "wrong label", "wrongly grouped" or "wrong place"), label, expected (by the model) and at (its
        coordinates).
        """
        from ..project.names import as_seen_by
        with self._wb._services.bars(None, title="Estimating how likely each answer is right"):
            frame, taxonomy = self._wb.session.update_second_looks().frame, self._wb.taxonomy
        if self._wb.project.task == "scale":
            certainty = self._wb.values().drop_duplicates("decision_id").set_index("decision_id")["certainty"]
            names = {attribute.id: attribute.name for attribute in taxonomy.attributes}
            return as_seen_by(self._wb.project, pd.DataFrame({
                "item_id": frame["item_id"], "annotator": frame["annotator"],
                "attribute": frame["attribute_id"].map(names), "value": frame["value"], "expected": frame["expected"],
                "certainty": frame["decision_id"].map(certainty).astype(float), "right": frame["right"].astype(float),
                "looked": frame["chosen_by"] == SECOND_LOOK}), self._wb.annotator)
        if self._wb._services.asks_for_objects:
            return as_seen_by(self._wb.project, pd.DataFrame({
                "item_id": frame["item_id"], "annotator": frame["annotator"], "object_id": frame["object_id"],
                "error": frame["error"], **{name: pd.Series([
                    None if label_id is None else taxonomy.name_of(label_id) for label_id in frame[column]],
                    dtype=object) for name, column in (("label", "label_id"), ("expected", "expected_id"))},
                "at": frame["at"], "right": frame["right"], "looked": frame["chosen_by"] == SECOND_LOOK}),
                self._wb.annotator)
        columns = {"item_id": frame["item_id"], "annotator": frame["annotator"],
                   "label": pd.Series([taxonomy.name_of(label_id) for label_id in frame["label_id"]], dtype=object),
                   **({"value": frame["value"]} if "value" in frame else {}),
                   "certainty": frame["certainty"], "right": frame["right"],
                   "looked": frame["chosen_by"] == SECOND_LOOK}
        return as_seen_by(self._wb.project, pd.DataFrame(columns), self._wb.annotator)

    # -- what the owner sets

    def policy(self) -> dict[str, Any]:
        """The settings that the owner, who made the project, made for its people; empty if there are none.

        Returns
        -------
        dict
            ``purpose`` (of the project), ``names`` (whether the owner sees names beside figures), ``arms`` (the share
            of each way of showing an item), ``planted`` (suggestions that are wrong on purpose), ``repeats`` (the share
            of a person's answered items that are asked again), ``gold`` (which gold items are asked more often).
        """
        self._wb.project.refresh()
        return dict(self._wb.project.state.policy)

    def set(self, *, purpose: str | None = None, arms: Mapping[str, float] | None = None,
            repeats: float | None = None, rare: Sequence[str] | None = None,
            pairs: Sequence[tuple[str, str]] | None = None, gold_by: str | None = None,
            adaptive: float | Literal[False] | None = None) -> dict[str, Any]:
        """Change the settings that may change while people work, as the owner; others stay. It is logged.

        Parameters
        ----------
        purpose : str, optional
            What the project is for; everybody reads it on the card.
        arms : mapping, optional
            The share of each way of showing an item: "blind" (no suggestion, no map), "no_map", "answer_first" (both
            appear once the person has answered) and "shown", which gets the rest.
        repeats : float, optional
            The share of a person's answered items that they are asked again, blind and much later, to see whether they
            agree with themselves; from 0 (the default) to 0.2.
        rare, pairs, gold_by : optional
            Which gold items are asked more often: labels that are rare (half of the gold a person is asked), pairs of
            labels whose confusion does harm, and a column of the pool's metadata whose values take turns. Setting one
            of them sets all three.
        adaptive : float or False, optional
            A threshold. If the whole interval of a person's automation bias lies above it, they answer most items
            before seeing a suggestion, from their next review on, and are told so; likewise for a suggested label over
            all people. False ends it.

        Returns
        -------
        dict
            The whole policy, as `policy` gives it.

        Raises
        ------
        BadInput
            When somebody other than the owner acts, or a value can't be used; nothing is set then.
        UnknownLabel
            When there is no such label.
        """
        project, changes = self._wb.project, dict[str, Any]()
        if purpose is not None:
            changes["purpose"] = policy_.check_purpose(purpose)
        if arms is not None:
            changes["arms"] = policy_.check_arms(arms)
        if repeats is not None:
            changes["repeats"] = policy_.check_repeats(repeats)
        if adaptive is not None:
            changes["adaptive"] = policy_.check_adaptive(adaptive)
        if rare is not None or pairs is not None or gold_by is not None:
            if gold_by is not None:
                self._wb.pool.group_sums(gold_by)  # BadInput where there is no such column
            changes["gold"] = policy_.check_gold_line(rare, pairs, gold_by, project.taxonomy)
        return policy_.set_policy(project, **changes)

    def consent(self, yes: bool | None = None) -> str | None:
        """Say whether you agree to suggestions that are wrong on purpose, or read the question.

        Nobody gets any without a yes, and a no ends them at once, at any time. The card asks at the start.

        Parameters
        ----------
        yes : bool, optional
            True or False; without it nothing is stored.

        Returns
        -------
        str or None
            The question; None if there is none, or you have answered it.

        Raises
        ------
        BadInput
            When there is nothing to agree to.
        """
        people, annotator = self._wb.project.people, self._wb.annotator
        if yes is not None:
            people.consent(policy_.PLANTED, yes, annotator)
        asked = people.asks_consent(annotator)
        return None if asked is None else asked["text"]

    def plant(self, share: float | None = 0.05, *, purpose: str | None = None, by: str | None = None) -> dict[str, Any]:
        """Plant suggestions that are wrong on purpose on gold items, as the owner, or end it.

        Off by default. They measure how far a suggestion moves an answer, with fewer items than the model's own errors
        need. Each person is first asked for consent. The answers are no votes (not in consensus, training, agreement or
        any score of a model), and at the end of a sitting the person reads which ones were planted. Labels that the
        taxonomy marks sensitive, and those under them, are left out: they are never planted on, nor suggested.

        Parameters
        ----------
        share : float, optional
            Share of the items a person is asked, above 0 and at most 0.05, one in twenty. None ends it.
        purpose : str
            The reason: it is logged, and everybody reads it before they agree.
        by : str, optional
            "label" to spread them over the known labels, or a column of the pool's metadata to spread them over its
            values; without it, at random.

        Returns
        -------
        dict
            The whole policy, as `policy` gives it.

        Raises
        ------
        BadInput
            When somebody other than the owner acts, there is no purpose, the share is larger, or there is no gold to
            plant them on; the message says how many gold items there are.
        """
        project = self._wb.project
        if share is None:
            return policy_.set_policy(project, planted=None)
        if by not in (None, "label"):
            self._wb.pool.group_sums(by)  # BadInput where there is no such column
        planted = {"share": policy_.check_planted_share(share), "purpose": policy_.check_purpose(purpose), "by": by}
        project.check_plantable()
        return policy_.set_policy(project, planted=planted)

    def planted(self) -> pd.DataFrame:
        """The suggestions that were planted for you in sittings that are over.

        A card's sitting ends when the person ends it or the card closes, a script's when it calls this. Columns:
        item_id, suggestion, label (that you gave), taken (whether it is the suggestion), acted_at.
        """
        wb = self._wb
        if not wb._widgets.sitting:
            wb.session.end_sitting()
        return wb.project.people.planted(wb.annotator)

    def table(self) -> pd.DataFrame:
        """How often people are right on gold items that they answered blind, without a ranking.

        Your own row has your name. Others share one row, from five people on; the owner sees their names only in a
        project made with ``names=True``. A sentence says what is left out. Everybody who has access to a shared folder
        can read the log, and work out what this table doesn't show.

        Returns
        -------
        DataFrame
            annotator (sorted by name), n_people, n (answers), accuracy (the mean of its Beta posterior; of several
            people the mean over them) with low and high at 95 %, and state ("open", "fine" or "alarm" of a sequential
            test that begins again after each conclusion).
        """
        project = self._wb.project
        table, why = project.people.table(self._wb.annotator)
        if why:
            project.notify(why)
        return table

    # -- who is asked what

    def assign(self, annotator: str, labels: Sequence[str] | EllipsisType | None = ..., *,
               where: Mapping[str, Any] | None = None, items: Sequence[Any] | None = None, only: bool = True
               ) -> pd.DataFrame:
        """Ask one person, and nobody else, for some items, as an owner. It is logged.

        An item that is assigned to somebody is asked only of the people to whom it is assigned, even if it belongs to
        the hold-out, is gold, or is asked again; other items are asked of everybody. A person's own items come first.
        An item is assigned if all of labels, `where` and `items` that are passed hold for it. This replaces earlier
        assignments to this person. docs/assigning.md explains the consequences for figures.

        Parameters
        ----------
        annotator : str
            A name; they need not have answered anything yet.
        labels : sequence of str, or None
            Items for which the model suggests one of these labels, or a label below them; without a suggestion, those
            whose answer is in doubt between them and others since an edit. With ``task="multilabel"`` the card also
            lists these labels first. None, with nothing else, ends this person's assignment.
        where : mapping, optional
            A column of the pool's metadata, or several, and the value or the list of values that items have there, such
            as ``{"site": ["A", "B"]}``. Items that join the pool later are covered too.
        items : sequence, optional
            Ids of items.
        only : bool
            False for items that come first for this person, and are asked of others too.

        Returns
        -------
        DataFrame
            As `workload` gives it.

        Raises
        ------
        BadInput, UnknownLabel, UnknownItem
            When somebody other than the owner acts, or a condition can't be used; nothing is stored then.

        Examples
        --------
        >>> wb.people.assign("grace", where={"site": "A"})  # doctest: +SKIP
        >>> wb.people.assign("grace", None)  # doctest: +SKIP
        """
        from ..project import assignments
        project = self._wb.project
        if labels is None and where is None and items is None:
            assignments.end(project, annotator)
        else:
            assignments.assign(project, annotator, labels=None if labels is ... else labels, where=where, items=items,
                               only=only)
        return self.workload()

    def workload(self) -> pd.DataFrame:
        """How many items are assigned to each person, and how many of these are left; by name.

        A sentence reports items that are asked of nobody: items whose assigned people have answered nothing yet, or
        nothing for 14 days, or have answered these items already while more answers are wanted.

        Returns
        -------
        DataFrame
            One row for each person to whom something is assigned: annotator, asked (what their items have in common),
            assigned (items now), answered (of these, by this person), left (that they may still be asked), nobody_else
            (of these, those left to this person alone), last_acted_at.
        """
        from ..project.workload import workload
        table, lines = workload(self._wb.project)
        for line in lines:
            self._wb.project.notify(line)
        return table

    # -- who may do what

    def roles(self) -> pd.DataFrame:
        """Who may do what: a row for everybody with a role.

        Until somebody is invited, everybody may do everything, and the owner is the person who made the project. From
        then on an annotator answers items, asks questions, and trains and adopts models; a reviewer also edits the
        taxonomy, sets gold, adjudicates, sorts items in triage, presumes labels and imports; an owner does everything;
        guests and people without a role only read. Names aren't verified: roles protect a team against accidents, not
        against malice.

        Returns
        -------
        DataFrame
            annotator, role ("owner", "reviewer", "annotator", "guest", or "none" where it was withdrawn), since
            (missing for the person who made the project), given_by
        """
        return team.roles(self._wb.project)

    def invite(self, name: str, role: str = "annotator") -> pd.DataFrame:
        """Give a person a role, or change it, as an owner.

        The first invitation ends the time in which everybody may do everything: everybody who worked in the project
        before becomes an annotator then, and a line says so.

        Parameters
        ----------
        name : str
            The person's name as annotator.
        role : str
            "annotator", "reviewer", "owner" or "guest"; `roles` says what each may do.

        Returns
        -------
        DataFrame
            As from `roles`.

        Raises
        ------
        NotAllowed
            When somebody other than an owner acts, or the last owner would get another role.
        BadInput
            When there is no such role.
        """
        return team.invite(self._wb.project, name, role)

    def withdraw(self, name: str) -> pd.DataFrame:
        """Take a person's role away, as an owner.

        Their earlier answers still count. Answers that wait in their browser are stored and kept aside: see
        `set_aside`. The last owner can't be withdrawn.

        Returns
        -------
        DataFrame
            As from `roles`.

        Raises
        ------
        NotAllowed
            When somebody other than an owner acts, or the person is the last owner.
        BadInput
            When nobody of that name has a role.
        """
        return team.withdraw(self._wb.project, name)

    def set_aside(self) -> pd.DataFrame:
        """Acts that are kept aside and count nowhere, since the person's role didn't allow them.

        An owner sees everybody's, anybody else their own.

        Returns
        -------
        DataFrame
            id, annotator, kind ("decided" for an answer, "retracted" for one that was taken back), item_id, label (of
            the answer), acted_at, stored_at, role (that the person has now)
        """
        return team.set_aside(self._wb.project, self._wb.annotator)

    def take_in(self, ids: str | Sequence[str] | pd.DataFrame) -> pd.DataFrame:
        """Let acts that were kept aside count, as an owner, as if the person's role had allowed them.

        An answer that its author has retracted since is taken in with its retraction. A copy of the log is made first.

        Parameters
        ----------
        ids : str, sequence of str or DataFrame
            Ids from `set_aside`, or that table itself, or some of its rows.

        Returns
        -------
        DataFrame
            The acts that are still kept aside.

        Raises
        ------
        NotAllowed
            When somebody other than an owner acts.
        BadInput
            When one of the ids isn't kept aside, or belongs to an act that only makes sense at its own place in the
            log, such as an edit of the taxonomy.
        """
        return team.take_in(self._wb.project, ids)

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return str(self().to_html())

    # -- names

    def pseudonyms(self) -> pd.DataFrame:
        """Everybody's name in exports; only the owner may read it: annotator, pseudonym (such as "person 3f2a1c").

        Keep it apart from the exports: it turns every pseudonym back into a name.

        Raises
        ------
        BadInput
            When somebody other than the owner asks.
        """
        from ..project.names import pseudonyms
        project = self._wb.project
        policy_.require_owner(project, "reads names beside pseudonyms")
        return pd.DataFrame(list(pseudonyms(project).items()), columns=["annotator", "pseudonym"], dtype=object)

    def forget(self, annotator: str | None = None, *, note_of: str | Decision | None = None, texts: bool = True
               ) -> Forgotten:
        """Remove a person's name, or a note, from the project: from its log, its copies and everything it keeps.

        Nobody's work is lost: a person's answers stay, under a number such as "person 3f2a91bc". If the name comes
        back, from an open page, a file, or another copy of the project, it is recognised and replaced by the number
        before anything is stored. This can't be undone. docs/privacy.md says more.

        Parameters
        ----------
        annotator : str, optional
            The person whose name is forgotten.
        note_of : str or Decision, optional
            The decision, verdict, edit or part of a thread whose note is forgotten; for a decision also the same notes
            in other decisions by this person on the item.
        texts : bool
            Whether the name is also removed from notes, questions and other texts, wherever it stands as a word. Pass
            False if it is also a word of the language.

        Returns
        -------
        Forgotten
            .number, .removed (what, where, n) and .not_reached (what, where, why): places that may still contain it.

        Raises
        ------
        BadInput, UnknownDecision, LogBusy, ReadOnly, DiskFull
            After one of the last three, call it again: it continues where it stopped.
        """
        from ..project.forgetting import forget
        return forget(self._wb.project, annotator, note_of=note_of, texts=texts)
