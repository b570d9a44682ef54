"""From a target's text to a module that can be called."""
