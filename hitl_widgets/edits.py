"""Taxonomy edits: every way to change the labels of a project.

Edits are values: pass them to ``wb.preview`` or ``wb.apply``. Read `split` and `between` first. The code is in
`taxonomy.edits` and `taxonomy.attribute_edits` (the effect of each edit) and `taxonomy.diff` (the edits that lead from
one taxonomy to another).

>>> from hitl_widgets import Taxonomy, edits
>>> before = Taxonomy(["top", "Bag"])
>>> edit = edits.split("top", into=["T-shirt", "Shirt"])
>>> edit.prose()
'Split “top” into “T-shirt” and “Shirt”.'
>>> after, resolution = edit.apply(before)
>>> after.names
('T-shirt', 'Shirt', 'Bag')
>>> [[after.name_of(new) for new in resolution[old]] for old in before.label_ids]
[['T-shirt', 'Shirt'], ['Bag']]
>>> print(edits.told(before, after))
Add “T-shirt”.
Add “Shirt”.
Retire “top”.
"""

from .errors import EditError
from .taxonomy.attribute_edits import add_attribute, change_attribute, rename_attribute, retire_attribute
from .taxonomy.diff import between, told
from .taxonomy.edits import (
    Edit,
    Resolution,
    add,
    answers,
    apply,
    compose,
    describe,
    from_body,
    merge,
    move,
    rename,
    retire,
    split,
)

__all__ = ["Edit", "EditError", "Resolution", "add", "add_attribute", "answers", "apply", "between", "change_attribute",
           "compose", "describe", "from_body", "merge", "move", "rename", "rename_attribute", "retire",
           "retire_attribute", "split", "told"]
