"""HTTP plumbing: routes as data, one handler class, the envelope, the OpenAPI document and live streams."""
