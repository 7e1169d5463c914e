"""`make bench` measures the figures that we promise, and those of comparable products in the same run.

Every speed is a ratio of two servers that take turns, round by round, on the same core with the same load; the figure
is the median of the rounds' ratios. The absolute rates beside it are valid only for the machine that printed them.
"""
