"""Every code that archcheck reports, and what it means."""
