"""The checks: a package for each lab, a module for each exercise; see ``labs/AUTHORING.md``."""
