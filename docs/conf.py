"""How the pages become a site: ``sphinx-build -W docs site`` (extra ``docs``); nothing is fetched."""

project = "budget"
extensions = ["myst_parser"]
exclude_patterns = ["decisions"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # links to decisions, data and code lead out of the site; a test follows them
html_theme = "furo"
html_title = "budget"
html_copy_source = False
html_show_sphinx = False
