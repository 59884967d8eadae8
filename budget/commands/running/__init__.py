"""How any command runs: found when asked for, its mistakes said in a sentence, its streams watched."""
