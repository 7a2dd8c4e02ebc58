"""What every room stands on: words, errors, files, waiting, the one way out. Imports redaction alone."""
