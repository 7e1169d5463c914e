"""Asks a gate on another host about each request, and sends it the lines of how the requests ended."""
