"""Words marked as wrong reasons stop counting, in nets and in the additive model, and missing ones begin to."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from hitl_widgets.learn.outputs import read_logits
from hitl_widgets.learn.text_feedback import measure_text_reliance
from hitl_widgets.learn.text_light import fit_text_light, fit_text_prior, text_rows
from hitl_widgets.learn.text_nets import N_HASHED, WORD, AdditiveTextNet, TextCNN, features_of
from hitl_widgets.learn.text_rationales import (
    TextRationales,
    feature_penalty,
    marked_tokens,
    replaced,
    text_rationale_loss,
    variants,
    words_in_texts,
)
from hitl_widgets.learn.text_views import TextPreprocess

VIEW = TextPreprocess()


def mask(text, *words):
    region = np.zeros((1, len(text)), bool)
    for word in words:
        start = text.index(word)
        region[0, start:start + len(word)] = True
    return region


def marks(texts, wrong=None, missing=None):
    """All texts marked: the word of each."""
    return words_in_texts({row: (mask(text, wrong) if wrong else None, mask(text, missing) if missing else None)
                           for row, text in enumerate(texts)}, dict(enumerate(texts)), view_of=VIEW)


class Predictor:
    """A net with what a measurement asks of it."""

    multilabel, preprocess, device = False, VIEW, torch.device("cpu")

    def __init__(self, net):
        self.net, self.lock = net.eval(), threading.RLock()

    def logits(self, batch):
        return read_logits(self.net(batch), len(batch))


def test_a_word_is_marked_where_any_of_its_characters_is():
    text = "so 👩‍🚀 good"
    assert [text[a:b] for a, b in marked_tokens(text, mask(text, "oo")[0])] == ["good"]
    assert [text[a:b] for a, b in marked_tokens(text, mask(text, "👩")[0])] == ["👩‍🚀"]
    assert not len(marked_tokens(text, np.zeros(len(text), bool)))


def test_regions_become_words_and_those_that_cannot_be_used_say_why():
    texts = {0: "free lunch now", 3: "all of it", 5: "a  b"}
    blank = np.zeros((1, 4), bool)
    blank[0, 1:3] = True
    found = words_in_texts({0: (mask(texts[0], "ree"), mask(texts[0], "now")), 3: (np.ones((1, 9), bool), None),
                            5: (blank, None)}, texts)
    assert found.rows.tolist() == [0]
    [(text, wrong, missing)] = found.marked()
    assert [text[a:b] for a, b in wrong] == ["free"]
    assert [text[a:b] for a, b in missing] == ["now"]
    assert found.left_out == {3: "the wrong region covers all words", 5: "the wrong region holds no word"}


def test_texts_that_cannot_be_read_are_left_out_and_those_without_a_label_stay():
    found = marks(["gay one", "gay two"], wrong="gay")
    found = TextRationales(found.rows, found.wrong, found.missing, {}, None, found.texts, VIEW,
                           (("gay three", mask("gay three", "gay")[0]),))
    left = found.where(np.array([False, True]))
    assert len(found) == 3
    assert [text for text, *_ in left.marked()] == ["gay two", "gay three"]
    assert [text[a:b] for text, wrong, _ in left.marked() for a, b in wrong] == ["gay", "gay"]


def test_other_words_stand_in_the_places_of_marked_ones():
    text = "I am gay, so what"
    tokens = marked_tokens(text, mask(text, "gay")[0])
    made = variants(text, tokens, ["tall", "old"], np.random.default_rng(0), n=8)
    assert made[0] == "I am  , so what"
    assert set(made[1:]) == {"I am tall, so what", "I am old, so what"}
    assert variants(text, tokens, [], np.random.default_rng(0), n=8) == ["I am  , so what"]
    assert replaced(text, tokens, ["<b>"]) == "I am <b>, so what"


class Leaning(nn.Module):
    """Says a label by one code point alone, as much as its weight tells."""

    def __init__(self, letter, weight):
        super().__init__()
        self.weight, self.letter = nn.Parameter(torch.tensor(weight)), ord(letter)

    def forward(self, views):
        there = (views == self.letter).any(dim=1).float() * self.weight
        return torch.stack([-there, there], dim=1)


def loss_of(rationales, labels=(1, 1)):
    return text_rationale_loss(torch.tensor(labels), rationales, np.ones(len(labels), bool), seed=0)


def test_the_loss_of_wrong_words_is_nothing_for_a_net_that_ignores_them():
    found = marks(["xyz one", "xyz two"], wrong="xyz")
    assert loss_of(found)(Leaning("o", 2.0)).item() == pytest.approx(0, abs=1e-4)
    leaning = Leaning("y", 2.0)
    loss = loss_of(found)(leaning)
    assert loss.item() > 1
    loss.backward()
    assert leaning.weight.grad > 0  # a smaller weight is better


def test_a_missing_word_must_take_half_of_the_probability_with_it():
    found = marks(["xyz one", "xyz two"], missing="xyz")
    assert loss_of(found)(Leaning("o", 0.0)).item() == pytest.approx(np.log(2), abs=1e-5)
    # 1 - 1 / (1 + e^8) with the word and .5 without it.
    assert loss_of(found)(Leaning("y", 4.0)).item() == pytest.approx(0, abs=1e-3)


def test_the_same_seed_gives_the_same_losses_and_a_saved_state_goes_on():
    found = marks([f"xyz {word}" for word in ("one", "two", "three", "four", "five", "six", "seven")], wrong="xyz")
    net, first, second = Leaning("y", 2.0), loss_of(found, (1,) * 7), loss_of(found, (1,) * 7)
    before = [first(net).item() for _ in range(3)]
    assert [second(net).item() for _ in range(3)] == before
    state = first.state()
    after = [first(net).item() for _ in range(3)]
    other = loss_of(found, (1,) * 7)
    other.resume(state)
    assert [other(net).item() for _ in range(3)] == after


def biased(n, *, seed=0):
    """Texts whose label follows one of two words, and an identity word that goes with label 1."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        label = int(rng.random() < 0.5)
        word = ("awful" if label else "lovely") if rng.random() < 0.5 else str(rng.choice(["plain", "usual"]))
        who = "gay" if rng.random() < (0.8 if label else 0.05) else str(rng.choice(["tall", "old", "young"]))
        texts.append(f"A {who} person with a {word} dog")
        labels.append(label)
    return texts, torch.tensor(labels)


def probs_of(net, texts):
    with torch.no_grad():
        return torch.cat([net(VIEW(text)[None]) for text in texts]).softmax(dim=1)[:, 1].numpy()


@pytest.mark.long
def test_a_small_net_that_learns_with_marks_relies_less_on_the_word():
    texts, labels = biased(120)
    marked = [row for row, text in enumerate(texts) if "gay" in text][:20]
    found = words_in_texts({row: (mask(texts[row], "gay"), None) for row in marked}, dict(enumerate(texts)),
                           view_of=VIEW)
    views = nn.utils.rnn.pad_sequence([VIEW(text) for text in texts], batch_first=True, padding_value=-1)
    relied = {}
    for with_marks in (False, True):
        net = TextCNN(2)
        extra = text_rationale_loss(labels, found, np.ones(len(texts), bool), seed=0) if with_marks else None
        optimiser = torch.optim.Adam(net.parameters(), 3e-3)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for _ in range(40):
                net.train()
                optimiser.zero_grad()
                nn.functional.cross_entropy(net(views), labels).backward()
                if extra is not None:
                    extra(net).backward()
                optimiser.step()
        pairs = [(text.replace("tall", "gay"), text) for text in texts
                 if "tall" in text]
        relied[with_marks] = np.abs(np.subtract(*(probs_of(net.eval(), side) for side in zip(*pairs, strict=True)))
                                    ).mean()
        marked_words = [(text, wrong) for text, wrong, _ in found.marked()]
        reliance = measure_text_reliance(Predictor(net), marked_words, ["A tall person with a lovely dog"] * 4)
        relied[with_marks, "measured"] = float(reliance.marked)
    assert relied[True] < 0.5 * relied[False]
    assert relied[True, "measured"] < 0.5 * relied[False, "measured"]


def test_features_that_only_marked_words_have_are_penalised_most():
    texts = ["gay person", "gay dog", "old gate", "old dog", "gay old"]
    found = words_in_texts({row: (mask(texts[row], "gay"), mask(texts[row], "dog") if "dog" in texts[row] else None)
                            for row in (0, 1, 4)}, dict(enumerate(texts)))
    rarity = np.ones(N_HASHED, np.float32)
    factors = feature_penalty(found, text_rows(texts, rarity))

    def factor(word):
        features = features_of([word])
        return factors[features.buckets(N_HASHED)[features.kinds == WORD]][0]
    assert factor("gay") == pytest.approx(1_000)
    assert factor("old") == 1
    assert factor("dog") == pytest.approx(0.1)  # in one of two texts with it
    assert (factors > 0).all()
    shared = features_of(["ga"])  # two letters that "gate" has as well
    assert not np.isin(shared.buckets(N_HASHED)[shared.kinds == WORD], np.flatnonzero(factors > 1)).any()
    assert feature_penalty(None, text_rows(texts, rarity)) is None


def test_the_additive_model_hardly_counts_marked_words():
    texts, labels = biased(200)
    prior = fit_text_prior(texts)
    rows, draws = text_rows(texts, prior.rarity), np.random.default_rng(0).random(len(texts))
    marked = [row for row, text in enumerate(texts) if "gay" in text][:30]
    found = words_in_texts({row: (mask(texts[row], "gay"), None) for row in marked}, dict(enumerate(texts)))
    counts = {}
    for name, penalty in (("plain", None), ("marked", feature_penalty(found, rows))):
        net = fit_text_light(rows, labels, torch.ones(len(texts)), prior=prior, n_labels=2, draws=draws,
                             penalty=penalty).head
        assert isinstance(net, AdditiveTextNet)
        text = "A gay person with a plain dog"
        [tokens], [values] = net.contributions([VIEW(text)])
        [place] = np.flatnonzero(tokens[:, 0] == text.index("gay"))
        counts[name] = values[place, 1] - values[place, 0]
    assert counts["plain"] > 1
    assert abs(counts["marked"]) < 0.25 * counts["plain"]


def test_reliance_is_what_taking_words_out_changes():
    marked = [(text, marked_tokens(text, mask(text, "xyz")[0])) for text in ("xyz one two", "three xyz four")]
    others = ["five six seven", "eight"]
    leaning = measure_text_reliance(Predictor(Leaning("y", 3.0)), marked, others)
    assert float(leaning.marked) == pytest.approx(1 / (1 + np.exp(-6)) - 0.5, abs=1e-3)
    assert float(leaning.unmarked) == pytest.approx(0, abs=1e-6)
    assert float(leaning.share) == pytest.approx(1)
    assert leaning.area == pytest.approx(2 / 6)
    ignoring = measure_text_reliance(Predictor(Leaning("q", 3.0)), marked, others)
    assert float(ignoring.marked) == pytest.approx(0, abs=1e-6)
    assert np.isnan(ignoring.share)
