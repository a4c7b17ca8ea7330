"""Which item is asked next."""
