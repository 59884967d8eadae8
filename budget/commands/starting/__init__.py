"""Commands for who begins or builds on the others: a worked example, schemas of JSON, completion in a shell."""
