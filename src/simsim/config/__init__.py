"""The only package that connects the others: it turns settings into applications."""
