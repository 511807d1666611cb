"""Text -> syntax tree, with every syntax error; and back, in the one layout."""
