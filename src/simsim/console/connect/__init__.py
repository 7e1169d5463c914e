"""How to connect: ready recipes for the programs that call the API, and the pages that show them."""
