"""Pagers and phones: ways to reach a person beside chat, to which the desk only sends."""
