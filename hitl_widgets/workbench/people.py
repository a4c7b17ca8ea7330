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

        If items are assigned to people, there are also the columns assigned and left: how many items each person has,
        and how many of these are unanswered; see `workload`. Other people have pseudonyms, unless you own a project
        that was made with ``names=True``.
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
        """Calibration of people's certainty: how often answers are right at each certainty from 0 to 10.

        Answers are compared with gold, or else with what at least two other annotators agree on. The hold-out is
        excluded. You see your own row. The rows of others are shown only to the owner of a project made with
        ``names=True``, and the row of all together only if there are at least five others.

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

        It applies `hitl_widgets.quality.consensus` to `Workbench.votes`. People who saw a suggestion may have copied
        it, so "auto" never counts their votes as if they had answered blind. Unlike in `Workbench.consensus`,
        adjudicated labels don't overrule the votes.

        Parameters
        ----------
        method : str
            "majority", "one_coin", "dawid_skene", "glad", "mace", "exposure", or "auto" for the one that best predicts
            held-out votes. For values on a scale "auto", "model", "median" or "mean".
        label : str, optional
            With ``task="multilabel"``, the consensus on whether items have this label; by default on each label.
        attribute : str, optional
            An attribute, for the consensus of its values in place of labels.

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
        """Inter-annotator agreement: coefficients, with intervals from resampling items, and items and people.

        Parameters
        ----------
        distance : str, optional
            "nominal" for labels; "ordinal" where the taxonomy's labels are steps of a scale, from the lowest to the
            highest; "masi" or "jaccard" for sets of labels; "interval" or "ordinal" for values. By default "nominal"
            for labels, "masi" for sets, "ordinal" for scales of whole numbers and "interval" for continuous scales.
        label : str, optional
            With ``task="multilabel"``, agreement on whether items have this label; by default on whole sets.
        attribute : str, optional
            An attribute, for agreement on its values in place of labels.

        Returns
        -------
        Agreement, ValueAgreement or ObjectAgreement
            .table, .per_label, .pairs, .within (the agreement of each person with themselves), .over_time(), .plot().
            If you may not see names, .pairs compares you with all others together, and .within has your own row and,
            from five others on, the row "all".

            For a scale: .alpha, .difference (how much two values of an item differ), .table, .pairs.

            For objects: .table, .annotators (only your own row, unless you may see names) and .plot() say how often two
            people found the same objects, gave them the same label and put them at the same place. Images that were
            answered "unsure" or skipped are left out; single unsure objects are compared like others. If the label of
            an object is uncertain since an edit, only its place is compared; .notes says in how many images.
        """
        from ..report.several_people import agreement_of
        return agreement_of(self._wb.project, self._wb.annotator, distance, label=label, attribute=attribute)

    def bias(self, truth: pd.Series | Mapping[str, Any] | None = None, *, label: str | None = None,
             attribute: str | None = None) -> AutomationBias | ValueBias | PrefillBias:
        """Automation bias: the effect of seeing the model's suggestion on people's answers.

        It is estimated from the items for which it was drawn at random whether the suggestion was shown.

        Parameters
        ----------
        truth : Series or mapping, optional
            Item id -> label, from people who saw no suggestion; by default the gold of the project. Other items are
            judged by the majority of other people's blind votes.
        label : str, optional
            With ``task="multilabel"``, the bias about whether items have this label; by default about whole sets, and
            `.per_label` has each label.
        attribute : str, optional
            An attribute, for the bias of its values in place of labels.

        Returns
        -------
        AutomationBias, ValueBias or PrefillBias
            .effect, .anchoring, .over_correction, .planted, .per_label, .per_annotator (your own row; everybody's if
            you may see names), .power(n), .plot(). With ``task="multilabel"`` and no label, `.per_label` also has kept
            and left_off: when the suggestion is seen, how much more often people turn on a suggested label, and leave
            off one that wasn't suggested.

            For a scale: .pull (by which share of the distance answers move towards the suggested value when people see
            it), .nearer, .taken, .per_annotator. Where objects are asked for: .missed (how many of the objects that
            people find without any proposals they miss if others are proposed and this one is withheld),
            .missed_share, .proposed, .by_threshold, .by_score.
        """
        from ..report.several_people import bias_of
        return bias_of(self._wb.project, self._wb.annotator, truth, label=label, attribute=attribute)

    def schools(self, *, level: float = 0.05, n_boot: int = 199, seed: int = 0, label: str | None = None,
                attribute: str | None = None) -> Schools | ByLabel[Schools]:
        """Test whether annotators form several schools of thought: groups that understand the labels differently.

        Parameters
        ----------
        level : float
            Significance level: two schools are reported if the p-value is at most this.
        n_boot : int
            Number of data sets simulated under the null hypothesis of a single school.
        seed : int
        label : str, optional
            With ``task="multilabel"``, a test for this label; by default one for each label.
        attribute : str, optional
            An attribute with choices, for a test of its values in place of labels.

        Returns
        -------
        Schools or ByLabel
            .n, .p_value, .sizes (how many people each school has), .members and .people (your own row; everybody's
            where you may see names), .dividing_items, .stability, .plot(). With ``task="multilabel"`` and no label a
            mapping: label name -> Schools.
        """
        from ..report.several_people import schools_of
        with self._wb._services.bars(None, title="Looking for schools of thought"):
            return schools_of(self._wb.project, self._wb.annotator, label=label, attribute=attribute, level=level,
                              n_boot=n_boot, seed=seed)

    def plan(self, effect: float = 0.2, *, power: float = 0.8, hold: bool | None = None) -> ExperimentPlan:
        """Plan an experiment on automation bias: how many more answers it needs, and how many weeks they take.

        Parameters
        ----------
        effect : float
            The effect to find: how much more often people give the model's wrong label when they see it.
        power : float
            Probability of finding the effect, between 0 and 1.
        hold : bool, optional
            True begins the experiment, False ends it; only the owner may, and it is logged. Until `n_more` cards are
            answered, no model is learnt in the background, since the effect depends on how good the suggestions are.

        Returns
        -------
        ExperimentPlan
            .needed, .n_so_far and .n_more (cards, that is, items shown to a person), .per_week, .weeks, .power

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
        """Show the adjudication below the cell: a page on which one person decides between others' competing answers.

        Names and predictions are hidden. The most uncertain labels and a random sample of the rest are reviewed, until
        at most `tolerance` of the labels are still wrong with 95 % confidence. The label of a verdict overrules the
        votes, which are kept. In a script, use the methods `next` and `decide` of the returned object. Calling it again
        closes the earlier page.

        Parameters
        ----------
        tolerance : float
            Largest acceptable share of wrong labels. Fixed when a plan is drawn.
        new : bool
            Draw a new plan (which items to review) from today's answers, even if the last one isn't finished.
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
        """A page about your own answers: those that others contradict, calibration, automation bias, self-agreement.

        Only you see these figures, and the owner if the project was made with ``names=True``.

        Returns
        -------
        OwnPage
            .slips (a DataFrame), .counts, .gold, .agreement, .with_oneself, .calibration, .anchoring, .effect; a
            notebook displays them as one page
        """
        from ..report.own_page import own_page
        require_labels(self._wb.project, "this page is", "people.bias() and people.agreement() tell of objects")
        return own_page(self._wb.project, self._wb.annotator)

    def _known(self) -> pd.Series:
        """The gold answers as names of labels; for sets, the names in one text."""
        name_of = self._wb.taxonomy.name_of
        return pd.Series({item_id: name_of(label_id) for item_id, label_id in
                          self._wb.project.gold(whole=True).items()}, dtype=object)

    def threads(self, *, all_items: bool = False) -> Threads:
        """The questions about items and labels, with their answers and outcomes.

        People ask questions with the key `q` on the card, or with the returned object, which can also answer and settle
        them. Settling can turn an answer into a sentence of the label's definition, an example, a counter-example or an
        edge case, by an edit of the taxonomy. Questions about items that you haven't answered yet are left out, unless
        you wrote in them.

        Parameters
        ----------
        all_items : bool
            Whether to include questions about items that you haven't answered, which only people who may adjudicate can
            do. Your own answers to these items are then no longer independent.

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
        right (the probability that the answer is right), looked (whether its author has already confirmed it at a
        second look). docs/certainty.md explains how the probability is estimated.

        With ``task="multilabel"`` a row is about one label, and the column value says whether the answer has it. With
        ``task="scale"`` a row is about the value of an attribute: columns attribute, value and expected (predicted out
        of fold) in place of label. Where objects are asked for, a row is about one object: columns object_id (None if
        an object seems to be missing), error ("missing", "wrong label", "wrongly grouped" or "wrong place"), label,
        expected (the model's label) and at (the object's coordinates).
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
        """The settings that the owner of the project has made for its annotators; empty if there are none.

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
        """Change settings of the project; only the owner may. Settings that aren't passed stay. It is logged.

        Parameters
        ----------
        purpose : str, optional
            What the project is for; everybody reads it on the card.
        arms : mapping, optional
            How often an item is shown in each way, as shares: "blind" (no suggestion, no saliency map), "no_map",
            "answer_first" (both appear once the person has answered) and "shown", which gets the rest.
        repeats : float, optional
            The share of a person's answered items that they are asked again, blind and much later, to see whether they
            agree with themselves; from 0 (the default) to 0.2.
        rare, pairs, gold_by : optional
            Which gold items are asked more often. `rare` is a list of labels: half of the gold that a person is asked
            has one of them. `pairs` is a list of pairs of labels whose confusion does harm. `gold_by` is a column of
            the pool's metadata: gold items with each of its values are asked in turn. Setting one of the three resets
            the others.
        adaptive : float or False, optional
            A threshold for automation bias. If the whole interval of a person's bias lies above it, then from their
            next review on this person answers most items before seeing a suggestion, and a notice says so. The same
            holds for items with a suggested label whose bias over all people lies above it. False ends it.

        Returns
        -------
        dict
            All settings; see `policy`.

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
        """Agree or disagree to getting suggestions that are wrong on purpose, or read the question about them.

        Only people who agreed get such suggestions. You can disagree at any time, which ends them at once. The card
        asks at the start.

        Parameters
        ----------
        yes : bool, optional
            True to agree, False to disagree; without it nothing is stored.

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
        """Show suggestions that are wrong on purpose on some gold items, or stop showing them; only the owner may.

        Off by default. Such planted suggestions measure how far a suggestion influences an answer, with fewer items
        than the model's own errors would need. Each person is first asked for consent. The answers to them aren't used
        for consensus, training, agreement or any score of a model, and at the end of a sitting the person is told which
        suggestions were planted. Labels that the taxonomy marks as sensitive, and those under them, are left out: they
        are never suggested in this way, and items with them never get such a suggestion.

        Parameters
        ----------
        share : float, optional
            Share of the items a person is asked, above 0 and at most 0.05, one in twenty. None ends it.
        purpose : str
            The reason: it is logged, and everybody reads it before they agree.
        by : str, optional
            "label" to distribute them evenly over the known labels, or a column of the pool's metadata to distribute
            them over its values; by default they are distributed at random.

        Returns
        -------
        dict
            All settings; see `policy`.

        Raises
        ------
        BadInput
            When somebody other than the owner acts, there is no purpose, the share is larger, or no gold item can get
            such a suggestion; the message says how many gold items there are.
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
        """Accuracy of people on gold items that they answered blind; people aren't ranked.

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
        """Assign items to one person, so that nobody else is asked about them; only an owner may. It is logged.

        An item that is assigned to somebody is asked only of the people to whom it is assigned, even if it belongs to
        the hold-out, is gold, or is asked again; other items are asked of everybody. A person's own items come first.
        An item is assigned if all of labels, `where` and `items` that are passed hold for it. This replaces earlier
        assignments to this person. docs/assigning.md explains the consequences for figures.

        Parameters
        ----------
        annotator : str
            A name; they need not have answered anything yet.
        labels : sequence of str, or None
            Items for which the model suggests one of these labels, or a label below them; without a suggestion, items
            whose answer may mean one of these labels or others since a taxonomy edit. With ``task="multilabel"`` the
            card also lists these labels first. None, with nothing else, ends this person's assignment.
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
            The table of `workload`.

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
        """How many items are assigned to each person, and how many of these are left; people have their names.

        A message reports items that nobody is likely to answer, because the people to whom they are assigned have
        answered nothing yet, or nothing for 14 days, or have already answered these items while more answers are
        wanted.

        Returns
        -------
        DataFrame
            One row for each person to whom something is assigned: annotator, asked (what their items have in common),
            assigned (number of items now), answered (how many of these the person has answered), left (how many they
            may still be asked), nobody_else (how many of those left are asked of nobody else), last_acted_at.
        """
        from ..project.workload import workload
        table, lines = workload(self._wb.project)
        for line in lines:
            self._wb.project.notify(line)
        return table

    # -- who may do what

    def roles(self) -> pd.DataFrame:
        """The role of each person, which determines what they may do.

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
            The table of `roles`.

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
            The table of `roles`.

        Raises
        ------
        NotAllowed
            When somebody other than an owner acts, or the person is the last owner.
        BadInput
            When nobody of that name has a role.
        """
        return team.withdraw(self._wb.project, name)

    def set_aside(self) -> pd.DataFrame:
        """Answers and other acts that were stored but aren't used, because the person's role didn't allow them.

        An owner sees those of everybody, other people only their own. `take_in` lets them count.

        Returns
        -------
        DataFrame
            id, annotator, kind ("decided" for an answer, "retracted" for one that was taken back), item_id, label (of
            the answer), acted_at, stored_at, role (that the person has now)
        """
        return team.set_aside(self._wb.project, self._wb.annotator)

    def take_in(self, ids: str | Sequence[str] | pd.DataFrame) -> pd.DataFrame:
        """Let acts from `set_aside` count, as if the person's role had allowed them; only an owner may.

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
            When one of the ids isn't in `set_aside`, or its act can't be used later because it depends on the state of
            the project at its time, such as an edit of the taxonomy.
        """
        return team.take_in(self._wb.project, ids)

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return str(self().to_html())

    # -- names

    def pseudonyms(self) -> pd.DataFrame:
        """The pseudonym of each person in exports, for the owner: annotator, pseudonym (such as "person 3f2a1c").

        Don't store this table with exports: with it every pseudonym can be turned back into a name.

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

        The person's answers stay, under a number such as "person 3f2a91bc". If the name comes back, from an open page,
        a file, or another copy of the project, it is replaced by the number before anything is stored. This can't be
        undone. docs/privacy.md explains the details.

        Parameters
        ----------
        annotator : str, optional
            The person whose name is forgotten.
        note_of : str or Decision, optional
            The decision, verdict, edit or part of a thread whose note is forgotten; for a decision also the same notes
            in other decisions by this person on the item.
        texts : bool
            Whether the name is also removed from notes, questions and other texts, wherever it is a whole word. Pass
            False if the name is also an ordinary word.

        Returns
        -------
        Forgotten
            .number, .removed (a table of what was removed, where, and n), .not_reached (a table of the places that may
            still contain the name or note, and why).

        Raises
        ------
        BadInput, UnknownDecision
            When an argument can't be used, or there is no such decision.
        LogBusy, ReadOnly, DiskFull
            When a file can't be written. Call it again then: it continues where it stopped.
        """
        from ..project.forgetting import forget
        return forget(self._wb.project, annotator, note_of=note_of, texts=texts)
