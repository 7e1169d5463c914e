"""The operations of the management API and their documents, made from the OpenAPI document by `make client`."""
