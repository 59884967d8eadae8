"""The batched fit: from runs to parameters and joint draws. JAX lives here."""
