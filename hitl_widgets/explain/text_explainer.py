"""Explanations of texts: one number for each word and sign, by the best method for a net.

`TextExplainer` is the counterpart of `attribute.NetExplainer` for texts; the numbers come from `text_maps`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput, HitlError, ModelError, ViewError
from ..items.tokens import tokens as tokens_of
from ..learn.average import is_average_net
from ..learn.callables import CallableNet
from ..learn.predict import NetPredictor
from ..learn.text_scores import text_logits
from ..learn.text_views import Batch, TextPreprocess, collate, moved
from ..records import TEXT_METHODS, Attribution
from .attribute import Targets, score_of, targets_of
from .text_maps import (
    MUCH_UNEXPLAINED,
    TokenValues,
    additive_values,
    embedding_gradients,
    embedding_of,
    erasure,
    kernelshap,
    lime,
    on_tokens,
)

# Methods that serve any model, the best one first.
OF_ANY = ("erasure", "kernelshap", "lime")
# Name that stands for a model's best method: it is the default of the card and of `Workbench.explain`, for images.
BEST = "gradcam"
# A text on which methods are tried.
SAMPLE = "Two words, and a few more."
# A text whose characters, UTF-16 units and bytes differ in number before its last word.
FOREIGN = "Füchse 🦊🦊🦊🦊🦊🦊 und ثعلب words"


class TextExplainer:
    """Explains a predictor's net on texts, on the predictor's own copy of it. Several threads may use one.

    Parameters
    ----------
    predictor : NetPredictor
        Its net, lock and preprocessing are shared.
    """

    def __init__(self, predictor: NetPredictor) -> None:
        self.predictor = predictor
        self._layer: nn.Module | None = None
        self._preferred: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that serve this net, the best one first."""
        net = self.predictor.net
        if is_additive(net):
            return "contributions", *OF_ANY
        embeds = not is_average_net(net) and (callable(getattr(net, "get_input_embeddings", None)) or any(
            isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) for layer in net.modules()))
        return ("integrated_gradients", *OF_ANY) if embeds else OF_ANY

    def method_of(self, name: str) -> str:
        """The method that a name stands for: "gradcam", which texts don't have, means the best one.

        Raises
        ------
        BadInput
            If there is no such method for texts.
        ModelError
            If it doesn't serve this net.
        """
        if name == BEST:
            return self._best()
        if name not in TEXT_METHODS:
            near = difflib.get_close_matches(str(name), TEXT_METHODS, n=1)
            raise BadInput(f"method {name!r} doesn't explain texts{f'; did you mean {near[0]!r}?' if near else ';'} "
                           f"{', '.join(TEXT_METHODS)} do.")
        if name not in self.methods:
            why = "adds up what the parts of a text count, and this net isn't additive" if name == "contributions" \
                else "needs the embeddings of a net that isn't additive, and this model has none"
            raise ModelError(f"{name!r} {why}. Take {' or '.join(map(repr, self.methods))}.")
        return name

    def _best(self) -> str:
        """The first of the methods; erasure if the embeddings of a person's net can't be mapped to words."""
        if self._preferred is None:
            preferred, n_labels = self.methods[0], len(self.predictor.label_ids)
            try:
                first = torch.nn.functional.one_hot(torch.tensor([0]), n_labels).bool()
                self.values(SAMPLE, preferred, Targets(first, torch.ones_like(first), torch.zeros(1)))
                if preferred == "integrated_gradients":  # offsets in bytes are wrong only for letters beyond ASCII
                    with suppress(ViewError):
                        places_of(self.predictor, self.predictor.preprocess(FOREIGN), FOREIGN)
            except HitlError:
                preferred = OF_ANY[0]
            self._preferred = preferred
        return self._preferred

    def explain(self, position: int, *, method: str = BEST, target: str, against: str | None = None) -> Attribution:
        """The attribution of one text; arguments and errors as for `NetExplainer.explain`."""
        [result] = self.explain_many([position], method=method, targets=[target], against=[against])
        if isinstance(result, HitlError):
            raise result
        return result

    def explain_many(self, positions: Sequence[int], *, method: str = BEST, targets: Sequence[str],
                     against: Sequence[str | None] | None = None, parts: Mapping[str, Sequence[str]] | None = None
                     ) -> list[Attribution | HitlError]:
        """Explain several texts, with one target each; with an error in place of a text that failed.

        Parameters
        ----------
        positions : sequence of int
            Positions of the items in the pool.
        method : str
            One of `methods`, or "gradcam" for the best.
        targets, against, parts
            As for `NetExplainer.explain_many`.
        """
        method = self.method_of(method)
        against = [None] * len(targets) if against is None else against
        if not len(positions) == len(targets) == len(against):
            raise BadInput(f"{len(positions)} items and {len(targets)} targets were given; one target an item is "
                           "expected.")
        wanted = targets_of(self.predictor.label_ids, targets, against, parts)
        answers: list[Attribution | HitlError] = []
        for row, position in enumerate(positions):
            try:
                text = str(self.predictor.pool.load(int(position)))
                tokens, found = self.values(text, method, wanted.rows(slice(row, row + 1)))
            except HitlError as error:
                named = f"item {str(self.predictor.pool.ids[position])!r}: {error}"
                answers.append(error if not isinstance(error, (ModelError, ViewError)) else type(error)(named))
                continue
            answers.append(Attribution(
                item_id=str(self.predictor.pool.ids[position]), method=method, target=targets[row],
                against=against[row], model=self.predictor.version, values=found.values.astype(np.float32)[None],
                box=(0.0, 0.0, float(len(text)), 1.0), signed=True, tokens=tokens, delta=found.delta))
        return answers

    def values(self, text: str, method: str, targets: Targets) -> tuple[np.ndarray, TokenValues]:
        """The importance of each token of a text.

        Parameters
        ----------
        text : str
        method : str
            One of `methods`.
        targets : Targets
            Targets of this text alone.

        Returns
        -------
        tokens : ndarray of int32, shape (k, 2)
            [start, end) in characters; one over the whole text if it has no word or sign.
        found : TokenValues

        Raises
        ------
        ModelError
            If the net raises, or gives no finite numbers.
        """
        tokens = self.tokens(text)
        try:
            with torch.enable_grad():
                found = {"contributions": self._contributions, "integrated_gradients": self._integrated_gradients,
                         "erasure": self._erasure, "kernelshap": self._kernelshap,
                         "lime": self._lime}[method](text, tokens, targets)
        except HitlError:
            raise
        except Exception as error:  # a person's model, which may raise anything
            raise ModelError(f"the model raised while a text was explained by {method!r}: {type(error).__name__}: "
                             f"{str(error)[:200]}") from error
        if not np.isfinite(found.values).all():
            raise ModelError(f"{method!r} gave values that aren't finite numbers; try another method.")
        return tokens, found

    def tokens(self, text: str) -> np.ndarray:
        """[start, end) of each word and sign, int32, shape (k, 2); of the whole text if it has none."""
        found = tokens_of(text)
        return found if len(found) else np.array([[0, max(1, len(text))]], np.int32)

    def scores(self, texts: Sequence[str], targets: Targets) -> np.ndarray:
        """The number that is explained for each text: float64, shape (n,).

        It is the target's logit, minus the logit of the label to contrast with, if any; for a function of texts, which
        returns only probabilities, the logarithm of the target's odds.

        Parameters
        ----------
        texts : sequence of str
        targets : Targets
            Targets of one text, for which all are scored.
        """
        return self._score(self.logits(texts), targets).double().cpu().numpy()

    def logits(self, texts: Sequence[str]) -> Tensor:
        """The net's logits for texts that needn't be in the pool: shape (n, n_labels)."""
        return text_logits(self.predictor, texts)

    def _batch(self, views: Sequence[object]) -> Batch:
        return collate(views, pad=getattr(self.predictor.preprocess, "pad", 0))

    def _score(self, logits: Tensor, targets: Targets) -> Tensor:
        """The number that is explained, shape (n,), from logits, shape (n, n_labels), for one text's targets."""
        return score_of(logits, targets, of_function=isinstance(self.predictor.net, CallableNet),
                        multilabel=self.predictor.multilabel)

    def _contributions(self, text: str, tokens: np.ndarray, targets: Targets) -> TokenValues:
        predictor: Any = self.predictor
        view = predictor.preprocess(text)
        with predictor.lock, torch.no_grad():
            [places], [each] = predictor.net.contributions([view])
            logits = predictor.logits(moved(self._batch([view]), predictor.device))[0].double().cpu()
        bias = predictor.net.last.bias.detach().double().cpu()
        target, against = (part[0].numpy() for part in (targets.target, targets.against))
        found = additive_values(each, bias.numpy(), target, against if bool(targets.contrast[0]) else None)
        gain = float((self._score(logits[None], targets) - self._score(bias[None], targets))[0])
        rest = abs(found.values.sum() - gain) - 4 * np.finfo(np.float32).eps * float(logits.abs().max())
        return TokenValues(on_tokens(found.values, places, tokens), max(rest, 0.0) / max(abs(gain), 1e-6))

    def _integrated_gradients(self, text: str, tokens: np.ndarray, targets: Targets) -> TokenValues:
        predictor: Any = self.predictor
        view = predictor.preprocess(text)
        places = places_of(predictor, view, text)
        # Begin and end tokens have no characters: they are the same in the baseline.
        kept = torch.from_numpy(places[:, 1] <= places[:, 0])
        batch = moved(self._batch([view]), predictor.device)
        with predictor.lock:
            if self._layer is None:
                self._layer = _layer_of(predictor, batch)
            found = embedding_gradients(lambda some: self._score(predictor.logits(some), targets), self._layer, batch,
                                        kept=kept.to(predictor.device) if bool(kept.any()) else None)
        if len(found.values) != len(places):
            raise ModelError(f"the net has embeddings of {len(found.values)} tokens, and preprocess gives places of "
                             f"{len(places)}. Take 'erasure'.")
        return TokenValues(on_tokens(found.values, places, tokens), found.delta)

    def _erasure(self, text: str, tokens: np.ndarray, targets: Targets) -> TokenValues:
        return TokenValues(erasure(lambda texts: self.scores(texts, targets), text, tokens), None)

    def _kernelshap(self, text: str, tokens: np.ndarray, targets: Targets) -> TokenValues:
        return kernelshap(lambda texts: self.scores(texts, targets), text, tokens)

    def _lime(self, text: str, tokens: np.ndarray, targets: Targets) -> TokenValues:
        return lime(lambda texts: self.scores(texts, targets), text, tokens)


def is_additive(net: nn.Module) -> bool:
    """Whether a net's logits are sums over parts of a text, and it has a method `contributions` for these."""
    return callable(getattr(net, "contributions", None))


def places_of(predictor: NetPredictor, view: Any, text: str) -> np.ndarray:
    """[start, end) in a text of each token that a net embeds: int, shape (n_positions, 2).

    Parameters
    ----------
    predictor : NetPredictor
    view : Tensor or EncodedText
        The net's view of the text.
    text : str

    Raises
    ------
    ModelError
        When preprocess doesn't return them, or returns places outside the text.
    """
    spans = getattr(predictor.net, "token_spans", None)
    if callable(spans):
        return np.asarray(spans([view])[0], np.int64)
    offsets = getattr(view, "offsets", None)
    if offsets is None and isinstance(view, Tensor) and isinstance(predictor.preprocess, TextPreprocess):
        return np.stack([np.arange(len(view)), np.arange(len(view)) + 1], axis=1)
    if offsets is None:
        raise ModelError("preprocess doesn't tell where the net's tokens lie in the text: let it give an "
                         "offset_mapping, or take 'erasure'.")
    places = np.asarray(offsets, np.int64)
    _check_places(places, text)
    return places


def _check_places(places: np.ndarray, text: str) -> None:
    """ModelError if [start, end) of tokens can't be right for a text."""
    starts, ends = places[:, 0], places[:, 1]
    wrong = np.flatnonzero((starts < 0) | (starts > ends) | (ends > len(text)))
    if not len(wrong) and ((ends > starts).any() or not any(map(str.isalnum, text))):
        return
    said = "gives no token any character" if not len(wrong) else \
        f"has a token at [{starts[wrong[0]]}, {ends[wrong[0]]}), and the text has {len(text):,} characters"
    units = {len(text.encode()): " They seem to be bytes.", len(text.encode("utf-16-le")) // 2:
             " They seem to be UTF-16 units."}.get(int(ends.max(initial=0)), "") if len(wrong) else ""
    raise ModelError(f"preprocess's offset_mapping {said}.{units} Return [start, end) of each token, counted in "
                     "characters (Unicode code points, as in Python) of the original text. The method 'erasure' needs "
                     "no offset_mapping.")


def _layer_of(predictor: Any, batch: Batch) -> nn.Module:
    """The layer that embeds tokens; in a net with `token_spans`, it is `embedding`."""
    named = getattr(predictor.net, "embedding", None)
    if isinstance(named, nn.Module) and hasattr(predictor.net, "token_spans"):
        return named
    return embedding_of(predictor.net, lambda: predictor.logits(batch), batch)


def in_words(delta: float | None) -> str:
    """A sentence if an attribution leaves more than 5 % of the model's output unexplained; else "".

    Parameters
    ----------
    delta : float or None

    Examples
    --------
    >>> in_words(0.12)
    '12 % of what the model says is left unexplained'
    """
    if delta is None or delta <= MUCH_UNEXPLAINED:
        return ""
    return f"{min(delta, 9.99):.0%} of what the model says is left unexplained".replace("%", " %")
