"""Commands to try the desk with: in a browser, in a terminal."""
