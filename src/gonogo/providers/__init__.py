"""How a component gets up and down, gives evidence, and is disturbed on purpose."""
