"""Hooks of pytest; nothing but wiring."""
