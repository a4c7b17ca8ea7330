"""Selection of the items to be labelled next."""
