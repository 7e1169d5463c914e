"""The operator's pages: how the installation is, its emails, accounts and data."""
