"""The pages of the people of an account, one module for each thing that an administrator does."""
