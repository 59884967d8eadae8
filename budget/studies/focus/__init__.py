"""Specialists or shared models: where one overtakes the other."""
