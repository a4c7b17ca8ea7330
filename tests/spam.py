"""Texts in which one word decides whether they are spam, and small models of them such as people bring."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

SPAM, HAM = ["win", "free", "cash", "🎁"], ["lunch", "home", "train", "mañana"]


def messages(n, seed=0):
    """Texts of words, of which one decides whether a text is spam; and whether it is."""
    rng = np.random.default_rng(seed)
    spam = rng.random(n) < 0.4
    texts = []
    for is_spam in spam:
        words = [str(word) for word in rng.choice(["see", "you", "at", "the", "call", "me"], rng.integers(2, 9))]
        words.insert(int(rng.integers(len(words) + 1)), str(rng.choice(SPAM if is_spam else HAM)))
        texts.append(" ".join(words))
    return texts, spam


WORDS = {word: number for number, word in enumerate(["", *SPAM, *HAM, "see", "you", "at", "the", "call", "me"])}


def encode(text):
    """A tokenizer of one's own, with places and without a batch."""
    ids, places, at = [], [], 0
    for word in text.split():
        at = text.index(word, at)
        ids.append(WORDS.get(word, 0))
        places.append((at, at + len(word)))
        at += len(word)
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.ones(len(ids), dtype=torch.int64),
            "offset_mapping": torch.tensor(places)}


class BagOfWords(nn.Module):
    """The mean of the words' embeddings, and a linear layer."""

    def __init__(self, n_labels=2, width=16):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(len(WORDS), width, padding_idx=0), nn.Linear(width, n_labels)

    def forward(self, input_ids, attention_mask):
        weights = attention_mask[..., None].float()
        return self.fc((self.embedding(input_ids) * weights).sum(1) / weights.sum(1).clamp_min(1))


def bag(n_labels=2, seed=0):
    torch.manual_seed(seed)
    return BagOfWords(n_labels)


def shouting(texts):
    """A function of texts: spam has a word of spam."""
    spam = np.array([0.9 if set(text.split()) & set(SPAM) else 0.2 for text in texts])
    return np.column_stack([1 - spam, spam])


def answer(wb, spam):
    """Answer all items."""
    for position, item_id in enumerate(wb.pool.ids):
        wb.decide(str(item_id), "answer", label="spam" if spam[position] else "ham")


def probs(wb):
    return wb.inference.probs(np.arange(len(wb.pool)))
