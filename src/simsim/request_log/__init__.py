"""The API log: each request's two lines become one row, exactly once, and rows can be searched and counted."""
