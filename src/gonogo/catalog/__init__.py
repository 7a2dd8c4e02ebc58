"""What content declares: components, criteria, profiles, signatures, targets."""
