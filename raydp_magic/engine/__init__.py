"""Processes: the Java runtime, the driver JVM, the executor actors, and Ray itself."""
