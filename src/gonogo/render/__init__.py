"""Renderers: pure functions from Results to text."""
