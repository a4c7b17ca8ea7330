"""Coverage of the audit's interval for a model's accuracy in the pool, by strategy and by the annotators' bias.

    python benchmarks/audit.py --projects 500

Simulated projects with the default queue: a model that is right in some 80 of 100 cases, less often where its two best
labels are close, suggests; people make no error of their own, but accept a share of the wrong suggestions that they see
(their bias). The table says how often the audit's interval holds the model's true accuracy in the pool, and beside it
how often the one holds that an audit of what is still open, with the suggestion in view, would tell.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from hitl_widgets import events
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.quality.intervals import jeffreys
from hitl_widgets.records import Decision, Estimate, Seen, Verdict, new_id
from hitl_widgets.report.audit import audit
from hitl_widgets.report.decisions import decisions
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy

N_ITEMS, N_ANSWERS, N_LABELS, AT_ONCE = 300, 200, 3, 10


def simulate(folder: Path, *, seed: int, bias: float, share: float = 0.1, n_items: int = N_ITEMS,
             n_answers: int = N_ANSWERS) -> tuple[float, Estimate, Estimate, Estimate]:
    """Let people answer the default queue.

    Returns
    -------
    truth : float
        The model's accuracy over all items of the pool.
    told : Estimate
        What the audit says.
    naive : Estimate
        What the answers to the audit's own places would say, suggestion in view or not.
    followed : Estimate
        Automation bias, as the audit tells it.
    """
    rng = np.random.default_rng(seed)
    names = [f"label {k}" for k in range(N_LABELS)]
    pool = Pool.from_images(np.zeros((n_items, 1, 1), np.uint8), ids=[f"{seed}-{k}" for k in range(n_items)])
    project = Project(folder, pool, Taxonomy(names), annotator="ada", seed=seed, audit=share, notify=lambda line: None)
    probs = rng.dirichlet(np.full(N_LABELS, 0.35), n_items).astype(np.float32)
    label_ids = project.taxonomy.label_ids
    # Each item's truth is drawn from what the model says of it: it is wrong where it doubts.
    truth = np.array([rng.choice(N_LABELS, p=row / row.sum()) for row in probs.astype(float)])
    predictions = Predictions(folder / "predictions", model="m0", label_ids=label_ids, ids_digest=pool.digest,
                              n_items=n_items)
    project.use_predictions(predictions)
    project.ranking.put(np.arange(n_items), probs, project.lineage)
    n_done = 0
    while n_done < n_answers:
        asked = project.next(min(AT_ONCE, n_answers - n_done))
        acts = []
        for item in asked:
            suggestion, right = int(probs[item.position].argmax()), int(truth[item.position])
            follows = not item.blind and suggestion != right and rng.random() < bias
            label = suggestion if follows else right
            seen = Seen(suggestion=label_ids[suggestion], hidden=item.blind, model="m0", chosen_by=item.chosen_by,
                        taxonomy=1, arm=item.arm, arm_probability=item.arm_probability)
            verdict: Verdict = "answer" if item.blind else "accept" if label == suggestion else "correct"
            acts.append(events.decided(Decision(new_id(), item.id, "ada", verdict, names[label], label_ids[label],
                                                seen=seen), content=project.content(item.position)))
        project.take_in(*acts)
        n_done += len(asked)
    table = decisions(project, [])
    audited = audit(project, [], table)
    [told] = audited.accuracy().values()
    drawn = table[(table["chosen_by"] == "audit")]
    agree = drawn["label_id"] == drawn["suggestion"]
    low, high = jeffreys(int(agree.sum()), len(agree))
    followed = audited.bias()
    project.close()
    return float((probs.argmax(axis=1) == truth).mean()), told, \
        Estimate(float(agree.mean()), low, high, n=len(agree)), followed


def row(bias: float, *, n_projects: int, share: float) -> tuple[float, float, float, float, float]:
    """Mean truth, mean of what is told, and coverage of the audit's interval; mean and coverage of the naive one."""
    truths, tolds, naives = list[float](), list[Estimate](), list[Estimate]()
    for seed in range(n_projects):
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            truth, told, naive, _ = simulate(Path(folder), seed=seed, bias=bias, share=share)
        truths.append(truth)
        tolds.append(told)
        naives.append(naive)
    held, naive_held = (float(np.mean([one.low <= truth <= one.high for truth, one in zip(truths, told, strict=True)]))
                        for told in (tolds, naives))
    return float(np.mean(truths)), float(np.mean(tolds)), held, float(np.mean(naives)), naive_held


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=500)
    projects = parser.parse_args().projects
    print(f"{projects} projects of {N_ITEMS} items, {N_ANSWERS} answers")
    print("| audit's share | bias | accuracy in the pool | told | the interval holds it | places of the audit alone |"
          " their interval holds it |")
    print("|---|---|---|---|---|---|---|")
    for share in (0.1, 0.2):
        for bias in (0.0, 0.5):
            truth, told, held, naive, naive_held = row(bias, n_projects=projects, share=share)
            print(f"| {share} | {bias} | {truth:.3f} | {told:.3f} | {held:.1%} | {naive:.3f} | {naive_held:.1%} |",
                  flush=True)


if __name__ == "__main__":
    main()
