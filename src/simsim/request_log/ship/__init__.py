"""Turns the gate's and the proxy's lines into rows, each exactly once."""
