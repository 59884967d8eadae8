"""The options of the commands by theme; several reach a command as one record. Only click is loaded here."""
