"""The parts of a business calendar: openings, and the holidays that the `holidays` package publishes."""
