"""Runs once, before the client connects."""

print("the package has started")
