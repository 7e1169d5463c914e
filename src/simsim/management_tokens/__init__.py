"""Management tokens, with which programs call the management API, and the API's answers to repeated requests."""
