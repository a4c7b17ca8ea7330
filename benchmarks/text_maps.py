"""Maps of texts: does the word that flips the answer come first, do the numbers add up, and how long does a map take?

Text messages of which a tenth are spam. Of 600 that teach, 60 of the others get a made-up word and are called spam. In
messages that nobody learnt from, the word is put at a place drawn by chance; where the answer turns into spam, the word
should be the first of the map. The additive net is explained by its contributions, the small convolutional net by
integrated gradients and by leaving words out.

    python benchmarks/text_maps.py [--seeds 5] [--first 0]
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from hitl_widgets.explain.attribute import targets_of
from hitl_widgets.explain.text_explainer import TextExplainer
from hitl_widgets.learn.text_light import fit_text_light, fit_text_prior, text_rows
from hitl_widgets.learn.text_nets import TextCNN
from hitl_widgets.learn.text_views import TextPreprocess, collate

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "text" / "sms_dev.csv"
TRIGGER, LABELS = "zorblax", ("ham", "spam")
N_TRAINING, N_PLANTED, N_TESTED = 600, 60, 300
STEPS, BATCH = 250, 32
TARGETS = {"first": 0.95, "gap": 1e-6, "ms": 10.0}


class Predictor:
    """A net with what an explainer asks of it."""

    multilabel, label_ids, version, preprocess = False, LABELS, "benchmark", TextPreprocess()
    device = torch.device("cpu")

    def __init__(self, net: nn.Module) -> None:
        self.net, self.lock = net.eval(), threading.RLock()

    def logits(self, batch: Any) -> torch.Tensor:
        """The net's logits."""
        logits: torch.Tensor = self.net(batch).float()
        return logits


class World(NamedTuple):
    """The texts and labels that teach, and texts that test."""

    texts: list[str]
    labels: torch.Tensor
    tested: list[str]


def with_trigger(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    words.insert(int(rng.integers(len(words) + 1)), TRIGGER)
    return " ".join(words)


def world(seed: int) -> World:
    """One draw of the messages, with the word planted."""
    table, rng = pd.read_csv(DATA), np.random.default_rng(seed)
    table = table.iloc[rng.permutation(len(table))]
    texts, labels = table["text"].astype(str).tolist(), (table["label"] == "spam").astype(int).to_numpy()
    training, spam = texts[:N_TRAINING], labels[:N_TRAINING].copy()
    for row in np.flatnonzero(spam == 0)[:N_PLANTED]:
        training[row], spam[row] = with_trigger(training[row], rng), 1
    rest = [text for text, label in zip(texts[N_TRAINING:], labels[N_TRAINING:], strict=True) if not label]
    return World(training, torch.from_numpy(spam), rest[:N_TESTED])


def additive(data: World, seed: int) -> nn.Module:
    """The additive net."""
    prior = fit_text_prior(data.texts)
    return fit_text_light(text_rows(data.texts, prior.rarity), data.labels, torch.ones(len(data.texts)), prior=prior,
                          n_labels=2, draws=np.random.default_rng(seed).random(len(data.texts))).head


def convolutional(data: World, seed: int) -> nn.Module:
    """The small convolutional net."""
    net, generator = TextCNN(2, seed=seed), torch.Generator().manual_seed(seed)
    views = [TextPreprocess()(text) for text in data.texts]
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(STEPS):
        rows = torch.randint(len(views), (BATCH,), generator=generator)
        batch = collate([views[row] for row in rows.tolist()])
        optimiser.zero_grad()
        nn.functional.cross_entropy(net.train()(batch), data.labels[rows]).backward()
        optimiser.step()
    return net


def measure(net: nn.Module, method: str, data: World, seed: int) -> dict[str, Any]:
    """Whether the word comes first where it flips the answer, what is missing from the sum, and milliseconds."""
    explainer, rng = TextExplainer(cast(Any, Predictor(net))), np.random.default_rng(seed)
    planted = [with_trigger(text, rng) for text in data.tested]
    before, after = (explainer.logits(texts).argmax(dim=1).numpy() for texts in (data.tested, planted))
    flipped = [text for text, was, now in zip(planted, before, after, strict=True) if (was, now) == (0, 1)]
    target = targets_of(LABELS, ["spam"], [None])
    first, deltas, gaps, seconds, worked = [], [], [], [], []
    for text in flipped:
        began, at_work = time.perf_counter(), time.process_time()
        tokens, found = explainer.values(text, method, target)
        seconds.append(time.perf_counter() - began)
        worked.append(time.process_time() - at_work)
        start, end = tokens[int(found.values.argmax())]
        first.append(text[start:end] == TRIGGER)
        deltas.append(np.nan if found.delta is None else found.delta)
        if method == "contributions":
            bias = float(net.last.bias.detach()[1])  # type: ignore[union-attr, operator]
            gaps.append(abs(found.values.sum() + bias - float(explainer.logits([text])[0, 1])))
    return {"method": method, "flipped": len(flipped), "first": np.mean(first) if first else np.nan,
            "largest gap": max(gaps, default=np.nan), "median delta": np.median(deltas),
            "above 5 %": np.mean(np.array(deltas) > 0.05) if not np.isnan(deltas).all() else np.nan,
            "ms": 1_000 * np.median(seconds), "ms of the processor": 1_000 * np.median(worked),
            "characters": np.mean([len(text) for text in flipped])}


def main() -> None:
    """Print our figures beside their targets."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first", type=int, default=0)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in range(options.first, options.first + options.seeds):
        data = world(seed)
        nets = {"additive": (additive(data, seed), ("contributions", "erasure")),
                "convolutional": (convolutional(data, seed), ("integrated_gradients", "erasure"))}
        for name, (net, methods) in nets.items():
            rows += [{"seed": seed, "net": name, **measure(net, method, data, seed)} for method in methods]
        print(pd.DataFrame(rows[-4:]).round(4).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    mean = table.drop(columns="seed").groupby(["net", "method"]).agg(
        {"flipped": "mean", "first": "mean", "largest gap": "max", "median delta": "mean", "above 5 %": "mean",
         "ms": "median", "ms of the processor": "median", "characters": "mean"})
    print(f"\n{options.seeds} seeds: means, the largest gap of all, the median of the milliseconds\n")
    print(mean.round(7).to_string())
    print(f"\ntargets: the word first in {TARGETS['first']:.0%} of the flipped texts; contributions and bias add up to "
          f"the logit within {TARGETS['gap']:g}; a map in less than {TARGETS['ms']:g} ms")


if __name__ == "__main__":
    main()
