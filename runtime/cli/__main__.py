"""`python -m runtime.cli`, for checkouts that are not installed."""

from runtime.cli.app import main

if __name__ == "__main__":
    main()
