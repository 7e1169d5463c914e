"""What is stored about one person: found, exported and erased (GDPR, articles 15 to 17)."""
