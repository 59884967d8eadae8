"""``budget import``: plain files of runs out of other tools' stores."""
