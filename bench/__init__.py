"""One command prints the figures that we promise, peers beside ours in the same run: `make bench`.

Every speed is a ratio of two servers that take turns, round by round, on the same core with the same load; the figure
is the median of the rounds' ratios. The absolute rates beside it belong to the machine that printed them.
"""
