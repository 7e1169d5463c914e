"""Turns the lines of the gate and of proxies into log rows, each exactly once."""
