"""Views and forms as Adaptive Cards."""
