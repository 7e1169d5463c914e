"""Events that an account's own endpoints are told: chosen by its administrators, signed, and sent at least once."""
