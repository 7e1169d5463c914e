"""The pages of the tokens, one module for each thing that an administrator does."""
