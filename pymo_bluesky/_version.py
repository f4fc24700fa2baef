"""The version, for whatever writes it into a file; knows nothing else."""

VERSION = "0.1.0"
