"""The buying department: orders over a limit wait for a person."""
