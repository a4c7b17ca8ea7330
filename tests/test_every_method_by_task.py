"""Does every method of a workbench say something true, or say clearly why it can't, whatever the project's task is?

Each public method of `Workbench` and of what stands behind `models`, `edits` and `people` is called in small projects:
of each task, by one person and by two, without a model and with one. It answers, and what it answers can be shown and
drawn; or it raises the error that `REFUSED` has for it. A method that is new fails `test_every_method_is_called` until
it is in `CALLS`.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import HitlError
from hitl_widgets.records import Seen
from hitl_widgets.workbench import Workbench
from hitl_widgets.workbench.edits import Edits
from hitl_widgets.workbench.models import Models
from hitl_widgets.workbench.people import People

N = 36
IDS = [f"i{k:02d}" for k in range(N)]
LABELS = ["indoor", "people", "night"]
# What holds of item k: whether each label does, how blurred it is, and from which side it was taken.
SETS = [[name for name, every in zip(LABELS, (2, 3, 4), strict=True) if k % every == 0] for k in range(N)]
LABEL = [LABELS[k % 3] for k in range(N)]
BLUR, VIEW, INK = [k % 11 for k in range(N)], [("front", "side")[k % 2] for k in range(N)], [k / N for k in range(N)]

KINDS = ("classify", "attributes", "multilabel", "scale")
OF_OBJECTS = ("boxes", "polygons", "points", "spans")
OF_IMAGES = [("classify", "together", "bare"), ("classify", "alone", "model"),  # the other tests' tasks have one label
             *((kind, people, model) for kind in KINDS[1:] for people in ("alone", "together")
               for model in ("bare", "model")),
             ("boxes", "together", "bare"), ("boxes", "together", "model"), ("boxes", "alone", "bare"),
             ("polygons", "together", "model"), ("points", "together", "model")]
OF_TEXTS = [("classify", "together", "bare"), ("classify", "alone", "model"), ("multilabel", "together", "model"),
            ("scale", "together", "model"), ("scale", "alone", "bare"), ("spans", "together", "bare"),
            ("spans", "together", "model"), ("spans", "alone", "bare")]
Case = tuple[str, str, str, str]  # task, people, whether there is a model, what the items are
CASES: list[Case] = [*((*case, "images") for case in OF_IMAGES), *((*case, "texts") for case in OF_TEXTS)]


def images() -> np.ndarray:
    """Pictures with a bright third for each label that is on, and more or less light all over."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(60, 6, (N, 12, 12)) + 60 * np.array(INK)[:, None, None]
    for k, on in enumerate(SETS):
        for place, name in enumerate(LABELS):
            drawn[k, 4 * place:4 * place + 4] += 90 * (name in on)
    return drawn.clip(0, 255).astype(np.uint8)


# Texts that name the labels that are on, after a sign that takes two units in a browser.
WORDS = [f"🙂 Note {k}: " + ", ".join(["seen", *on, f"at {('noon', 'dusk')[k % 2]}"]) + "!" * round(9 * ink)
         for k, (on, ink) in enumerate(zip(SETS, INK, strict=True))]
POOLS = {"images": hw.Pool.from_images(images(), IDS), "texts": hw.Pool.from_texts(WORDS, IDS)}


def taxonomy(kind: str) -> Any:
    if kind in ("classify", "multilabel", *OF_OBJECTS):
        return hw.Taxonomy(LABELS)
    blur, view = hw.Attribute("blur", scale=(0, 10)), hw.Attribute("view", choices=["front", "side"])
    if kind == "attributes":
        return hw.Taxonomy(LABELS, attributes=[blur, view])
    return hw.Taxonomy(attributes=[hw.Attribute("ink", scale=(0.0, 1.0)), blur, view])


def shapes(kind: str, k: int, *, wrong: bool = False) -> list[Any]:
    """The objects of image k: one for each of its labels; a wrong answer has the last one at another place."""
    made: list[Any] = []
    for place, name in enumerate(LABELS):
        if name in SETS[k] and kind == "spans":
            start = WORDS[k].index(name) + 2 * (wrong and name == SETS[k][-1])
            made.append(hw.Span(start, start + 5, name))
        elif name in SETS[k]:
            x = 1.0 if wrong and name == SETS[k][-1] else 5.0
            y = 4.0 * place
            made.append({"boxes": hw.Box(x, y, x + 6, y + 4, name), "points": hw.Point(x, y + 2, name),
                         "polygons": hw.Polygon([(x, y), (x + 6, y), (x + 3, y + 4)], name)}[kind])
    return made


class Finder:
    """A person's detector: it looks for a bright third of a picture, and errs by a few pixels in every fourth one."""

    version = "finder"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def predict(self, given: list[np.ndarray]) -> list[dict[str, Any]]:
        found = []
        for image in given:
            thirds = [float(image[4 * place:4 * place + 4].mean()) for place in range(3)]
            on = [place for place, light in enumerate(thirds) if light > min(thirds) + 40]
            x = 1.0 if int(image.sum()) % 4 == 0 else 5.0
            boxes = np.array([(x, 4.0 * place, x + 6, 4.0 * place + 4) for place in on], np.float32).reshape(-1, 4)
            more: dict[str, Any] = {}
            if self.kind == "polygons":
                more["polygons"] = [np.array([(x, 4.0 * place), (x + 6, 4.0 * place), (x + 3, 4.0 * place + 4)])
                                    for place in on]
            found.append({"boxes": boxes, "labels": [LABELS[place] for place in on],
                          "scores": np.array([0.9 - 0.1 * k for k in range(len(on))], np.float32), **more})
        return found


def said(kind: str, k: int, *, wrong: bool = False) -> dict[str, Any]:
    """What somebody says of item k, right or wrong."""
    if kind in OF_OBJECTS:
        return {"objects": shapes(kind, k, wrong=wrong)}
    values = {"blur": BLUR[k] if not wrong else 10 - BLUR[k], "view": VIEW[k]}
    if kind == "multilabel":
        return {"labels": SETS[k] if not wrong else [name for name in LABELS if name not in SETS[k]]}
    if kind == "scale":
        return {"values": {**values, "ink": INK[k] if not wrong else 1 - INK[k]}}
    label = LABELS[(k + wrong) % 3]
    return {"label": label} if kind == "classify" else {"label": label, "values": values}


def seen(wb: Workbench, kind: str, k: int, arm: str) -> Seen:
    """What a screen showed: a suggestion that is wrong of every fourth item, in one of two arms."""
    if kind in OF_OBJECTS:
        objects = tuple(one.to_dict() for one in wb.session.proposals(wb.pool.position(IDS[k])))
        return Seen(hidden=arm == "blind", chosen_by="doubt", model="m1", arm=arm, arm_probability=0.5, taxonomy=1,
                    objects=objects[1:], withheld=tuple({**one, "p": 0.05} for one in objects[:1])
                    if arm == "shown" else (), threshold=0.3, threshold_probability=0.8, shown_ms=4000)
    suggested = said(kind, k, wrong=k % 4 == 0)
    values = {wb.taxonomy.attribute(name).id: value for name, value in suggested.get("values", {}).items()}
    suggestion = wb.taxonomy.label_set(suggested["labels"]) if kind == "multilabel" else \
        wb.taxonomy.label(suggested["label"]).id if "label" in suggested else None
    return Seen(suggestion=suggestion, hidden=arm == "blind", chosen_by="margin", model="m1", arm=arm,
                arm_probability=0.5, taxonomy=1, **({"values": values, "values_model": "m1"} if values else {}))


class SpanFinder:
    """A person's tagger: it looks for the labels' names, and begins a character late in every fourth text."""

    version = "span finder"

    def predict(self, given: list[str]) -> list[dict[str, Any]]:
        found = []
        for text in given:
            on = [name for name in LABELS if name in text]
            starts = [text.index(name) + (len(text) % 4 == 0) for name in on]
            found.append({"spans": np.array([(start, start + 5) for start in starts], int).reshape(-1, 2), "labels": on,
                          "scores": np.array([0.9 - 0.1 * k for k in range(len(on))], np.float32)})
        return found


class Reader(nn.Module):
    """A person's net of texts: it reads code points, of which there are none where -1 stands."""

    reads_code_points = True

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(128, 4), nn.Linear(4, 3)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        there = (points >= 0).unsqueeze(-1)
        return self.head((self.embedding(points.clamp(0, 127)) * there).sum(1) / there.sum(1).clamp(1))


def net(items: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return Reader() if items == "texts" else \
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """A project of each case, made once."""
    made: dict[Case, Any] = {}

    def folder(kind: str, people: str, model: str, items: str) -> Any:
        if (case := (kind, people, model, items)) not in made:
            made[case] = tmp_path_factory.mktemp("project") / "p"
            with hw.Workbench(made[case], POOLS[items], taxonomy(kind), annotator="ada", progress=False,
                              model=net_of(case), task=None if kind == "attributes" else kind) as wb:
                for k, item_id in enumerate(IDS[:30]):
                    for who in ("ada", "bob") if people == "together" and k < 24 else ("ada",):
                        arm = "shown" if (k // 4 + (who == "bob")) % 2 else "blind"
                        wb.decide(item_id, **said(kind, k, wrong=who == "bob" and k % 8 == 0), annotator=who,
                                  certainty=3 if k % 8 == 0 else 9,
                                  **({} if wb.project.queue.holdout[k] else {"seen": seen(wb, kind, k, arm)}))
                if kind not in OF_OBJECTS:
                    wb.gold({item_id: gold_of(kind, N - 1 - k) for k, item_id in enumerate(IDS[:-4:-1])})
                if model == "model" and kind not in OF_OBJECTS:
                    learn(wb, kind, items)
        return made[case]
    return folder


def gold_of(kind: str, k: int) -> Any:
    return {"multilabel": SETS[k], "scale": {"ink": INK[k], "blur": BLUR[k], "view": VIEW[k]}}.get(kind, LABELS[k % 3])


def net_of(case: Case) -> Any:
    kind, _, model, items = case
    if kind in OF_OBJECTS:
        return finder(kind) if model == "model" else None
    return net(items) if model == "model" and kind != "scale" else None


def finder(kind: str) -> Any:
    return SpanFinder() if kind == "spans" else Finder(kind)


def learn(wb: Workbench, kind: str, items: str) -> None:
    if kind == "scale":
        wb.finetune(epochs=1, min_steps=8)
    else:
        wb.predict()
        wb.adopt(net(items, 1))
        wb.predict()


@pytest.fixture(scope="module")
def opened(folders: Callable[..., Any],
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Workbench]]:
    """Opens a copy of a case's project, in the folder given or in the one that all readers share.

    The project itself is never opened: a session writes into its folder while another test copies it.
    """
    made: dict[Any, Workbench] = {}

    def open_(case: Case, folder: Any = None) -> Workbench:
        if (key := folder or case) not in made:
            at = folder or tmp_path_factory.mktemp("read") / "p"
            shutil.copytree(folders(*case), at)
            made[key] = hw.Workbench(at, POOLS[case[3]], annotator="ada", progress=False, model=net_of(case))
        return made[key]
    yield open_
    for wb in made.values():
        wb.close()


def any_label(wb: Workbench) -> str | None:
    return wb.taxonomy.names[0] if len(wb.taxonomy) else None


def about(wb: Workbench, name: str = "blur") -> dict[str, str]:
    return {"attribute": name} if wb.project.task == "scale" else {}


def edit(wb: Workbench) -> Any:
    return edits.rename("indoor", "inside") if len(wb.taxonomy) else edits.rename_attribute("blur", "blurred")


def taken_in(wb: Workbench) -> Any:
    """An answer that came when its person's role had been withdrawn, and that counts all the same."""
    wb.people.invite("carl")
    wb.people.withdraw("carl")
    answer: dict[str, Any] = {"verdict": "skip"}
    wb.session.decide(IDS[0], annotator="carl", id="answer-of-carl", keep_aside=True, **answer)
    aside = wb.people.set_aside()
    assert aside["id"].tolist() == ["answer-of-carl"]
    assert wb.people.take_in(aside).empty
    assert "carl" in set(wb.annotations()["annotator"])
    return aside


def adjudicated(wb: Workbench) -> Any:
    desk = wb.people.adjudicate(seed=0)
    case = desk.next()
    label = ["indoor", "night"] if wb.project.task == "multilabel" else any_label(wb)
    desk.decide(case, label, "slip")
    return [desk.table, desk.error, wb.consensus()]


def desk_of(wb: Workbench) -> Workbench:
    """Another copy of the project, on which a label, or an attribute, was added."""
    folder = wb.folder.parent / "second-desk"
    if not folder.exists():
        shutil.copytree(wb.folder, folder, ignore=shutil.ignore_patterns(".tmp*"))
    other = Workbench(folder, wb.pool, annotator="zoe", progress=False)
    other.apply(edits.add("dawn") if len(wb.taxonomy) else edits.change_attribute("blur", definition="dim"))
    return other


def joined(wb: Workbench) -> Any:
    desk_of(wb).close()
    return [wb.join(wb.folder.parent / "second-desk"), wb.edits.unsettled(), wb.annotations()]


def settled(wb: Workbench) -> Any:
    other = desk_of(wb)
    other.close()
    wb.apply(edit(wb))
    other = Workbench(other.folder, wb.pool, annotator="zoe", progress=False)
    other.join(wb.folder)  # zoe's edit was made first: the other one waits
    made = other.edits.settle(other.edits.unsettled()["id"][0], apply=True)
    other.close()
    return [made, wb.join(other.folder)]


def imported(wb: Workbench) -> Any:
    """Equal probabilities of all items, or the objects that people gave, which are looked at as a model's."""
    if wb.project.task in OF_OBJECTS:
        version = wb.import_predictions(wb.objects().drop_duplicates("item_id").assign(score=0.8), model="gpt-9")
        return [version, wb.predict(), wb.models(), wb.progress(), wb.people.second_looks()]
    names = list(wb.taxonomy.names)
    table = pd.DataFrame({"item_id": wb.pool.ids, **dict.fromkeys(names, 1 / max(1, len(names)))})
    version = wb.import_predictions(table, model="gpt-9")
    return [version, wb.predict(), wb.models(), wb.progress(), wb.people.second_looks()]


CALLS: dict[str, Callable[[Workbench], Any]] = {
    "annotations": lambda wb: [wb.annotations(), wb.annotations(taxonomy=1)], "history": lambda wb: wb.history(),
    "votes": lambda wb: wb.votes(), "consensus": lambda wb: wb.consensus(), "progress": lambda wb: wb.progress(),
    "labels_table": lambda wb: wb.labels_table(), "values": lambda wb: wb.values(),
    "objects": lambda wb: [wb.objects(), wb.objects(deleted=True)],
    "reasons": lambda wb: wb.reasons(),
    "decide": lambda wb: wb.decide(IDS[-1], **said(kind_of(wb), N - 1)),
    "retract": lambda wb: wb.retract(wb.annotations()["decision_id"].iloc[0]),
    "gold": lambda wb: [wb.gold(), wb.gold(wb.gold())],
    "import_annotations": lambda wb: wb.import_annotations(
        wb.values() if wb.project.task == "scale" else wb.objects() if wb.project.task in OF_OBJECTS else
        wb.annotations(), "carol"),
    "import_predictions": imported,
    "preview": lambda wb: wb.preview(edit(wb)), "apply": lambda wb: wb.apply(edit(wb)),
    "revert": lambda wb: wb.revert(wb.apply(edit(wb))), "next": lambda wb: wb.next(3), "claim": lambda wb: wb.claim(3),
    "relabel_queue": lambda wb: wb.relabel_queue(), "review": lambda wb: wb.review(),
    "predict_objects": lambda wb: wb.predict_objects(),
    "predict": lambda wb: wb.predict(), "predict_values": lambda wb: wb.predict_values(),
    "probs": lambda wb: wb.probs(), "embeddings": lambda wb: wb.embeddings(),
    "finetune": lambda wb: wb.finetune(epochs=1, min_steps=8),
    "explain": lambda wb: wb.explain(IDS[:2], method(wb), **about(wb, "ink")),
    "explain_all": lambda wb: wb.explain_all(method(wb), n=3),
    "check_explanations": lambda wb: wb.check_explanations(method(wb), 2), "model": lambda wb: wb.model(),
    "adopt": lambda wb: wb.adopt(wb.models()["model"].iloc[0] if wb.project.adopted() else
                                 finder(wb.project.task) if wb.project.task in OF_OBJECTS else net(items_of(wb))),
    "training_set": lambda wb: len(wb.training_set()), "archive": lambda wb: wb.archive(wb.folder.parent / "p.zip"),
    "from_archive": lambda wb: Workbench.from_archive(wb.archive(wb.folder.parent / "p.zip"), wb.folder.parent / "q",
                                                      pool=wb.pool, progress=False).close(),
    "move_to": lambda wb: wb.move_to(wb.folder.parent / "moved").close(),
    "export": lambda wb: [wb.export(wb.folder.parent / f"{labels}.jsonl", labels=labels)
                          for labels in ("consensus", "annotations")],
    "import_file": lambda wb: [wb.export(wb.folder.parent / "back.jsonl", labels="annotations", predictions=True),
                               wb.import_file(wb.folder.parent / "back.jsonl")],
    "from_file": lambda wb: [wb.export(wb.folder.parent / "out.jsonl", labels="annotations"),
                             Workbench.from_file(wb.folder.parent / "out.jsonl", wb.folder.parent / "r",
                                                 images=wb.pool, progress=False).close()],
    "close": lambda wb: wb.close(),
    "models": lambda wb: wb.models(), "models.flips": lambda wb: wb.models.flips(),
    "models.embeddings": lambda wb: wb.models.embeddings(),
    "edits": lambda wb: wb.edits(), "edits.open": lambda wb: wb.edits.open(),
    "edits.triage": lambda wb: wb.edits.triage(), "edits.presume": lambda wb: wb.edits.presume(),
    "edits.counts": lambda wb: wb.edits.counts(), "edits.unsettled": lambda wb: wb.edits.unsettled(),
    "edits.settle": settled,
    "people": lambda wb: wb.people(), "people.calibration": lambda wb: wb.people.calibration(),
    "people.consensus": lambda wb: wb.people.consensus(**about(wb)),
    "people.agreement": lambda wb: wb.people.agreement(**about(wb)),
    "people.bias": lambda wb: wb.people.bias(**about(wb)),
    "people.schools": lambda wb: wb.people.schools(n_boot=19, **about(wb)),
    "people.plan": lambda wb: wb.people.plan(), "people.adjudicate": adjudicated,
    "join": joined, "people.own": lambda wb: wb.people.own(),
    "people.threads": lambda wb: [wb.people.threads().ask("Which?", item_id=IDS[0], label=any_label(wb)),
                                  wb.people.threads()],
    "people.second_looks": lambda wb: wb.people.second_looks(), "people.policy": lambda wb: wb.people.policy(),
    "people.set": lambda wb: wb.people.set(repeats=0.1, purpose="to see"),
    "people.consent": lambda wb: wb.people.consent(),
    "people.plant": lambda wb: wb.people.plant(0.05, purpose="to see"),
    "people.planted": lambda wb: wb.people.planted(),
    "people.table": lambda wb: wb.people.table(),
    "people.assign": lambda wb: [wb.people.assign("grace", items=IDS[:2]), wb.people.assign("grace", None),
                                 wb.people.assign("grace", [any_label(wb)])],
    "people.workload": lambda wb: wb.people.workload(),
    "people.roles": lambda wb: wb.people.roles(),
    "people.invite": lambda wb: wb.people.invite("carl", role="guest"),
    "people.withdraw": lambda wb: [wb.people.invite("carl"), wb.people.withdraw("carl")],
    "people.set_aside": lambda wb: wb.people.set_aside(), "people.take_in": taken_in,
    "people.pseudonyms": lambda wb: wb.people.pseudonyms(),
    "people.forget": lambda wb: [wb.decide(IDS[0], "skip", annotator="grace", note="by grace"),
                                 wb.people.forget("grace")],
}

# These change nothing that the others read: they share one project.
READING = {"annotations", "history", "votes", "consensus", "progress", "labels_table", "values", "objects", "reasons",
           "preview", "next", "relabel_queue", "predict", "predict_values", "predict_objects", "probs", "embeddings",
           "explain", "explain_all", "check_explanations", "model", "training_set",
           "models", "models.flips", "models.embeddings", "edits", "edits.counts", "edits.unsettled", "people",
           "people.calibration", "people.consensus", "people.agreement", "people.bias", "people.schools",
           "people.plan", "people.own", "people.second_looks", "people.policy", "people.consent", "people.planted",
           "people.table", "people.workload", "people.roles", "people.set_aside", "people.pseudonyms"}
OF_MODELS = ("explain", "explain_all", "check_explanations", "model", "models.flips", "models.embeddings", "probs",
             "embeddings", "predict")
OBJECTS = "asks for (the )?objects"
ONE_LABEL, VALUES_ALONE, NO_MODEL = "one label at most", "asks for values alone", "there is no model"
# (method, what of the case it depends on) -> what the error says. The first that fits counts.
REFUSED: dict[tuple[str, str], str] = {
    ("labels_table", "classify"): ONE_LABEL, ("labels_table", "attributes"): ONE_LABEL,
    ("labels_table", "scale"): ONE_LABEL, ("predict", "scale bare"): "no heads",
    ("explain", "scale bare"): "no heads|no model", ("people.schools", "scale"): "not on a scale",
    ("predict_values", "scale bare"): "no heads", ("model", "scale bare"): "no heads",
    **{("predict_values", kind): "no heads" for kind in KINDS[:3]},
    **{(name, "scale"): VALUES_ALONE for name in (
        "import_predictions", "probs", "embeddings", "explain_all", "check_explanations", "adopt",
        "training_set", "models.flips", "models.embeddings", "people.plan", "people.adjudicate", "people.plant")},
    ("edits.presume", "scale"): "asks for values of attributes alone",
    **{("people.assign", kind): "assign items by where= or items=" for kind in ("scale", *OF_OBJECTS)},
    **{("objects", kind): "no objects are asked for" for kind in KINDS},
    **{("predict_values", kind): "no heads" for kind in OF_OBJECTS},
    **{(name, f"{kind} bare"): NO_MODEL for name in ("predict", "predict_objects", "model") for kind in OF_OBJECTS},
    **{("explain", kind): "gradcam and occlusion|there is no model" for kind in OF_OBJECTS if kind != "spans"},
    ("explain", "spans bare"): NO_MODEL,
    **{("predict_objects", kind): "objects are asked for|asks for no objects|task=" for kind in KINDS},
    **{("labels_table", kind): "wb.objects\\(\\) has them" for kind in OF_OBJECTS},
    **{(name, kind): OBJECTS for kind in OF_OBJECTS for name in (
        "consensus", "probs", "embeddings", "explain_all", "check_explanations",
        "training_set", "models.flips", "models.embeddings", "edits.triage", "edits.presume", "people.calibration",
        "people.consensus", "people.schools", "people.plan", "people.adjudicate", "people.own", "people.plant")},
    **{(name, f"{kind} bare"): NO_MODEL for name in OF_MODELS for kind in ("classify", "attributes", "multilabel")},
}


def items_of(wb: Workbench) -> str:
    return f"{wb.pool.kind}s"


def method(wb: Workbench) -> str:
    return "saliency" if wb.pool.kind == "image" else "erasure"


def kind_of(wb: Workbench) -> str:
    task = getattr(wb.project, "task", "classify")
    return "attributes" if task == "classify" and getattr(wb.taxonomy, "attributes", ()) else task


def public(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items()
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, classmethod))}


def test_every_method_is_called():
    named = {*public(Workbench), "models", "edits", "people"}
    for prefix, kind in (("models", Models), ("edits", Edits), ("people", People)):
        named |= {f"{prefix}.{name}" for name in public(kind)}
    assert named == set(CALLS)


def show(result: Any) -> None:
    """Show what came back in each way in which a notebook or a person does."""
    for one in result if isinstance(result, list) else [result]:
        assert repr(one)
        if hasattr(one, "_repr_html_"):
            one._repr_html_()
        if callable(getattr(one, "plot", None)) and not hasattr(one, "columns"):
            one.plot()


def refusal(name: str, case: Case) -> str | None:
    return next((why for (of, which), why in REFUSED.items() if of == name and set(which.split()) <= set(case)), None)


@pytest.mark.long
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_method_answers_or_says_why_it_cannot(opened, tmp_path, case, name):
    wb = opened(case, None if name in READING else tmp_path / "p")
    expected = refusal(name, case)
    if expected is None:
        show(CALLS[name](wb))
    else:
        with pytest.raises(HitlError, match=expected):
            show(CALLS[name](wb))
