"""The staff pages' server side: one shell, its static files, and the OpenAPI document."""
