"""A Kubernetes cluster, seen and judged, in one direction.

``api`` (configuration, raw bytes, errors) → ``hub`` (one store per kind and scope) → ``judge`` (plain
objects to states; no client, no clock) → ``behind`` (what stands behind a Service, and why it is silent) and
``survey`` (``gonogo health``). The ways in are ``forward`` (``namespace/name:port`` to an address) and ``inside``
(a shell in a pod); both read ``objects``, in the judge's shapes. Which kinds are looked at stands in ``kinds``.
"""
