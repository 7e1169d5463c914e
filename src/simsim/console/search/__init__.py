"""One search for everything that an account has: tokens, requests, people and the documentation."""
