"""`frontline init`."""
