"""A Kubernetes cluster, seen and judged: four modules, one direction.

``api`` (configuration, raw bytes, errors) → ``hub`` (one store per kind and scope) → ``judge`` (plain
objects to states; no client, no clock) → ``forward`` (``namespace/name:port`` to an address).
"""
