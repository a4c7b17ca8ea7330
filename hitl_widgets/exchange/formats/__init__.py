"""File formats, a module for each with one `Format` called ``FORMAT``; `exchange.registry` lists them."""
