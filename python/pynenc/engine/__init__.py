"""Engines: where invocations are kept."""
