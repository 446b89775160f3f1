"""``python -m vdsr_lib``: the command line without an installed script."""

from vdsr_lib.cli import main

if __name__ == "__main__":
    main()
