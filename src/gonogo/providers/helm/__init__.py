"""Charts and manifests on a cluster, by helm."""
