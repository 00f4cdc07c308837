"""Magics, completion, display and interrupts in an IPython shell."""
