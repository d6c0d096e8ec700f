"""`frontline policy new`: a pack of one's own, written by asking."""
