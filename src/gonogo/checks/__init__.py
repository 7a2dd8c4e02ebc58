"""What fixtures and suites are written with: clients, translated errors, HTTP, the journal."""
