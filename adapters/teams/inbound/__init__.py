"""Requests from Teams: TokenValidator checks them, botbuilder sorts them, the desk decides the answer."""
