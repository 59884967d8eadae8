"""Files as bytes and text: read once by content, written whole or not at all."""
