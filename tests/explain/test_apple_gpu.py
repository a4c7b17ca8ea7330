"""Apple's GPUs have no float64: numbers go to the CPU before they get it."""

import numpy as np
import pytest
import torch
from captum.metrics import infidelity
from nets import LABELS, Perceptron, noise, seeded

from hitl_widgets.explain import faithfulness
from hitl_widgets.explain.attribute import NetExplainer
from hitl_widgets.learn.last_layer import merged_row
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.testing import MemoryPool


class OnAppleGpu(torch.Tensor):
    """A tensor that refuses float64 until it was taken to the CPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs or {})
        if func is torch.Tensor.cpu:
            return result.as_subclass(torch.Tensor)
        if isinstance(result, cls) and result.dtype == torch.float64:
            raise TypeError("the MPS framework doesn't support float64")
        return result


def test_the_fake_refuses_what_the_gpu_refuses():
    on_gpu = torch.ones(2).as_subclass(OnAppleGpu)
    assert on_gpu.cpu().double().dtype == torch.float64
    with pytest.raises(TypeError, match="float64"):
        on_gpu.double()


def test_merged_rows_are_fitted_on_the_cpu():
    weights, biases = torch.randn(2, 5), torch.randn(2)
    embeddings = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    expected = merged_row(weights, biases, embeddings)
    row = merged_row(weights.as_subclass(OnAppleGpu), biases.as_subclass(OnAppleGpu), embeddings)
    for part, other in zip(row, expected, strict=True):
        torch.testing.assert_close(part.as_subclass(torch.Tensor), other)


def test_kernelshap_and_infidelity_are_computed_on_the_cpu(monkeypatch):
    explainer = NetExplainer(NetPredictor(seeded(Perceptron, 3), MemoryPool(noise(2)), LABELS))
    score = explainer.score
    monkeypatch.setattr(explainer, "score", lambda *given: score(*given).as_subclass(OnAppleGpu))
    [attribution] = explainer.explain_many([0], method="kernelshap", targets=["La"])
    assert np.isfinite(attribution.values).all()
    monkeypatch.setattr(explainer, "score", score)
    monkeypatch.setattr(faithfulness, "infidelity", lambda *given, **more: infidelity(*given, **more).as_subclass(
        OnAppleGpu))
    views = torch.stack([explainer.predictor.view(row)[0] for row in range(2)])
    missed = faithfulness._infidelities(explainer, np.ones((2, 28, 28), np.float32), views,
                                        explainer.targets_of(["La", "Lb"], [None, None]), seed=0)
    assert np.isfinite(missed).all()
