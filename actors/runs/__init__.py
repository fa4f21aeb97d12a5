"""Runs as actors. See the face below; filled in as the modules are."""
