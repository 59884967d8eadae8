"""Plans whose values only fall with spend: scores, targets, menus, unserved tasks, with a proven bound."""
