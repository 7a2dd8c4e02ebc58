"""A plan as somebody wrote it, before anything of it is deployed: what it holds, and what is wrong with it. Pure."""
