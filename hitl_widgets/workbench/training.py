"""Training, import and adoption of a project's models. Read `finetune` first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import HitlError
from ..records import no_bars
from .services import Services

if TYPE_CHECKING:
    from ..exchange.importing import Imported
    from ..learn.data import LabelledImages
    from ..learn.detector_model import DetectorModel
    from ..learn.model import Model
    from ..learn.object_run import ObjectRun
    from ..learn.run import Run
    from ..learn.values_model import ValuesModel


def finetune(services: Services, *, seed: int | None, **arguments: Any) -> Run | ObjectRun:
    """Train on the annotations, and adopt the result if it is better; `arguments` are the fields of a `Recipe`."""
    project = services.project
    project.require("trained")
    arguments["seed"] = project.settings["seed"] if seed is None else seed
    with services.bars(None, title="Loading torch"):
        from ..learn import run
        from ..widgets.live import Live
    if services.asks_for_objects:
        from ..learn.object_run import ObjectRecipe, finetune_objects
        recipe = ObjectRecipe(**{field.name: arguments[field.name] for field in fields(ObjectRecipe)})
        return finetune_objects(project, services.detectors, recipe, bars=services.bars)

    def compare_maps(regions: Sequence[Any], n_round: int, **how: Any) -> Any:
        from ..explain.explanations import before_and_after
        labels = project.answers().training().set_index("item_id")["label_id"].to_dict()
        return before_and_after(services.registry, regions, n_round, labels=labels, **how)
    return run.finetune(project, services.registry, run.Recipe(**arguments), bars=services.bars,
                        progress=None if services.bars is no_bars else Live, compare_maps=compare_maps)


def import_predictions(services: Services, table: pd.DataFrame, name: str, *, adopt: bool, partial: bool) -> str:
    """Store a table of predictions as a model of the project, and return its version."""
    project = services.project
    project.require_pool()
    project.require("imported")
    if services.asks_for_objects:
        with services.bars(None, title="Loading the model"):
            from ..learn.importing_proposals import import_objects
        return import_objects(project, services.detectors, table, name=name, adopt=adopt, bars=services.bars)
    services.require_labels()
    with services.bars(None, title="Loading the model"):
        from ..learn import importing_predictions
    return importing_predictions.import_predictions(project, services.registry, table, name=name, adopt=adopt,
                                                    partial=partial, bars=services.bars)


def import_predictions_of(services: Services, file: Imported) -> Imported:
    """Import the models' predictions in a file, as models; return the report, with those that can't be imported."""
    if not file.predictions:
        return file
    from ..learn.model_table import models
    project = services.project
    own = set(models(project.log.events())["model"])
    for name in file.predictions:
        if name in own:
            continue
        try:
            import_predictions(services, file.prediction_table(name), file.model_name(name), partial=True,
                               adopt=project.adopted() is None)
        except HitlError as error:
            project.notify(f"The predictions of {name!r} weren't imported: {error}")
            file = file.without_predictions(name, str(error))
    return file


def model(services: Services, version: str | None) -> Model | DetectorModel | ValuesModel:
    """A version of the model; see `Workbench.model`."""
    services.follow()
    if services.project.task == "scale":
        return services.registry.values.model(version)
    return services.detectors.model(version) if services.asks_for_objects else services.registry.model(version)


def adopt(services: Services, version_or_net: Any) -> str:
    """Adopt a former model, or the user's own net; see `Workbench.adopt`."""
    services.project.require_pool()
    services.project.require("adopted")
    if services.asks_for_objects:
        return services.detectors.adopt(version_or_net)
    if not isinstance(version_or_net, str):
        services.require_labels()
    return services.registry.adopt(version_or_net)


def training_set(services: Services, certainty: str) -> LabelledImages:
    """The annotations as a torch Dataset; see `Workbench.training_set`."""
    from ..learn import training_set
    services.require_labels()
    return training_set.training_set(services.project, services.registry, certainty=certainty)
