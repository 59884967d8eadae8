"""What the pages draw: pictures as SVG, made when the report is written."""
