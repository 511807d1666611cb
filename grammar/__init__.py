"""The grammar of the `.cnn` language, as package data."""
