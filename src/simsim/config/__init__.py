"""The only place that wires the rooms: settings in, applications out."""
