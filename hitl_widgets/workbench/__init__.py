"""The workbench, the main object of a session, and its accessors `models`, `edits` and `people`."""

from .workbench import Workbench as Workbench
