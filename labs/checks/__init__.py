"""The checks, one module a lab; see ``labs/AUTHORING.md``."""
