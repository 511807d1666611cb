"""Syntax tree -> graph: names, values, shapes, weights' names, and what is wrong with them."""
