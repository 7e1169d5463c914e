"""*How to connect*: recipes for programs that call the API, and the pages that show them."""
