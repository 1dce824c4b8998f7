"""What the host asks a load balancer with, for native tests."""

from wit_world.exports.load_balancer import ClientInfo, Combiner


def client(preferred=None):
    return ClientInfo(id="1", name="a client", attributes=[], preferred=preferred)


def combiner(name, clients, capacity=None):
    return Combiner(name=name, clients=clients, capacity=capacity)
