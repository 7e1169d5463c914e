"""nginx in front of an API: its configuration and its process. No request reaches the API unless the gate allows it."""
