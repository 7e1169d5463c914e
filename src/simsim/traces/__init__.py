"""Traces for OpenTelemetry: off unless the operator names a collector, and then nothing waits for it."""
