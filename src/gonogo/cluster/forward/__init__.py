"""Ways into a cluster without ``kubectl``: port-forwards, and one SOCKS5 server for names that only it knows."""

from gonogo.cluster.forward.forwards import Forwards

__all__ = ["Forwards"]
