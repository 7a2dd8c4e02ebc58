"""The speed table: each figure measured next to its peer or its limit, in one run on one machine."""
