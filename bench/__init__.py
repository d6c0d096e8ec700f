"""Benchmarks of Frontline and its peers in one run: `make bench`, or `python -m bench GROUP`."""
