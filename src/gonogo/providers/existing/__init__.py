"""What is there already: by its addresses, or in a cluster."""
