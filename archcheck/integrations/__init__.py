"""archcheck inside other tools."""
