def find_errors(source, grammar, error):
    raise error
