"""`python -m cargostream` is the command `cargostream`."""

from cargostream.cli import main

if __name__ == "__main__":
    main()
