"""The pages *Webhooks*: endpoints, what was delivered to them, and their secrets (B20)."""
