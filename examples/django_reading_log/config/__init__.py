"""The settings, the URLs and the entry point of the site."""
