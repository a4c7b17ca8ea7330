"""The workbench, a person's one object, and what stands behind `models`, `edits` and `people`."""

from .workbench import Workbench as Workbench
