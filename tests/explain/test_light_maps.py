"""Do the maps of light models lie where the edges are that they read?"""

import numpy as np
import pytest
import torch

import hitl_widgets as hw
from hitl_widgets.explain.attribute import NetExplainer
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import light_net
from hitl_widgets.learn.predict import NetPredictor

torch.set_num_threads(1)


def explained(channels, side, *, method="gradcam"):
    """A map of each of three views that are flat but for a bright square near the top left corner."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, side, side, *([3] if channels == 3 else []))).astype(np.uint8)
    images[:3] = 90
    images[:3, side // 8:side // 4, side // 8:side // 4] = 250
    pool = hw.Pool.from_images(images)
    preprocess = hw.Preprocess(side, channels=channels)
    descriptors = fit_descriptors([preprocess(image) for image in images])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = torch.nn.Linear(descriptors.n_features, 3)
    predictor = NetPredictor(light_net(descriptors, head), pool, ["a", "b", "c"], preprocess=preprocess)
    return [made.values for made in NetExplainer(predictor).explain_many([0, 1, 2], method=method, targets=["a"] * 3)]


@pytest.mark.long
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [20, 28, 64])
def test_gradcam_of_a_light_net_is_a_map_for_each_view_where_its_edges_are(channels, side):
    """Colour views had three maps each, which failed, and a frame around the view shrank the maps of grey ones."""
    for values in explained(channels, side):
        assert values.shape == (side, side)
        end = side // 2 + 3  # a patch reaches so far over an edge
        assert values[:end, :end].sum() > 0.99 * values.sum() > 0


@pytest.mark.long
@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "integrated_gradients", "occlusion"])
def test_other_methods_give_a_map_for_each_colour_view(method):
    for values in explained(3, 28, method=method):
        assert values.shape == (28, 28)
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0
