"""Labels, versions of a taxonomy, edits and their history."""
