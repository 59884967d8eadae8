"""``python cli.py …`` is the installed command ``budget``."""

from budget.commands import main

if __name__ == "__main__":
    main()
