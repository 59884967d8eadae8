"""What a finished fit says about itself."""
