"""Renders views and forms as Adaptive Cards."""
