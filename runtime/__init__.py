"""What runs a compiled network; it never imports the compiler."""
