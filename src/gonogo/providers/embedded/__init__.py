"""Real servers as local processes, from package registries: data in ``deploy/<component>/embedded.toml``."""
