"""Access reviews: an account looks at everything that grants access, decides on each, and signs the result (B19)."""
