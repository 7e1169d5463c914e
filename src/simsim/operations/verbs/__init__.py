"""The verbs, with their arguments and output.

Modules that need Django are imported when a verb runs, so that help appears at once.
"""
