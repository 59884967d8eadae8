"""Names of the laws, each with a line for the help of the command line: loads nothing.

The records in ``table.LAWS`` say the same, and a test holds them together; the commands read the table itself once an
option has to be understood, so that a law that was added there is taken too.
"""

SUMMARIES = {
    "power": "E + A·x^-a",
    "chinchilla": "E + A/N^alpha + B/D^beta",
    "repeat": "chinchilla with repeated data",
    "m4": "one scale, levelling off",
    "bnsl": "one scale, with one break",
    "shared": "models of several numbers of tasks",
    "transfer": "mixtures of sources",
    "trend": "one scale, a local trend with its own error",
    "surface": "params and tokens, with the law's own error",
    "surface_repeat": "surface with repeated data",
    "scales": "any two or three scales (--scales), with the law's own error",
}

AUTO = "auto"
"""Stands for the law that a file's columns ask for (``table.choose_law``)."""
