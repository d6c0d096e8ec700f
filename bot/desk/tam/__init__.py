"""What the desk does for TAMs beside tickets: notes, absences, the forecast of a morning, their board."""
