"""`make bench` measures the promised figures, ours and our peers' in the same run.

Every speed is a ratio of two servers that take turns, round by round, on the same core with the same load; the figure
is the median of the rounds' ratios. The absolute rates beside it belong to the machine that printed them.
"""
