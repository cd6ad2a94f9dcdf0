// Lets a layer exist before it has a source of its own.
