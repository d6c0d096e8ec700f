"""What Frontline costs, measured beside its peers in one run: `make bench`, or `python -m bench GROUP`."""
