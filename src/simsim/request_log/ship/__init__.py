"""Turns the lines of gate and proxy into rows, each exactly once."""
