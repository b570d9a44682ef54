"""What each residual connection does to signal and gradient: `archcheck measure`, as values and tables."""
