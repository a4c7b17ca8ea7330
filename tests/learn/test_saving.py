"""A model's folder: weights, what they are, a card with honest figures, and a script that needs no part of the package.

The scripts run in another process, in which `import hitl_widgets` fails.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from circles import drawn
from detectors import OneBox, Told
from nets import Perceptron
from PIL import Image
from sentences import NAMES as SPANS
from sentences import sentences
from shades import IMAGES, KINDS, NAMES, POOL, TRUTH, label_some, small_net
from spam import BagOfWords, answer, bag, encode, messages, shouting
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.learn.average import AverageNet
from hitl_widgets.learn.descriptors import Form, fit_descriptors
from hitl_widgets.learn.detector_model import DetectorModel
from hitl_widgets.learn.light import fit_head, fit_kernel_head, light_net
from hitl_widgets.learn.model_card import Record, card, escaped
from hitl_widgets.learn.multilabel import fit_label_heads
from hitl_widgets.learn.nets import kmeans_net, small_cnn
from hitl_widgets.learn.object_net import ObjectNet
from hitl_widgets.learn.object_predictors import OwnDetector
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.learn.saving import save_labeller
from hitl_widgets.learn.span_net import SpanNet
from hitl_widgets.learn.span_predictors import OwnSpanDetector
from hitl_widgets.learn.text_nets import AdditiveTextNet, TextCNN, rarity_of
from hitl_widgets.learn.text_views import TextPreprocess

TEXTS = [*messages(40)[0], "I'd pay $3.50, 👍🏽 ok?", "日本語 ไทย a\u0301b 🏴‍☠️", "x" * 300, "Ünïcode 12,5 USD!!"]
FILES = ["README.md", "load.py", "model.json", "model.safetensors"]
VIEW = Preprocess(16, channels=1)
VIEWS = torch.stack([VIEW(image) for image in IMAGES[:60]])
WIDE = torch.stack([Preprocess((16, 32), channels=1)(image) for image in IMAGES[:60]])
COLUMNS = torch.tensor([NAMES.index(kind) for kind in KINDS[:60]])

# Runs every script in a folder of folders: {name: [items, labels]} in jobs.json, arrays in items.npz.
RUNNER = """
import importlib.util, json, sys
from pathlib import Path
class Never:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "hitl_widgets":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Never())
try:
    import hitl_widgets
    sys.exit("the package is there")
except ModuleNotFoundError:
    pass
import numpy as np
at = Path(sys.argv[1])
arrays = np.load(at / "items.npz")
found = {}
for name, items in json.loads((at / "jobs.json").read_text()).items():
    spec = importlib.util.spec_from_file_location(f"load_{name}", at / name / "load.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    more = {"preprocess": lambda image: 1 - image[None] / np.float32(255)} if name == "function" else {}
    model = module.load(**more)
    items = list(arrays[items]) if isinstance(items, str) else items
    said = model(items)
    if isinstance(said, np.ndarray):
        found[name] = said
        assert said.dtype == np.float32 and len(model.suggest(items)) == len(items)
        json.dumps(model.told(items[0]))
    else:
        for row, one in enumerate(said):
            for column, values in one.items():
                found[f"{name} {row} {column}"] = np.array(values)
        json.dumps(model.told(items[0]))
assert not [name for name in sys.modules if name.partition(".")[0] in ("hitl_widgets", "sklearn", "captum", "pandas")]
np.savez(at / "found.npz", **found)
"""


def run(folder, jobs):
    """What the scripts in a folder of folders say of items."""
    np.savez(folder / "items.npz", shades=IMAGES[:60], circles=np.stack([drawn(seed)[0] for seed in range(4)]))
    (folder / "jobs.json").write_text(json.dumps(jobs))
    (folder / "runner.py").write_text(RUNNER)
    done = subprocess.run([sys.executable, "-I", str(folder / "runner.py"), str(folder)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "found.npz"))


def predictor(net, pool=POOL, n_labels=3, **more):
    return NetPredictor(net.eval(), pool, [f"id-{row}" for row in range(n_labels)], device="cpu", **more)


def shaken(net, seed=0):
    """The net with weights, and running means, as after a training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.dtype.is_floating_point and tensor.numel() > 1:
                noise = 0.05 * torch.randn(tensor.shape, generator=generator)
                tensor.add_(noise.abs() if name.endswith("running_var") else noise)
    return net


def light(form=None, views=VIEWS, *, sets=False, plain=False):
    descriptors = fit_descriptors(views, form=form)
    rows, weights = descriptors.rows_of(list(views)), torch.ones(60)
    if sets:
        on = nn.functional.one_hot(COLUMNS, 3).float()
        head = fit_label_heads(rows, on, torch.ones(60, 3), n_windows=descriptors.n_windows)
    else:
        head = (fit_head if plain else fit_kernel_head)(rows, COLUMNS, weights, n_labels=3)
    return light_net(descriptors, head)


def additive(seed=0):
    net = AdditiveTextNet(2, 2**10, rarity=rarity_of(TEXTS, 2**10))
    with torch.no_grad():
        net.last.weight.normal_(generator=torch.Generator().manual_seed(seed))
    return net


def object_net():
    net = shaken(ObjectNet(2, side=96, typical=9.0))
    with torch.no_grad():
        net.centres.weight.normal_(generator=torch.Generator().manual_seed(0))  # so that much is found
        net.centres.bias.add_(3.0)
    return net


def photographs(folder):
    """Photographs as cameras make them: large, turned, grey, with an alpha channel, of 16 bits."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for row in range(6):
        pixels = np.kron(rng.integers(0, 256, (12, 16, 3), np.uint8), np.ones((17, 13, 1), np.uint8))
        image = Image.fromarray(pixels if row % 3 else pixels[..., 0])
        exif = Image.Exif()
        exif[0x0112] = row + 1
        image.save(folder / f"{row}.jpg", quality=90, exif=exif)
    Image.fromarray(rng.integers(0, 256, (40, 30, 4), np.uint8)).save(folder / "clear.png")
    Image.fromarray(rng.integers(0, 60_000, (40, 30)).astype(np.uint16)).save(folder / "deep.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the workbench says, and what the scripts say, of the same items: name -> (expected, found)."""
    folder = tmp_path_factory.mktemp("saved")
    files = [str(path) for path in photographs(folder / "photographs")]
    of_files, texts = hw.Pool.from_images(files), hw.Pool.from_texts(TEXTS)
    colour = Preprocess((24, 28), fit="pad", channels=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))
    made = {
        "light": (predictor(light(), preprocess=VIEW), "shades"),
        "plain": (predictor(light(plain=True), preprocess=VIEW), "shades"),
        "windows": (predictor(light(Form(16, 2, 1), WIDE, sets=True), multilabel=True,
                              preprocess=Preprocess((16, 32), channels=1)), "shades"),
        "cnn": (predictor(shaken(small_cnn(3, channels=1, size=16)), preprocess=VIEW), "shades"),
        "average": (predictor(AverageNet(light(), shaken(small_cnn(3, channels=1, size=16))), preprocess=VIEW),
                    "shades"),
        "sets": (predictor(AverageNet(light(sets=True), shaken(small_cnn(3, size=16)), of_sets=True), multilabel=True,
                           preprocess=VIEW), "shades"),
        "patches": (predictor(kmeans_net(3, VIEWS), preprocess=VIEW), "shades"),
        "files": (predictor(shaken(small_cnn(3, channels=3, size=(24, 28))), of_files, preprocess=colour), files),
        "cropped": (predictor(shaken(small_cnn(3, channels=3, size=28)), of_files, preprocess=Preprocess(
            28, fit="crop", channels=3, crop_pct=0.8, interpolation="bicubic")), files),
        "function": (predictor(shaken(small_cnn(3, size=16)), preprocess=lambda image: torch.from_numpy(
            1 - image[None] / np.float32(255))), "shades"),
        "additive": (predictor(additive(), texts, 2), TEXTS), "words": (predictor(TextCNN(2), texts, 2), TEXTS),
        "both": (predictor(AverageNet(additive(), TextCNN(2, width=8)), texts, 2, preprocess=TextPreprocess()), TEXTS),
        "text_sets": (predictor(AverageNet(additive(), TextCNN(2), of_sets=True), texts, 2, multilabel=True,
                                preprocess=TextPreprocess()), TEXTS),
    }
    jobs = {name: items for name, (_, items) in made.items()}
    expected = {}
    for name, (one, _) in made.items():
        names = [f"label {row}" for row in range(len(one.label_ids))]
        save_labeller(one, names, folder / name, Record(thresholds={"id-1": 0.3} if one.multilabel else {}))
        expected[name] = one.predict(range(60 if one.pool is POOL else len(one.pool)))
    circles = [drawn(seed)[0] for seed in range(4)]
    for task, shape in (("boxes", "box"), ("polygons", "polygon"), ("points", "point")):
        finder = OwnDetector(object_net(), shape)
        finder_model(finder.net, finder, task).save(folder / task)
        jobs[task] = "circles"
        expected |= columns_of(task, [finder.predict([image])[0] for image in circles])
    tagger = shaken(SpanNet(2))
    some = [text for text, _ in sentences(6, 5)]
    finder_model(tagger, OwnSpanDetector(tagger), "spans").save(folder / "spans")
    jobs["spans"] = some
    expected |= columns_of("spans", [OwnSpanDetector(tagger).predict([text])[0] for text in some])
    return folder, expected, run(folder, jobs)


def finder_model(net, detector, task):
    from hitl_widgets.learn.object_registry import ObjectModel
    from hitl_widgets.learn.weights import weights_version
    model = ObjectModel(weights_version(net), detector, ("id-0", "id-1"), 1, net, own=True, thresholds={"id-0": 0.4})
    return DetectorModel(model, ["disc", "ring"], task, numbers={0: 0, "disc": 0, 1: 1, "ring": 1})


def columns_of(task, outputs):
    names = np.array(["disc", "ring"])
    return {f"{task} {row} {column}": names[values] if column == "labels" else np.array(values)
            for row, output in enumerate(outputs) for column, values in output.items()}


LABELLERS = ["light", "plain", "windows", "cnn", "average", "sets", "patches", "files", "cropped", "function",
             "additive", "words", "both", "text_sets"]


@pytest.mark.long
@pytest.mark.parametrize("name", LABELLERS)
def test_a_script_gives_the_workbenchs_probabilities_without_the_package(said, name):
    _, expected, found = said
    assert expected[name].std(axis=0).max() > 1e-3  # not the same for every item
    np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("task", ["boxes", "polygons", "points", "spans"])
def test_a_script_finds_the_same_objects_without_the_package(said, task):
    _, expected, found = said
    those = [name for name in expected if name.startswith(f"{task} ")]
    assert sum(len(expected[name]) for name in those if name.endswith("scores")) > 5
    for name in those:
        if name.endswith("labels"):
            assert found[name].tolist() == expected[name].tolist()
        else:
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-4)


def test_a_folder_has_the_four_files_and_no_path_of_this_machine(said):
    folder, _, _ = said
    for name in [*LABELLERS, "boxes", "spans"]:
        assert sorted(path.name for path in (folder / name).iterdir() if path.suffix) == FILES
        for file in ("model.json", "README.md", "load.py"):
            text = (folder / name / file).read_text(encoding="utf-8")
            assert str(folder) not in text
            assert "/home" not in text
            assert "import hitl" not in text
            assert "from hitl" not in text
    told = json.loads((folder / "files" / "model.json").read_text(encoding="utf-8"))
    assert told["preprocess"] == {"kind": "image", "size": [24, 28], "fit": "pad", "channels": 3,
                                  "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.2], "crop_pct": 1.0,
                                  "interpolation": "bilinear", "divided_by": 255}
    assert json.loads((folder / "sets" / "model.json").read_text(encoding="utf-8"))["thresholds"] == {"id-1": 0.3}


def test_scripts_are_formatted_and_compile(said):
    folder, _, _ = said
    for name in LABELLERS:
        compile((folder / name / "load.py").read_text(encoding="utf-8"), name, "exec")


@pytest.mark.long
def test_the_command_line_prints_a_line_of_json_for_each_item(said, tmp_path):
    folder, expected, _ = said
    for row in range(2):
        Image.fromarray(IMAGES[row]).save(tmp_path / f"{row}.png")
    done = subprocess.run([sys.executable, "-I", str(folder / "cnn" / "load.py"), "0.png", "1.png"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["item"] for line in lines] == ["0.png", "1.png"]
    for line, row in zip(lines, expected["cnn"], strict=False):
        np.testing.assert_allclose(list(line["says"]["probs"].values()), row, atol=1e-5)
        assert line["says"]["suggestion"] == f"label {row.argmax()}"


@pytest.mark.long
def test_a_file_that_cant_be_read_is_named_and_the_others_are_answered(said, tmp_path):
    folder, _, _ = said
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray(IMAGES[0]).save(tmp_path / "good.png")
    done = subprocess.run([sys.executable, "-I", str(folder / "cnn" / "load.py"), "text.png", "gone.png", "good.png"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [json.loads(line)["item"] for line in done.stdout.splitlines()] == ["good.png"]
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["text.png can't be read",
                                                                         "gone.png can't be read"]


# -- through the workbench

def script_in(folder):
    """The module of a folder's script."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("load_of_test", folder / "load.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workbench with a model of its own that was measured on the hold-out, the run, and the saved folder."""
    folder = tmp_path_factory.mktemp("trained")
    wb = hw.Workbench(folder / "p", POOL, hw.Taxonomy(NAMES), annotator="ada", progress=False)
    label_some(wb, 80)
    run = wb.finetune(epochs=1)
    wb.model().save(folder / "model")
    yield wb, run, folder / "model"
    wb.close()


def test_what_is_saved_has_calibration_and_shift_in_it(trained):
    wb, _, folder = trained
    wb.predict()
    model = script_in(folder).load()
    np.testing.assert_allclose(model(list(IMAGES)), wb.probs(), rtol=0, atol=1e-5)
    assert (model.labels, model.label_ids) == (NAMES, list(wb.taxonomy.label_ids))
    assert model.version == wb.model().version


def test_the_card_has_the_figures_of_the_run(trained):
    wb, run, folder = trained
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"# Model {run.model}" in card
    assert f"- accuracy: {run.after['accuracy']}" in card
    assert f"n = {run.after.n:,}." in card
    assert "the hold-out: items that were drawn by chance" in card
    recalls = run.after.per_label.set_index("label")["recall"]
    for name in NAMES:
        assert f"| {name} | {int(run.after.per_label.set_index('label').loc[name, 'n'])} |" in card
        assert f"{recalls[name]:.3f} (" in card
    assert "None: there was no model before" in card
    answers = wb.annotations()
    teaching = answers[~answers["item_id"].isin(wb.holdout)]
    assert f"- {len(teaching)} answers by 1 annotator" in card
    assert f"- {run.n_training} images" in card
    assert "one annotator gave them" in card
    assert "from elsewhere" in card
    for name, n in zip(NAMES, run.after.per_label["n"], strict=True):
        assert n < 30
        assert name in card.partition("fewer than 30 measured items")[0].rpartition("Much of ")[2]


@pytest.mark.long
def test_a_second_round_says_what_it_gained(trained, tmp_path):
    wb, first, _ = trained
    label_some(wb, 20)
    run = wb.finetune(epochs=1, seed=3, adopt="never")
    assert run.model != first.model
    card = (wb.model(run.model).save(tmp_path / "second") / "README.md").read_text(encoding="utf-8")
    assert f"over model {first.model}, on the same items" in card
    assert f"{float(run.gain):+.3f} ({run.gain.low:+.3f} to {run.gain.high:+.3f}, n = {run.gain.n}" in card
    assert "2 rounds were measured on the same items" in card


def test_the_same_model_gives_the_same_bytes(trained, tmp_path):
    wb, _, folder = trained
    again = wb.model().save(tmp_path / "again")
    for name in FILES:
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_is_never_overwritten_unless_asked_for(trained, tmp_path):
    wb, _, _ = trained
    model = wb.model()
    (tmp_path / "empty").mkdir()
    saved = model.save(tmp_path / "empty")
    with pytest.raises(BadInput, match="isn't empty"):
        model.save(saved)
    (saved / "model.json").write_text("{}")
    assert json.loads((model.save(saved, overwrite=True) / "model.json").read_text())["version"] == model.version
    (saved / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"mine\.txt, which no saved model has"):
        model.save(saved, overwrite=True)
    with pytest.raises(BadInput, match="is a file"):
        model.save(saved / "mine.txt", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_what_cannot_be_written_leaves_the_former_model(trained, tmp_path, monkeypatch):
    from hitl_widgets.errors import StoreError
    from hitl_widgets.learn import saving
    wb, _, _ = trained
    folder = wb.model().save(tmp_path / "model")
    before = {name: (folder / name).read_bytes() for name in FILES}

    def full(*arguments, **more):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(saving, "save_weights", full)
    with pytest.raises(StoreError, match="No space left"):
        wb.model().save(folder, overwrite=True)
    assert {name: (folder / name).read_bytes() for name in FILES} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_of_the_background_says_what_is_known_of_it(bench, tmp_path):
    wb = bench()
    label_some(wb, 60)
    from hitl_widgets.learn.background import BackgroundLearning
    learning = BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify)
    learning.learn()
    folder = wb.model().save(tmp_path / "m")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "learnt in the background" in card
    assert "Not measured." in card
    assert "Out of fold" in card
    assert "How often it is right: it was not measured." in card
    wb.predict()
    np.testing.assert_allclose(script_in(folder).load()(list(IMAGES)), wb.probs(), rtol=0, atol=1e-5)


@pytest.mark.long
def test_several_labels_an_item_have_thresholds(bench, tmp_path):
    wb = bench(task="multilabel", annotator="ada")
    for item in wb.next(60):
        wb.decide(item.id, labels=[TRUTH[item.id]])
    run = wb.finetune(epochs=1)
    folder = wb.model().save(tmp_path / "m")
    model = script_in(folder).load()
    wb.predict()
    np.testing.assert_allclose(model(list(IMAGES)), wb.probs(), rtol=0, atol=1e-5)
    assert model.thresholds == {wb.taxonomy.name_of(label_id): limit for label_id, limit in run.thresholds.items()}
    said = [set(names) for names in model.suggest(list(IMAGES[:20]))]
    for names, row in zip(said, wb.probs()[:20], strict=True):
        assert names == {name for name, p in zip(NAMES, row, strict=True) if p >= np.float32(model.thresholds[name])}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"- macro F1: {run.after['macro_f1']}" in card
    assert "| column | label | label id | on from |" in card


@pytest.mark.long
def test_texts_are_saved_with_what_they_learnt(tmp_path):
    texts, spam = messages(120)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["ham", "spam"], progress=False) as wb:
        answer(wb, spam)
        wb.finetune(epochs=1)
        folder = wb.model().save(tmp_path / "m")
        wb.predict()
        np.testing.assert_allclose(script_in(folder).load()(texts), wb.probs(), rtol=0, atol=1e-5)
    assert "A model of texts" in (folder / "README.md").read_text(encoding="utf-8")


# -- nets of a person's

def test_a_net_of_torchs_own_classes_has_to_be_passed(bench, tmp_path):
    wb = bench(model=small_net(), preprocess=Preprocess(16, mean=0.5, std=0.25))
    folder = wb.model().save(tmp_path / "m")
    script = script_in(folder)
    with pytest.raises(TypeError, match=r"pass net=, a torch\.nn\.modules\.container\.Sequential"):
        script.load()
    wb.predict()
    np.testing.assert_allclose(script.load(net=small_net(seed=7))(list(IMAGES)), wb.probs(), rtol=0, atol=1e-5)
    with pytest.raises(RuntimeError):
        script.load(net=small_net(5))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "given by a person" in card
    assert "Not known: it was trained elsewhere." in card
    assert "- What it learnt from." in card


def test_a_class_of_a_persons_is_imported(tmp_path):
    texts, _ = messages(60)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["ham", "spam"], progress=False, model=bag(seed=4),
                      preprocess=encode) as wb:
        folder = wb.model().save(tmp_path / "m")
        wb.predict()
        source = (folder / "load.py").read_text(encoding="utf-8")
        assert "from spam import BagOfWords" in source
        assert "arguments" in source
        script = script_in(folder)
        for net in (None, BagOfWords()):
            np.testing.assert_allclose(script.load(net=net, preprocess=encode)(texts), wb.probs(), rtol=0, atol=1e-5)
    assert json.loads((folder / "model.json").read_text())["preprocess"]["name"] == "encode"


def test_a_class_whose_arguments_are_not_known_has_to_be_passed(bench, tmp_path):
    wb = bench(model=Perceptron(3, 16 * 16), preprocess=Preprocess(16, channels=1))
    script = script_in(wb.model().save(tmp_path / "m"))
    with pytest.raises(TypeError, match=r"pass net=, a nets\.Perceptron made as yours was made\."):
        script.load()
    wb.predict()
    np.testing.assert_allclose(script.load(net=Perceptron(3, 16 * 16))(list(IMAGES)), wb.probs(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("last", "task", "outputs"), [
    (nn.Softmax(dim=1), "classify", "probabilities"), (nn.Sigmoid(), "multilabel", "sigmoid")])
def test_a_net_that_ends_in_probabilities_stays_so(bench, tmp_path, last, task, outputs):
    net = nn.Sequential(*small_net(), last)
    wb = bench(model=net, task=task)
    folder = wb.model().save(tmp_path / "m")
    assert json.loads((folder / "model.json").read_text())["outputs"] == outputs
    assert set(safetensors.torch.load_file(folder / "model.safetensors")) == set(net.state_dict())
    wb.predict()
    model = script_in(folder).load(net=nn.Sequential(*small_net(seed=7), last))
    np.testing.assert_allclose(model(list(IMAGES)), wb.probs(), rtol=0, atol=1e-5)


def test_of_a_function_there_is_nothing_to_save(tmp_path):
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(messages(30)[0]), ["ham", "spam"], progress=False,
                      model=shouting) as wb, pytest.raises(BadInput, match=r"nothing to save.*wb\.export"):
        wb.model().save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_of_imported_predictions_there_is_nothing_to_save(bench, tmp_path):
    wb = bench()
    frame = pd.DataFrame(np.full((len(POOL), 3), 1 / 3), columns=NAMES).assign(item_id=POOL.ids)
    wb.import_predictions(frame, model="elsewhere")
    with pytest.raises(BadInput, match="these predictions were imported: there is no net"):
        wb.model().save(tmp_path / "m")


def test_of_an_object_with_predict_there_is_nothing_to_save(tmp_path):
    pool = hw.Pool.from_images([drawn(seed)[0] for seed in range(4)])
    with hw.Workbench(tmp_path / "p", pool, ["disc", "ring"], task="boxes", progress=False, model=Told()) as wb:
        model = wb.model()
        assert model(pool)["label"].tolist() == ["disc", "ring"] * 4
        with pytest.raises(BadInput, match="nothing to save: it is an object of yours"):
            model.save(tmp_path / "m")


# -- detectors

def test_a_net_of_torchvisions_convention_is_saved_with_its_class(tmp_path):
    pool = hw.Pool.from_images([drawn(seed)[0] for seed in range(4)])
    with hw.Workbench(tmp_path / "p", pool, ["disc", "ring"], task="boxes", progress=False, model=OneBox()) as wb:
        folder = wb.model().save(tmp_path / "m")
        assert wb.model().net is not None
        found = wb.predict_objects()
    assert "from detectors import OneBox" in (folder / "load.py").read_text(encoding="utf-8")
    for model in (script_in(folder).load(), script_in(folder).load(net=OneBox())):
        [said] = model([drawn(0)[0]])
        assert said["labels"] == ["disc"]
        np.testing.assert_allclose(said["boxes"][0], found.loc[0, ["x0", "y0", "x1", "y1"]].astype(float), atol=0.01)
        assert [one["label"] for one in model.told(drawn(0)[0])] == ["disc"]


def test_a_trained_net_of_spans_is_called_and_saved(tmp_path):
    made = sentences(40, 100)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts([text for text, _ in made]), SPANS, task="spans",
                      progress=False) as wb:
        for place, (_, spans) in enumerate(made[:30]):
            seen = {"hidden": True, "chosen_by": "holdout"} if str(place) in wb.holdout else None
            wb.decide(str(place), objects=[hw.Span(start, end, label=SPANS[label]) for start, end, label in spans],
                      seen=seen)
        run = wb.finetune(epochs=12)
        model = wb.model(run.model[:6])
        folder = model.save(tmp_path / "m")
        proposed = wb.predict_objects()
        table = model([text for text, _ in made[:10]])
        expected = proposed[proposed["item_id"].isin([str(row) for row in range(10)])]
        assert table[["item_id", "label", "start", "end", "quote"]].values.tolist() == \
            expected[["item_id", "label", "start", "end", "quote"]].values.tolist()
        np.testing.assert_allclose(table["score"].to_numpy(), expected["score"].to_numpy(), atol=1e-5)
        assert model.thresholds == {wb.taxonomy.name_of(label_id): limit for label_id, limit in run.thresholds.items()}
    [said] = script_in(folder).load()([made[0][0]])
    assert said["spans"].tolist() == table.loc[table["item_id"] == "0", ["start", "end"]].astype(int).values.tolist()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"(f1_strict): {run.after['f1_strict']}" in card
    assert "spans" in card.partition("## What it learnt from")[2].splitlines()[2]
    assert "finds spans" in repr(model)


# -- names in the card

NASTY = ["<b>dark</b>", "a|b `c`", "[x](javascript:alert(1))", "https://x.y", "two\nlines", "# *no*", "&amp;",
         "🎁\u202e"]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_shown_letter_by_letter(name):
    markdown_it = pytest.importorskip("markdown_it")
    config = {"version": "0", "package": "0", "task": "classify", "kind": "image", "taxonomy": 1, "thresholds": {},
              "labels": [{"label_id": "a", "name": name}], "preprocess": {"kind": "image"}}
    text = card(config, Record(), net="", use="")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    tokens = [inner for token in parser.parse(text) for inner in (token, *(token.children or []))]
    assert not [token for token in tokens if token.type.startswith(("html", "link", "image", "code_inline", "em"))]
    cells = ["".join(inner.content for inner in token.children if inner.type in ("text", "text_special"))
             for token in tokens if token.type == "inline"]
    assert name.replace("\n", " ") in cells
    assert escaped("plain label") == "plain label"
