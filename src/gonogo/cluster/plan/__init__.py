"""What objects would make of a cluster, and whether it has room for them: no client, no clock; I/O in ``ground`` alone.

``expand`` (objects to pods and claims, by ``workloads`` and a module per operator) → ``admission`` (LimitRanges,
quotas, classes) → ``packing`` (the scheduler's rules, and a search) → ``fit`` (stages, findings, sums).
"""
