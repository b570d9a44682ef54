"""archcheck inside of other tools."""
