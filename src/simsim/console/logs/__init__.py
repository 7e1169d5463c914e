"""The pages of the request log: the list with its filters, and one request in its panel."""
