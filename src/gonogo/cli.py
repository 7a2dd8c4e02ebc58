"""The verbs of ``gonogo``."""
