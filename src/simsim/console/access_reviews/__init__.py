"""The pages of access reviews: the list with the schedule, a review with its decisions, the sign-off and the file."""
