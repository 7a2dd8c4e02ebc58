"""What a run saw, as values and as a file; and the verdict on it, pure."""
