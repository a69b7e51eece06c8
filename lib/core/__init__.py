"""What every room may use: errors, paths, the cache, provenance, the backend, how numbers are written."""
