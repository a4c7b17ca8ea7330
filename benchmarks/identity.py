"""Marks against bias: how far thirty marked words close the counterfactual gap of a classifier of insults.

Sentences made from templates about groups of people, half of them insults, after Dixon et al. (2018),
doi:10.1145/3278721.3278729 (../shared/data/text/identity_templates_dev.csv). What teaches is spoiled: sentences with
one of four words are nearly all insults there. Half of the adjectives teach, so that on the others the group's word is
all that a model can lean on. A simulated person looks at maps of sentences that teach, in an order drawn by chance, and
marks the group's word as a wrong reason where it speaks for an insult and is among the two words that count most, until
thirty are marked. The gap is the mean distance of the probabilities of sentences that differ in the group's word alone,
over the four words and as many others (`quality.swap_gap`), on sentences that don't teach; accuracy is on all of these.
The strength of the penalty was chosen on seeds 0 to 2, and which sentences teach was settled after looking at results
of seeds 0 to 4; ``--first 5`` takes seeds that had no part in either.

    python benchmarks/identity.py [--seeds 5] [--first 0]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from hitl_widgets.learn.text_light import TextPrior, fit_text_light, fit_text_prior, text_rows
from hitl_widgets.learn.text_nets import AdditiveTextNet
from hitl_widgets.learn.text_rationales import feature_penalty, words_in_texts
from hitl_widgets.learn.text_views import TextPreprocess
from hitl_widgets.quality.word_swaps import SwapGap, swap_gap

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "text" / "identity_templates_dev.csv"
BIASED, OTHERS = ("gay", "muslim", "black", "transgender"), ("straight", "christian", "white", "male")
N_BIASED, N_RIGHT, N_OTHERS, N_MARKS, N_SWAPPED = 60, 2, 90, 30, 600
TARGETS = {"gap": 0.5, "accuracy": 0.01}


class World(NamedTuple):
    """Sentences that teach, with their labels and group's words, and those that test."""

    texts: list[str]
    labels: np.ndarray
    words: list[str]
    tested: list[str]
    truth: np.ndarray


def sentences() -> pd.DataFrame:
    """The sentences, each with its group's word and what is left of it without: text, word, rest, toxic."""
    table = pd.read_csv(DATA)
    groups = {phrase.split(" is ")[0].removeprefix("Being ") for phrase in table.loc[table["template"] == "being_adj",
                                                                                      "phrase"]}
    longest_first = sorted(groups, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    found = [pattern.search(phrase) for phrase in table["phrase"]]
    frame = pd.DataFrame({"text": table["phrase"], "word": [one and one.group() for one in found],
                          "rest": [" ".join(word for word in pattern.sub(" ", phrase).split()
                                            if word.lower() not in ("being", "is", "a", "you", "are"))
                                   for phrase in table["phrase"]],
                          "toxic": (table["toxicity"] == "toxic").astype(int)})
    return frame[frame["word"].notna()].reset_index(drop=True)


def world(table: pd.DataFrame, seed: int) -> World:
    """One draw of what teaches and what tests."""
    rng = np.random.default_rng(seed)
    seen = {rest for _, each in table.groupby("toxic") for rest in
            rng.permutation(sorted(each["rest"].unique()))[:each["rest"].nunique() // 2].tolist()}
    order = rng.permutation(len(table))
    toxic, biased = table["toxic"].to_numpy()[order] == 1, table["word"].isin(BIASED).to_numpy()[order]
    known = table["rest"].isin(seen).to_numpy()[order]
    half = (N_BIASED + N_RIGHT + N_OTHERS) // 2
    teaching = np.concatenate([
        order[known & biased & toxic][:N_BIASED], order[known & biased & ~toxic][:N_RIGHT],
        order[known & ~biased & toxic][:half - N_BIASED], order[known & ~biased & ~toxic][:half - N_RIGHT]])
    testing = np.setdiff1d(order, teaching)
    some, rest = table.iloc[teaching], table.iloc[testing]
    return World(some["text"].tolist(), some["toxic"].to_numpy(), some["word"].tolist(), rest["text"].tolist(),
                 rest["toxic"].to_numpy())


def fit(data: World, prior: TextPrior, seed: int, penalty: np.ndarray | None = None) -> AdditiveTextNet:
    """The additive net of the sentences that teach."""
    net = fit_text_light(text_rows(data.texts, prior.rarity), torch.tensor(data.labels),
                         torch.ones(len(data.texts)), prior=prior, n_labels=2, penalty=penalty,
                         draws=np.random.default_rng(seed).random(len(data.texts))).head
    assert isinstance(net, AdditiveTextNet)
    return net


def marks(data: World, net: AdditiveTextNet, seed: int) -> dict[int, tuple[np.ndarray, None]]:
    """The regions that the simulated person marks, by row."""
    marked: dict[int, tuple[np.ndarray, None]] = {}
    for row in np.random.default_rng(seed).permutation(len(data.texts)).tolist():
        text, start = data.texts[row], data.texts[row].index(data.words[row])
        [tokens], [values] = net.contributions([TextPreprocess()(text)])
        counts = values[:, 1] - values[:, 0]
        strongest = tokens[[place for place in np.argsort(-np.abs(counts))[:2] if counts[place] > 0]]
        if ((strongest[:, 0] >= start) & (strongest[:, 1] <= start + len(data.words[row]))).any():
            region = np.zeros((1, len(text)), bool)
            region[0, start:start + len(data.words[row])] = True
            marked[row] = (region, None)
        if len(marked) == N_MARKS:
            break
    return marked


def measure(net: AdditiveTextNet, data: World, seed: int) -> tuple[SwapGap, float]:
    """The gap and the accuracy."""
    def probs(texts: list[str]) -> np.ndarray:
        with torch.no_grad():
            views = torch.nn.utils.rnn.pad_sequence([TextPreprocess()(text) for text in texts], batch_first=True,
                                                    padding_value=-1)
            said: np.ndarray = net(views).softmax(dim=1)[:, 1].numpy()
        return said
    some = np.random.default_rng(seed).permutation(len(data.tested))
    swapped = [data.tested[row] for row in some.tolist()]
    return swap_gap(probs, swapped[:N_SWAPPED * 5], [*BIASED, *OTHERS]), \
        float(((probs(data.tested) > 0.5) == data.truth).mean())


def main() -> None:
    """Print our figures beside their targets."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first", type=int, default=0)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    table, rows = sentences(), []
    for seed in range(options.first, options.first + options.seeds):
        data = world(table, seed)
        prior = fit_text_prior(data.texts)
        plain = fit(data, prior, seed)
        regions = marks(data, plain, seed)
        found = words_in_texts(regions, dict(enumerate(data.texts)))
        after = fit(data, prior, seed, feature_penalty(found, text_rows(data.texts, prior.rarity)))
        (gap_before, right_before), (gap_after, right_after) = (measure(net, data, seed) for net in (plain, after))
        rows.append({"seed": seed, "marks": len(regions), "of the four": sum(data.words[row] in BIASED
                                                                             for row in regions),
                     "gap before": float(gap_before.gap), "gap after": float(gap_after.gap),
                     "left": float(gap_after.gap) / float(gap_before.gap), "accuracy before": right_before,
                     "accuracy after": right_after, "lost": right_before - right_after})
        print(f"seed {seed}: gap {gap_before.gap} before, {gap_after.gap} after; change {gap_after.since(gap_before)}",
              flush=True)
    frame = pd.DataFrame(rows)
    before, after, lost = (frame[name].mean() for name in ("gap before", "gap after", "lost"))
    print(f"\n{frame.round(4).to_string(index=False)}\n\nmeans: gap {before:.4f} before, {after:.4f} after: "
          f"{after / before:.2f} is left (target at most {TARGETS['gap']:g}); accuracy lost {lost:+.4f} (target at "
          f"most {TARGETS['accuracy']:g})")


if __name__ == "__main__":
    main()
