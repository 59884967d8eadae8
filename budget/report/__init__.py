"""The report: a study's numbers as sentences, tables and charts for whoever pays for the plan."""
