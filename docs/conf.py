"""Settings for the documents as a site; `make test ONLY=docs` builds it in docs/_build, offline."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hitl_widgets import __version__  # noqa: E402

project, author = "hitl_widgets", "the hitl_widgets contributors"
version = release = __version__
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build", "README.md"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1180px", "sidebar_width": "260px"}
html_show_sourcelink = False

nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4

default_role = "literal"
autodoc_typehints = "none"  # numpydoc has the types
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_default_options = {"members": True, "show-inheritance": False}
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()

# Links that lead out of docs/ are for those who read the files in the repository; tests/test_docs.py follows each.
suppress_warnings = ["myst.xref_missing"]
