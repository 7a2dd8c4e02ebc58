"""One run: plan, platform, checks side by side, diagnosis, drills, sweep."""
