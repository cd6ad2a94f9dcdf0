"""What the operator costs, measured on the real thing: `make bench`."""
