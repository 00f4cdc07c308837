"""Tests that interrupt need Python's own handler, also when a shell runs them in the background."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
