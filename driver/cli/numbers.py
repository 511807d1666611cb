"""Numbers on the command line, called what users call them."""

import click


class Whole(click.IntRange):
    name = "whole number"


class Real(click.FloatRange):
    name = "number"
