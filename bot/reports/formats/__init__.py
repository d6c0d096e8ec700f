"""A report as CSV, as a table on a terminal, as a page and as a picture; tickets as CSV and JSON lines."""
