"""The report as a page: its order, charts, tables, HTML and Markdown."""
