"""Functions of images as models: what they are called with, what is checked, and whose columns are whose."""

import copy

import numpy as np
import pytest
import torch

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.callables import AsLoaded, CallableNet, column_order, image_of, is_function
from hitl_widgets.learn.predict import NetPredictor

NAMES = [{"i": "dark", "j": "light"}]


def images(n=40, *, seed=0):
    """Grey and coloured images of two sizes, the first half dark and the second light."""
    rng = np.random.default_rng(seed)
    shapes = [(8, 8), (8, 8, 3), (6, 10), (6, 10, 3)]
    return [rng.integers(0 if row < n // 2 else 150, 100 if row < n // 2 else 256, shapes[row % 4], dtype=np.uint8)
            for row in range(n)]


def brightness(some):
    light = np.array([image.mean() / 255 for image in some])
    return np.column_stack([1 - light, light])


def probs(wb):
    return wb.inference.probs(np.arange(len(wb.pool)))


def test_a_view_holds_an_image_as_it_was_loaded():
    for image in images(4):
        view = AsLoaded()(image)
        assert view.dtype == torch.float32
        assert 0 <= float(view.min()) < float(view.max()) <= 1
        np.testing.assert_array_equal(image_of(view), image)
        np.testing.assert_array_equal(image_of((view * 255).to(torch.uint8)), image)
    assert AsLoaded().box(6, 10) == (0, 0, 10, 6)
    assert image_of(torch.full((1, 2, 2), 1.5)).tolist() == [[255, 255], [255, 255]]


def test_a_function_of_images_is_a_net_that_gives_logarithms_of_probabilities():
    coloured = np.stack([image for image in images() if image.shape == (8, 8, 3)])
    net = CallableNet(brightness, kind="image")
    views = torch.stack([AsLoaded()(image) for image in coloured])
    np.testing.assert_allclose(net(views).exp().numpy(), brightness(coloured), atol=1e-6)
    assert copy.deepcopy(net).function is brightness
    assert copy.deepcopy(net).lock is net.lock


def test_a_function_gets_images_of_one_size_in_a_batch_as_the_pool_loads_them():
    calls, pool = [], hw.Pool.from_images(images())

    def counted(some):
        assert all(image.dtype == np.uint8 for image in some)
        calls.append([image.shape for image in some])
        return brightness(some)
    predictor = NetPredictor(CallableNet(counted, kind="image"), pool, ["a", "b"], preprocess=AsLoaded(),
                             probabilities=False)
    calls.clear()
    np.testing.assert_allclose(predictor.predict(range(40)), brightness(images()), atol=1e-6)
    assert sorted(len(call) for call in calls) == [10, 10, 10, 10]
    assert all(len(set(call)) == 1 for call in calls)


def test_what_preprocess_gives_is_stacked_for_the_function():
    def features(image):
        return [image.mean(), image.std()]

    def of_features(rows):
        assert rows.shape[1:] == (2,)
        return np.column_stack([1 - rows[:, 0] / 255, rows[:, 0] / 255])
    net = CallableNet(of_features, kind="image", preprocess=features)
    np.testing.assert_allclose(net.probs_of(images()).numpy(), brightness(images()), atol=1e-6)
    of_pictures = CallableNet(of_features, kind="image",
                              preprocess=lambda picture: features(np.asarray(picture.convert("L"))))
    assert of_pictures.probs_of(images()).shape == (40, 2)
    with pytest.raises(ModelError, match=r"preprocess .* gave no array for 2 image\(s\).*same shape"):
        CallableNet(of_features, kind="image", preprocess=lambda image: image).probs_of(images()[:2])
    with pytest.raises(ModelError, match=r"shape \(8, 8\).*ZeroDivisionError"):
        CallableNet(of_features, kind="image", preprocess=lambda image: 1 / 0).probs_of(images()[:1])


def test_a_function_of_images_is_told_what_was_wrong_with_it():
    for output, said in (([0.5, 0.5], r"shape \(2,\) for 1 image"), ([[0.2, 0.2]], "for an image sum to 0.400"),
                         ([[-1, 2]], "no probab"), ("dark", "numbers of shape")):
        with pytest.raises(ModelError, match=said):
            CallableNet(lambda some, output=output: output, kind="image").probs_of(images()[:1])
    with pytest.raises(ModelError, match=r"raised on 2 image\(s\): ZeroDivisionError.*uint8 arrays \(H, W\)"):
        CallableNet(lambda some: 1 / 0, kind="image").probs_of(images()[:2])


def test_any_function_of_images_is_a_model_of_a_project(tmp_path, capsys):
    pool = hw.Pool.from_images(images())
    wb = hw.Workbench(tmp_path / "p", pool, ["dark", "light"], model=brightness, progress=False)
    np.testing.assert_allclose(probs(wb), brightness(images()), atol=1e-5)
    assert wb.predict().shape[0] == 40
    version = wb.model().version
    np.testing.assert_allclose(wb.model()(images(8)), brightness(images(8)), atol=1e-5)
    assert wb.models.embeddings(["0", "1"]).shape[0] == 2
    del wb
    wb = hw.Workbench(tmp_path / "p", pool, ["dark", "light"], model=brightness, progress=False)
    assert wb.model().version == version
    for row in range(0, 40, 2):
        wb.decide(str(row), label="dark" if row < 20 else "light")
    run = wb.finetune(epochs=1, adopt="never")
    assert "a function can't be" in run.taken
    assert wb.model().version == version
    assert wb.adopt(lambda some: 1 - brightness(some)) != version
    np.testing.assert_allclose(probs(wb), 1 - brightness(images()), atol=1e-5)


def test_a_preprocessing_belongs_to_the_function(tmp_path):
    pool = hw.Pool.from_images(images())
    wb = hw.Workbench(tmp_path / "p", pool, ["dark", "light"], model=lambda rows: np.column_stack([1 - rows, rows]),
                      preprocess=lambda image: image.mean() / 255, progress=False)
    np.testing.assert_allclose(probs(wb), brightness(images()), atol=1e-5)
    assert wb.registry.architecture.view(images()[0]).ndim == 3  # of the workbench's own nets


def test_an_image_that_a_function_raises_on_does_not_keep_a_project_from_opening(tmp_path):
    def grey_only(some):
        if any(image.ndim == 3 for image in some):
            raise KeyError("colour")
        return brightness(some)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(images()), ["dark", "light"], model=grey_only,
                      progress=False) as wb:
        assert np.isnan(probs(wb)).any(axis=1).tolist() == [image.ndim == 3 for image in images()]
        assert "KeyError: 'colour'" in wb.inference.predictor.unreadable[1]
        assert "item '1'" in wb.inference.predictor.unreadable[1]


def test_what_is_neither_net_nor_function_is_refused(tmp_path):
    pool = hw.Pool.from_images(images())
    for model in (torch.nn.Linear, 3, "resnet18"):
        assert not is_function(model)
        with pytest.raises(ModelError, match=r"torch\.nn\.Module"):
            hw.Workbench(tmp_path / "p", pool, ["dark", "light"], model=model, progress=False)
    wb = hw.Workbench(tmp_path / "p", pool, ["dark", "light"], progress=False)
    with pytest.raises(BadInput, match="or a function is expected"):
        wb.adopt(3)


def test_columns_follow_names_ids_or_numbers():
    assert column_order(["light", "dark"], ["i", "j"], NAMES) == (1, 0)
    assert column_order(["j", "i"], ["i", "j"], NAMES) == (1, 0)
    assert column_order([1, 0], ["i", "j"], NAMES) == (1, 0)
    assert column_order([False, True], ["i", "j"], NAMES) == (0, 1)
    assert column_order([0.0, 1.0], ["i", "j"], NAMES) == (0, 1)
    # Numbers that are names are names.
    assert column_order([0, 1], ["i", "j"], [{"i": "1", "j": "0"}]) == (1, 0)
    # Names of an earlier version of the taxonomy.
    assert column_order(["bright", "dark"], ["i", "j"], [*NAMES, {"i": "dark", "j": "bright"}]) == (1, 0)


@pytest.mark.parametrize("classes", [["dark"], ["dark", "bright"], [1, 2], [0, 1, 2], ["dark", "dark"], []])
def test_other_columns_than_the_labels_are_refused_with_both_lists(classes):
    with pytest.raises(ModelError) as told:
        column_order(classes, ["i", "j"], NAMES)
    assert all(repr(str(one)) in str(told.value) for one in [*classes, "dark", "light"])


def test_columns_of_a_bound_predict_proba_are_reordered(tmp_path):
    from sklearn.dummy import DummyClassifier
    some = DummyClassifier(strategy="prior").fit(np.zeros((4, 1)), ["dark", "light", "light", "light"])
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(images(8)), ["light", "dark"], model=some.predict_proba,
                      preprocess=lambda image: [0.0], progress=False)
    np.testing.assert_allclose(probs(wb), np.tile([0.75, 0.25], (8, 1)), atol=1e-6)
